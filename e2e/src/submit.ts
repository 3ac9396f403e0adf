import { canonicalJson, sha256 } from '@nexus/kit/hash';
import { manifestSha256 } from '@nexus/grid';
import {
  DEFAULT_LIMITS,
  type BatchEvent,
  type FileEntry,
  type Submission,
  type SubmitReply,
} from '@nexus/grid/contract';
import type { ApiClient } from '@nexus/testkit';

/** Files of a project: path → text or bytes; a leading `+x ` in the path makes it executable. */
export type Files = Record<string, string | Uint8Array>;

export interface Job {
  files: Files;
  script: string;
  /** One execution for each list of arguments; an `input` names a file of `inputs`. */
  executions?: readonly { args?: string[]; input?: string; label?: string }[];
  inputs?: Files;
  spec?: Partial<Submission['spec']>;
  submission?: Partial<Submission>;
}

/** Uploads what is missing and submits, as a client does. */
export async function submit(api: ApiClient, job: Job): Promise<SubmitReply> {
  const submission = toSubmission(job);
  const { status, body } = await api.post('/batches', submission);
  if (status !== 200) throw new Error(`submit answered ${status}: ${JSON.stringify(body)}`);
  // The server writes what submitReplySchema says.
  const reply = body as SubmitReply;
  if (reply.state === 'accepted') return reply;
  const bytes = new Map(
    Object.values({ ...job.files, ...job.inputs }).map((content) => [
      sha256(content),
      Buffer.from(content),
    ]),
  );
  for (const name of reply.missing) {
    const content = bytes.get(name) ?? Buffer.alloc(0);
    const uploaded = await api.put(`/blobs/${name}?offset=0&size=${content.length}`, content);
    if (uploaded.status !== 200) throw new Error(`upload answered ${uploaded.status}`);
  }
  const started = await api.post(`/batches/${reply.batchId}/start`);
  if (started.body.state !== 'accepted')
    throw new Error(`start answered ${JSON.stringify(started.body)}`);
  return reply;
}

export function toSubmission(job: Job): Submission {
  const project = { entries: toEntries(job.files) };
  const inputs = new Map(toEntries(job.inputs ?? {}).map((entry) => [entry.path, entry]));
  const { limits, ...spec } = job.spec ?? {};
  return {
    spec: {
      script: job.script,
      root: '/home/ana/project',
      limits: { ...DEFAULT_LIMITS, ...limits },
      ...spec,
    },
    project,
    executions: (job.executions ?? [{}]).map(({ args = [], input, label }, index) => ({
      label: label ?? input ?? `${index}`,
      args: input === undefined ? args : [...args, input],
      input: input === undefined ? null : (inputs.get(input) ?? null),
      identity: sha256(
        canonicalJson([
          manifestSha256(project),
          job.script,
          args,
          inputs.get(input ?? '')?.sha256 ?? '',
          spec,
        ]),
      ),
    })),
    ...job.submission,
  };
}

export function toEntries(files: Files): FileEntry[] {
  return Object.entries(files).map(([name, content]) => {
    const bytes = Buffer.from(content);
    const isExecutable = name.startsWith('+x ');
    const path = isExecutable ? name.slice(3) : name;
    return {
      type: 'file',
      path,
      mode: isExecutable ? 0o755 : 0o644,
      sizeBytes: bytes.length,
      sha256: sha256(bytes),
    };
  });
}

export type ExecutionEvent = Extract<BatchEvent, { type: 'execution' }>;

/** Follows a batch to its end; its executions in the order of their index. */
export async function runToEnd(api: ApiClient, batchId: string): Promise<ExecutionEvent[]> {
  // The server writes what batchEventSchema says; tests read it as it is.
  const events = (await api.lines(`/batches/${batchId}/events?follow=true`)) as BatchEvent[];
  if (events.at(-1)?.type !== 'end') throw new Error('the event stream was cut off');
  return events
    .filter((event): event is ExecutionEvent => event.type === 'execution')
    .toSorted((a, b) => a.execution.index - b.execution.index);
}

/** All of one stream of an execution. */
export async function readLog(
  api: ApiClient,
  executionId: string,
  stream: 'stdout' | 'stderr',
): Promise<Buffer> {
  const lines = await api.lines(`/executions/${executionId}/logs?stream=${stream}`);
  return Buffer.concat(
    // As above: the lines are log events.
    (lines as { type: string; chunk?: { data: string } }[]).flatMap((line) =>
      line.chunk ? [Buffer.from(line.chunk.data, 'base64')] : [],
    ),
  );
}

/** The files an execution made, by path. */
export async function readOutputs(
  api: ApiClient,
  executionId: string,
): Promise<Map<string, { mode?: number; bytes?: Buffer; target?: string }>> {
  const { body } = await api.get(`/executions/${executionId}/outputs`);
  const outputs = new Map<string, { mode?: number; bytes?: Buffer; target?: string }>();
  for (const entry of body.entries) {
    const { path, mode, target } = entry;
    if (entry.type !== 'file') outputs.set(path, entry.type === 'symlink' ? { target } : { mode });
    else
      outputs.set(path, {
        mode,
        bytes: Buffer.from(await (await api.raw(`/blobs/${entry.sha256}`)).arrayBuffer()),
      });
  }
  return outputs;
}
