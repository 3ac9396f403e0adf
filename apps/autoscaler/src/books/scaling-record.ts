import type { Database } from '@nexus/db';
import type { RefusalMemory, ScalingPlan, ServerMarket } from '@nexus/grid';

const NOTHING_REFUSED: RefusalMemory = { cells: [], account: null };

/** The one row of what is remembered between plans, and of what the last one said. */
export class ScalingRecord {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async readRefusals(): Promise<RefusalMemory> {
    const [row] = await this.#database.query<{ refusals: RefusalMemory }>(
      'select refusals from scaling',
    );
    return row?.refusals ?? NOTHING_REFUSED;
  }

  async writeRefusals(refusals: RefusalMemory): Promise<void> {
    await this.#database.query('update scaling set refusals = $1', [JSON.stringify(refusals)]);
  }

  async writePlan(plan: ScalingPlan, market: ServerMarket, plannedAt: Date): Promise<void> {
    const { outlooks, notices, budget } = plan;
    await this.#database.query(
      'update scaling set planned_at = $1, outlooks = $2, notices = $3, budget = $4, market = $5',
      [plannedAt, ...[outlooks, notices, budget, market].map((part) => JSON.stringify(part))],
    );
  }
}
