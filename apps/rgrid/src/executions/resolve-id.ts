import type { GridApi } from '../api/grid-api.ts';
import { EXIT } from '../exit-codes.ts';
import { Problem, usageProblem } from '../problem.ts';
import { quoted } from '../terminal/text.ts';

/** `k3m9x7q2abcd` or `k3m9x7q2abcd-17`, written out. */
export interface Target {
  kind: 'batch' | 'execution';
  id: string;
}

const BATCH_ID_LENGTH = 12;

/** Reads an id; its batch part may be cut short as long as it fits only one of the newest batches. */
export async function resolveId(api: GridApi, text: string): Promise<Target> {
  const match = /^([a-z][0-9a-z]{0,11})((?:-\d+){0,2})$/.exec(text);
  if (!match)
    throw usageProblem(`${quoted(text)} is neither the id of a batch nor of an execution`);
  const [, prefix = '', rest = ''] = match;
  const batchId = prefix.length === BATCH_ID_LENGTH ? prefix : await findBatch(api, prefix);
  return { kind: rest === '' ? 'batch' : 'execution', id: batchId + rest };
}

async function findBatch(api: GridApi, prefix: string): Promise<string> {
  const { executions } = await api.listExecutions({ limit: 1000 });
  const found = [...new Set(executions.map((execution) => execution.batchId))].filter((id) =>
    id.startsWith(prefix),
  );
  if (found.length === 1 && found[0] !== undefined) return found[0];
  if (found.length === 0)
    throw new Problem(`there is no run whose id begins with ${prefix}`, EXIT.failed);
  throw usageProblem(
    `${prefix} fits ${found.length} runs: ${found.slice(0, 4).join(', ')}${found.length > 4 ? ', …' : ''}`,
  );
}

/** The one id a verb needs. */
export function onlyId(positionals: readonly string[], verb: string): string {
  const [id, ...more] = positionals;
  if (id === undefined)
    throw usageProblem(`which run? rgrid ${verb} ID (rgrid status lists the newest)`);
  if (more.length > 0) throw usageProblem(`rgrid ${verb} takes one id`);
  return id;
}
