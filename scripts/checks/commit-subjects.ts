import type { Check } from './check.ts';
import { runTool } from './tool.ts';

const MAX_LENGTH = 72;
const SHAPE = /^[a-z0-9][a-z0-9./-]*(?:, ?[a-z0-9][a-z0-9./-]*)*: \S/;

export function findSubjectProblem(subject: string): string | undefined {
  if (subject.length > MAX_LENGTH) return `${subject.length} characters, at most ${MAX_LENGTH}`;
  return SHAPE.test(subject) ? undefined : 'not of the shape `area: what changed`';
}

/** Every commit of HEAD that this clone has; merges are worded by git. */
export const commitSubjects: Check = {
  name: 'commit-subjects',
  run: async (root) => {
    const log = await runTool(root, ['git', 'log', '--no-merges', '--format=%h %s', 'HEAD']).catch(
      () => undefined,
    );
    // No git, no repository or no commit yet: nothing to read.
    if (log?.exitCode !== 0 || log.output === '') return [];
    return log.output.split('\n').flatMap((line) => {
      const [hash = '', ...words] = line.split(' ');
      const problem = findSubjectProblem(words.join(' '));
      return problem === undefined ? [] : [`${hash} "${words.join(' ')}": ${problem}`];
    });
  },
};
