import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

interface Profile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  timeDeltas: number[];
}

export interface Hotspot {
  name: string;
  selfMs: number;
}

/** Where the CPU time of a process went, the largest first; read from what `--cpu-prof` left in `folder`. */
export async function listHotspots(folder: string, root: string): Promise<Hotspot[]> {
  const selfUs = new Map<string, number>();
  for (const file of (await readdir(folder)).filter((name) => name.endsWith('.cpuprofile'))) {
    // Written by V8 in this shape.
    const profile = JSON.parse(await readFile(join(folder, file), 'utf8')) as Profile;
    const names = new Map(profile.nodes.map((node) => [node.id, frameName(node.callFrame, root)]));
    for (const [index, sample] of profile.samples.entries()) {
      const name = names.get(sample) ?? '?';
      selfUs.set(name, (selfUs.get(name) ?? 0) + (profile.timeDeltas[index] ?? 0));
    }
  }
  return [...selfUs]
    .map(([name, us]) => ({ name, selfMs: us / 1000 }))
    .toSorted((a, b) => b.selfMs - a.selfMs);
}

function frameName(frame: Profile['nodes'][number]['callFrame'], root: string): string {
  const file = frame.url
    .replace(/^file:\/\//, '')
    .replace(root, '')
    .replace(/^.*node_modules\//, '');
  const place = file === '' ? '' : ` ${file}:${frame.lineNumber + 1}`;
  return `${frame.functionName || '(anonymous)'}${place}`;
}
