import { manifestSha256 } from '@nexus/grid';
import {
  DEFAULT_LIMITS,
  type FileEntry,
  type Submission,
  type SubmitReply,
} from '@nexus/grid/contract';
import { canonicalJson, sha256 } from '@nexus/kit/hash';

import type { Api } from './http.ts';

export interface Job {
  script: string;
  text: string;
  /** One execution for each list of arguments. */
  args: readonly (readonly string[])[];
}

function toSubmission({ script, text, args }: Job): Submission {
  const bytes = Buffer.from(text);
  const entry: FileEntry = {
    type: 'file',
    path: script,
    mode: 0o644,
    sizeBytes: bytes.length,
    sha256: sha256(bytes),
  };
  const project = { entries: [entry] };
  const projectSha256 = manifestSha256(project);
  return {
    spec: { script, root: '/home/ana/project', limits: DEFAULT_LIMITS },
    project,
    executions: args.map((own, index) => ({
      label: `${index}`,
      args: [...own],
      input: null,
      identity: sha256(canonicalJson([projectSha256, script, own])),
    })),
  };
}

/** Sends the script's bytes first, so that the submission is accepted at once. */
export async function uploadScript(api: Api, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  await api.put(`/blobs/${sha256(bytes)}?offset=0&size=${bytes.length}`, bytes);
}

export async function submitJob(api: Api, job: Job): Promise<SubmitReply> {
  const reply = await api.post<SubmitReply>('/batches', toSubmission(job));
  if (reply.state !== 'accepted') throw new Error(`the submission is ${reply.state}`);
  return reply;
}
