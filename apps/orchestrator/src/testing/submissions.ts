import {
  batchEventSchema,
  DEFAULT_LIMITS,
  startReplySchema,
  submitReplySchema,
  type BatchEvent,
  type FileEntry,
  type Submission,
  type SubmitReply,
} from '@nexus/grid/contract';
import { sha256 } from '@nexus/kit/hash';
import type { ApiClient } from '@nexus/testkit';

export type Files = Record<string, string | Uint8Array>;

export interface BatchTraits {
  /** How many, or what they are called; each name is its label and its identity. */
  executions?: number | readonly string[];
  /** The project; by default empty, so that nothing has to be uploaded. */
  files?: Files;
  /** One execution for each, in place of `executions`. */
  inputs?: Files;
  spec?: Partial<Submission['spec']>;
  limits?: Partial<Submission['spec']['limits']>;
  submission?: Partial<Submission>;
}

export function toSubmission(traits: BatchTraits = {}): Submission {
  const inputs = toEntries(traits.inputs ?? {});
  const { executions = 1 } = traits;
  const names =
    typeof executions === 'number'
      ? Array.from({ length: executions }, (_, index) => `${index}`)
      : executions;
  const wanted =
    inputs.length > 0
      ? inputs.map((input) => ({ name: input.path, input }))
      : names.map((name) => ({ name, input: null }));
  return {
    spec: {
      script: 'main.py',
      root: '/home/ana/project',
      ...traits.spec,
      limits: { ...DEFAULT_LIMITS, ...traits.limits },
    },
    project: { entries: toEntries(traits.files ?? {}) },
    executions: wanted.map(({ name, input }) => ({
      label: name,
      args: [name],
      input,
      identity: sha256(name),
    })),
    ...traits.submission,
  };
}

export function toEntries(files: Files): FileEntry[] {
  return Object.entries(files).map(([path, content]) => {
    const bytes = Buffer.from(content);
    return { type: 'file', path, mode: 0o644, sizeBytes: bytes.length, sha256: sha256(bytes) };
  });
}

/** Submits, uploads what is missing and starts, as a client does. */
export async function submitBatch(api: ApiClient, traits: BatchTraits = {}): Promise<SubmitReply> {
  const { status, body } = await api.post('/batches', toSubmission(traits));
  if (status !== 200) throw new Error(`submit answered ${status}: ${JSON.stringify(body)}`);
  const reply = submitReplySchema.parse(body);
  if (reply.state === 'accepted') return reply;
  const contents = Object.values({ ...traits.files, ...traits.inputs }).map((content) =>
    Buffer.from(content),
  );
  for (const content of contents.filter((bytes) => reply.missing.includes(sha256(bytes))))
    await uploadBlob(api, content);
  const started = startReplySchema.parse((await api.post(`/batches/${reply.batchId}/start`)).body);
  if (started.state !== 'accepted') throw new Error(`start misses ${started.missing.join(', ')}`);
  return reply;
}

/** Returns the name of what was uploaded. */
export async function uploadBlob(api: ApiClient, content: string | Uint8Array): Promise<string> {
  const bytes = Buffer.from(content);
  const name = sha256(bytes);
  const { status, body } = await api.put(`/blobs/${name}?offset=0&size=${bytes.length}`, bytes);
  if (status !== 200) throw new Error(`upload answered ${status}: ${JSON.stringify(body)}`);
  return name;
}

/** The event stream as far as it goes now, or with `follow=true` to the end of the batch. */
export async function readEvents(
  api: ApiClient,
  batchId: string,
  query = '',
): Promise<BatchEvent[]> {
  const lines = await api.lines(`/batches/${batchId}/events?${query}`);
  return lines.map((line) => batchEventSchema.parse(line));
}
