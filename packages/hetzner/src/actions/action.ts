import { z } from 'zod';

import { timestampSchema } from '../resources/timestamp.ts';

/** Something the API does in the background. */
export interface Action {
  id: number;
  /** `create_server`, `start_server`, `apply_firewall`… */
  command: string;
  status: 'running' | 'success' | 'error';
  /** Percent. */
  progress: number;
  startedAt: Date;
  /** Null while it runs. */
  finishedAt: Date | null;
  error: { code: string; message: string } | null;
  resources: readonly { id: number; type: string }[];
}

export const actionSchema = z
  .object({
    id: z.int(),
    command: z.string(),
    status: z.enum(['running', 'success', 'error']),
    progress: z.number(),
    started: timestampSchema,
    finished: timestampSchema.nullish(),
    error: z.object({ code: z.string(), message: z.string() }).nullish(),
    resources: z.array(z.object({ id: z.int(), type: z.string() })).default([]),
  })
  .transform(({ started, finished, error, ...rest }): Action => {
    // Of an action that went well the documentation shows an error all the same.
    const failure = rest.status === 'error' ? (error ?? UNEXPLAINED) : null;
    return { ...rest, startedAt: started, finishedAt: finished ?? null, error: failure };
  });

const UNEXPLAINED = { code: 'action_failed', message: 'the action failed and did not say why' };

export const actionReply = z.object({ action: actionSchema }).transform(({ action }) => action);

export const actionsReply = z
  .object({ actions: z.array(actionSchema) })
  .transform(({ actions }) => actions);
