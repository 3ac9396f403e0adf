import type { Execution } from '@nexus/grid/contract';
import type { HetznerSimulator, LiveServer } from '@nexus/simulators/hetzner';

import { billByMonth } from './bill.ts';
import type { Stage } from './stage.ts';

/** How the grid is doing. */
interface Situation {
  waiting: number;
  active: number;
  /** Servers that are being made or deleted. */
  moving: number;
  living: number;
  /** Until the first hour that is being paid ends. */
  hourLeftMs: number | null;
  onlyBudget: boolean;
}

/** What the observer sees of a run, and what it may do. */
export interface Observed {
  readonly stage: Stage;
  readonly cloud: HetznerSimulator;
  readonly startsAtMs: number;
  limits: () => { servers: number; budgetMicros: number };
  /** Batches that are still to come. */
  pendingBursts: () => number;
  pokeWorkers: () => void;
  /** The operator gives more money. */
  liftBudget: () => Promise<void>;
  note: (problem: string) => void;
  count: (what: string) => void;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const LONGEST_MS = 14 * 60 * MINUTE;
/** The end has to last: whoever was frozen comes back. */
const LULL_MS = 5 * MINUTE;
const BUDGET_PATIENCE_MS = 10 * MINUTE;
const LABEL = { name: 'managed-by', value: 'rgrid' };
const KEYS_OF_CHANGE = ['waiting', 'active', 'moving', 'living'] as const;

/** Servers under the label of the grid. */
function listOurs(cloud: HetznerSimulator): LiveServer[] {
  return cloud.account.servers().filter(({ labels }) => labels[LABEL.name] === LABEL.value);
}

/** Looks at a run all along: what must hold at every moment, and whether it has come to its end. */
export class Observer {
  readonly #run: Observed;
  overBudget = 0;
  isOver = false;
  #situation: Situation | undefined;
  #looks = 0;
  /** How often in a row nothing had changed. */
  #looksAlike = 0;
  #shortSince: number | null = null;
  #quietSince: number | null = null;

  constructor(run: Observed) {
    this.#run = run;
  }

  /** As often as the daemon plans by itself; more seldom, the longer nothing happens. */
  pauseMs(): number {
    const now = this.#situation;
    if (!now || now.moving > 0) return 10 * SECOND;
    if (now.hourLeftMs !== null && now.hourLeftMs < 4 * MINUTE) return 10 * SECOND;
    // Below what the daemon takes for a sleep of its machine.
    return Math.min(50 * SECOND, 10 * SECOND * (1 + this.#looksAlike));
  }

  get isAnyoneWaiting(): boolean {
    return this.#situation?.waiting !== 0;
  }

  async look(): Promise<void> {
    const now = await this.#readSituation();
    const isAlike = KEYS_OF_CHANGE.every((key) => now[key] === this.#situation?.[key]);
    this.#looksAlike = isAlike ? this.#looksAlike + 1 : 0;
    this.#situation = now;
    this.#looks += 1;
    const servers = listOurs(this.#run.cloud);
    this.#check(servers);
    if (now.waiting > 0) this.#run.pokeWorkers();
    if (now.waiting > 0 && this.#looks % 8 === 0) await this.#checkReasons();
    await this.#liftProtections(servers);
    await this.#giveMoney(now);
    this.#decideEnd(now, servers.length);
  }

  async #readSituation(): Promise<Situation> {
    const { time, own } = this.#run.stage;
    const [row] = await time.busy(() =>
      own.database.query<Situation & Record<string, unknown>>(
        `select b.*, s.*, jsonb_array_length(outlooks) > 0
             and not jsonb_path_exists(outlooks, '$[*] ? (@.code != "budget")') as "onlyBudget"
         from scaling,
           (select coalesce(sum(queued), 0)::int as waiting, coalesce(sum(active), 0)::int as active from batches) b,
           (select count(*)::int as living,
              (count(*) filter (where state in ('intended', 'booting', 'deleting')))::int as moving,
              (min(extract(epoch from paid_until(created_at, now()) - now())) * 1000)::int as "hourLeftMs"
            from servers where state <> 'gone') s`,
      ),
    );
    if (!row) throw new Error('the table scaling is empty');
    return row;
  }

  #check(servers: readonly LiveServer[]): void {
    const { note, cloud } = this.#run;
    const limits = this.#run.limits();
    if (servers.length > limits.servers)
      note(`${servers.length} servers in the cloud, ${limits.servers} allowed`);
    for (const [month, micros] of billByMonth(cloud.account)) {
      if (micros <= limits.budgetMicros) continue;
      this.overBudget += 1;
      note(`the bill of ${month} is ${micros} micros, the budget ${limits.budgetMicros}`);
    }
  }

  async #checkReasons(): Promise<void> {
    const { stage, note } = this.#run;
    if (!stage.controlPlane.isUp) return;
    const path = '/api/v1/executions?state=queued&limit=1000';
    const { body } = await stage.controlPlane.call('GET', path);
    // The server writes what executionListSchema says.
    const executions = body.executions as Execution[];
    const mute = executions.find(({ state, waiting }) => state === 'queued' && !waiting?.message);
    if (mute) note(`${mute.id} waits and cannot say why`);
  }

  /** The operator is told of deletes that do not get through, and takes the protection off. */
  async #liftProtections(servers: readonly LiveServer[]): Promise<void> {
    const { stage, cloud, count } = this.#run;
    const isProtected = servers.filter(({ isDeleteProtected }) => isDeleteProtected);
    if (isProtected.length === 0) return;
    const [scaling] = await stage.time.busy(() =>
      stage.own.database.query<{ notices: { code: string; message: string }[] }>(
        'select notices from scaling',
      ),
    );
    const told = scaling?.notices.filter(({ code }) => code === 'delete_stuck') ?? [];
    for (const { id, name } of isProtected) {
      if (!told.some(({ message }) => message.includes(name))) continue;
      count('protection lifted by hand');
      const request = {
        method: 'POST',
        headers: { authorization: `Bearer ${cloud.token}` },
        body: JSON.stringify({ delete: false }),
      };
      const url = `${cloud.url}/servers/${id}/actions/change_protection`;
      // What goes wrong with it is tried again at the next look.
      await cloud.fetch(url, request).catch(() => undefined);
    }
  }

  /** When nothing but money has kept the rest waiting for a while, there is more of it. */
  async #giveMoney({ onlyBudget, active, living }: Situation): Promise<void> {
    const { stage, pendingBursts, liftBudget } = this.#run;
    const isShort = onlyBudget && active + living + pendingBursts() === 0;
    const now = stage.time.now();
    this.#shortSince = isShort ? (this.#shortSince ?? now) : null;
    if (this.#shortSince === null || now - this.#shortSince < BUDGET_PATIENCE_MS) return;
    this.#shortSince = null;
    await liftBudget();
  }

  #decideEnd(situation: Situation, inCloud: number): void {
    const { stage, startsAtMs, pendingBursts, note } = this.#run;
    const now = stage.time.now();
    const { waiting, active, living } = situation;
    const isQuiet = waiting + active + living + inCloud + pendingBursts() === 0;
    this.#quietSince = isQuiet ? (this.#quietSince ?? now) : null;
    if (this.#quietSince !== null && now - this.#quietSince >= LULL_MS) this.isOver = true;
    if (now - startsAtMs < LONGEST_MS) return;
    note(`it has not come to its end: ${JSON.stringify(situation)}`);
    this.isOver = true;
  }
}
