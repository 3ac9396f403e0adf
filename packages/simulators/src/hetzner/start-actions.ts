import { takeFault, type Call } from './call.ts';
import { nextId, type Action, type Project } from './state.ts';

/** One thing that takes time. Its effects happen on the account's timeline, at the time they are given. */
export interface Step {
  command: string;
  resources: Action['resources'];
  durationMs: number;
  onStart?: (at: number) => void;
  onSuccess?: (at: number) => void;
  onFailure?: (at: number) => void;
  /** It ends with this error, and not with success. */
  failure?: NonNullable<Action['error']> | undefined;
}

interface RunningStep extends Step {
  action: Action;
  isStuck: boolean;
  error: Action['error'];
}

/** Starts the steps one after another; if one fails, so do those behind it. Servers are locked meanwhile. */
export function startActions(call: Call, steps: readonly Step[], at = call.now): Action[] {
  const running = steps.map((step) => prepare(call, step, at));
  for (const { action, isStuck } of running) {
    // What never ends locks nothing: the server could not even be deleted any more.
    if (isStuck) break;
    serversOf(call.project, action).forEach(({ locks }) => locks.add(action.id));
  }
  runFrom(call, running, at);
  return running.map(({ action }) => action);
}

export function startAction(call: Call, step: Step, at = call.now): Action {
  const [action] = startActions(call, [step], at);
  if (!action) throw new Error(`no action came of ${step.command}`);
  return action;
}

function prepare(call: Call, step: Step, at: number): RunningStep {
  const { command, resources } = step;
  const isMeant = (fault: { command: string }): boolean => fault.command === command;
  const failure = takeFault(call, 'failed_action', isMeant);
  const extraMs = takeFault(call, 'slow_action', isMeant)?.extraMs ?? 0;
  const action: Action = {
    ...{ id: nextId(call.account), command, status: 'running', resources, error: null },
    ...{ startedAt: at, endsAt: Number.POSITIVE_INFINITY, finishedAt: null },
  };
  call.project.actions.set(action.id, action);
  return {
    ...step,
    action,
    durationMs: step.durationMs + extraMs,
    isStuck: takeFault(call, 'stuck_action', isMeant) !== undefined,
    error: failure
      ? { code: failure.code ?? 'action_failed', message: failure.message ?? 'Action failed' }
      : (step.failure ?? null),
  };
}

function runFrom(call: Call, steps: readonly RunningStep[], at: number): void {
  const [step, ...later] = steps;
  if (!step) return;
  step.onStart?.(at);
  if (step.isStuck) return;
  step.action.endsAt = at + step.durationMs;
  call.account.timeline.schedule(step.action.endsAt, (endedAt) => {
    const error = step.error ?? findMissingServer(call.project, step.action);
    if (error) return failAll(call.project, { steps, error, at: endedAt });
    end(call.project, step.action, endedAt);
    step.onSuccess?.(endedAt);
    runFrom(call, later, endedAt);
  });
}

function failAll(
  project: Project,
  failed: { steps: readonly RunningStep[]; error: NonNullable<Action['error']>; at: number },
): void {
  for (const { action, onFailure } of failed.steps) {
    end(project, action, failed.at);
    action.status = 'error';
    action.error = failed.error;
    onFailure?.(failed.at);
  }
}

function end(project: Project, action: Action, at: number): void {
  action.status = 'success';
  action.finishedAt = at;
  serversOf(project, action).forEach(({ locks }) => locks.delete(action.id));
}

function findMissingServer(project: Project, action: Action): Action['error'] {
  const isMissing = action.resources.some(
    ({ type, id }) => type === 'server' && !project.servers.has(id),
  );
  return isMissing ? { code: 'not_found', message: 'server not found' } : null;
}

function serversOf(project: Project, action: Action) {
  return action.resources.flatMap(({ id, type }) => {
    const server = type === 'server' ? project.servers.get(id) : undefined;
    return server ? [server] : [];
  });
}
