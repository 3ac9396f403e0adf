import { EventQueue } from './event-queue.ts';
import { canServe, roomFor, type Room } from './packing.ts';
import type { Ask } from './snapshot.ts';

/** Something that runs executions from some time on. */
export interface Machine extends Room {
  readonly id: string;
  readonly offers: readonly string[];
  readonly availableAtMs: number;
  readonly running: readonly {
    readonly cpus: number;
    readonly memoryBytes: number;
    readonly endAtMs: number;
  }[];
}

export interface QueuedGroup extends Ask {
  readonly count: number;
  readonly parallel: number | null;
  readonly active: number;
  readonly runMs: number;
}

/** `count` executions of a group on `slots` slots of a machine; more than one a slot follow each other. */
export interface Placement {
  readonly group: number;
  readonly machineId: string;
  readonly startAtMs: number;
  readonly endAtMs: number;
  readonly count: number;
  readonly slots: number;
}

/**
 * A longer queue is simulated in chunks that follow each other on a slot: its end moves by less than a
 * chunk, and a million executions take no longer than a thousand. Each slot gets a few chunks at least.
 */
const MOST_STEPS = 1000;
const STEPS_A_SLOT = 4;

interface Seat {
  readonly machine: Machine;
  slots: number;
  cpus: number;
  memoryBytes: number;
}

interface Waiting {
  readonly group: QueuedGroup;
  readonly index: number;
  readonly chunk: number;
  readonly seats: ReadonlySet<Seat>;
  left: number;
  active: number;
}

interface Release extends Room {
  /** Null: of an execution that runs elsewhere and only counts towards its group's limit. */
  readonly seat: Seat | null;
  readonly waiting: Waiting | null;
}

/**
 * Plays the queue through: groups in their order, each execution on the first machine in the given
 * order that has room. Without placement stays what no machine could ever run.
 */
export function runQueue(
  groups: readonly QueuedGroup[],
  machines: readonly Machine[],
  nowMs: number,
): Placement[] {
  const events = new EventQueue<Release>();
  const seats = machines.map((machine) => seat(machine, events, nowMs));
  const chunk = chunkOf(groups, machines);
  const queue = groups.map((group, index) => enqueue(group, { index, chunk, seats }));
  for (const waiting of queue) endActive(waiting, events, nowMs);
  const placements: Placement[] = [];
  let atMs = nowMs;
  for (;;) {
    for (const seat of seats) fill(seat, queue, { atMs, events, placements });
    if (queue.every(isSettled)) return placements;
    const next = events.pop();
    if (next === undefined) return placements;
    atMs = next.atMs;
    release(next.event);
    // All that ends at this moment, before anything is placed again.
    while (events.nextAtMs === atMs) {
      const same = events.pop();
      if (same) release(same.event);
    }
  }
}

function seat(machine: Machine, events: EventQueue<Release>, nowMs: number): Seat {
  const free = { slots: machine.slots, cpus: machine.cpus, memoryBytes: machine.memoryBytes };
  for (const { cpus, memoryBytes } of machine.running) {
    free.slots -= 1;
    free.cpus -= cpus;
    free.memoryBytes -= memoryBytes;
  }
  const isHere = machine.availableAtMs <= nowMs;
  const seat: Seat = isHere ? { machine, ...free } : { machine, slots: 0, cpus: 0, memoryBytes: 0 };
  if (!isHere) events.push(machine.availableAtMs, { seat, waiting: null, ...free });
  for (const { cpus, memoryBytes, endAtMs } of machine.running) {
    events.push(Math.max(nowMs, endAtMs), { seat, waiting: null, slots: 1, cpus, memoryBytes });
  }
  return seat;
}

function chunkOf(groups: readonly QueuedGroup[], machines: readonly Machine[]): number {
  const executions = groups.reduce((sum, group) => sum + group.count, 0);
  const slots = machines.reduce((sum, machine) => sum + machine.slots, 0);
  return Math.ceil(executions / Math.max(MOST_STEPS, STEPS_A_SLOT * slots));
}

function enqueue(
  group: QueuedGroup,
  given: { readonly index: number; readonly chunk: number; readonly seats: readonly Seat[] },
): Waiting {
  const { index, chunk, seats } = given;
  return {
    group,
    index,
    chunk: Math.max(1, Math.min(chunk, group.count)),
    seats: new Set(seats.filter(({ machine }) => canServe(group, machine))),
    left: group.count,
    active: group.active,
  };
}

/** What a limited group has running ends one by one over its run time: nobody knows which is how old. */
function endActive(waiting: Waiting, events: EventQueue<Release>, nowMs: number): void {
  const { parallel, active, runMs } = waiting.group;
  if (parallel === null) return;
  for (let n = 1; n <= active; n += 1) {
    const endAtMs = nowMs + (runMs * n) / (active + 1);
    events.push(endAtMs, { seat: null, waiting, slots: 1, cpus: 0, memoryBytes: 0 });
  }
}

function isSettled({ left, seats, group }: Waiting): boolean {
  return left === 0 || seats.size === 0 || group.parallel === 0;
}

interface Moment {
  readonly atMs: number;
  readonly events: EventQueue<Release>;
  readonly placements: Placement[];
}

function fill(seat: Seat, queue: readonly Waiting[], moment: Moment): void {
  for (const waiting of queue) {
    if (seat.slots <= 0) return;
    const { group, seats, chunk, left, active } = waiting;
    const allowed = group.parallel === null ? Infinity : group.parallel - active;
    if (left === 0 || allowed <= 0 || !seats.has(seat)) continue;
    const room = roomFor(group, seat);
    // As workers lease: what is too large for the moment is waited for, small ones do not pass it.
    if (room === 0) return;
    place(waiting, seat, { ...moment, steps: Math.min(room, allowed, Math.ceil(left / chunk)) });
  }
}

function place(waiting: Waiting, seat: Seat, moment: Moment & { readonly steps: number }): void {
  const { group, chunk, index } = waiting;
  const { atMs, steps } = moment;
  const count = Math.min(waiting.left, steps * chunk);
  const endAtMs = atMs + group.runMs * chunk;
  const taken = { slots: steps, cpus: steps * group.cpus, memoryBytes: steps * group.memoryBytes };
  seat.slots -= taken.slots;
  seat.cpus -= taken.cpus;
  seat.memoryBytes -= taken.memoryBytes;
  waiting.left -= count;
  waiting.active += steps;
  moment.events.push(endAtMs, { seat, waiting, ...taken });
  moment.placements.push({
    group: index,
    machineId: seat.machine.id,
    startAtMs: atMs,
    endAtMs,
    count,
    slots: steps,
  });
}

function release({ seat, waiting, slots, cpus, memoryBytes }: Release): void {
  if (seat) {
    seat.slots += slots;
    seat.cpus += cpus;
    seat.memoryBytes += memoryBytes;
  }
  if (waiting) waiting.active -= slots;
}
