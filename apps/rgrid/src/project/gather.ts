import { lstatSync, realpathSync, statSync } from 'node:fs';

import { usageProblem } from '../problem.ts';
import { quoted } from '../terminal/text.ts';
import { IgnoreRules } from './ignore-rules.ts';
import { findNamedPaths, type NamedPath } from './named-paths.ts';
import { isWithin, type ProjectFolder } from './project-folder.ts';
import { addFile, addSymlink, Findings, walk, type WalkTask } from './walk.ts';

export interface GatherRequest {
  project: ProjectFolder;
  /** The script, the dependency files: what travels whatever the ignore files say. */
  required: readonly string[];
  /** Words of the command line; those that name something existing take it along. */
  words: readonly string[];
  /** Absolute paths that stay out: the output folder and the inputs of a batch. */
  excluded: readonly string[];
}

/** Everything that travels for one submit, found but not read yet. */
export function gather(request: GatherRequest): Findings {
  const { project } = request;
  const findings = new Findings();
  const named = findNamedPaths(request.words, project);
  for (const path of request.required) addNamedFile(project, project.place(path), findings);
  for (const path of named) addNamed(project, path, findings);
  walk(
    {
      ...baseTask(project),
      folder: project.root,
      rules: IgnoreRules.forProject(project.root),
      excluded: excludedPaths(request, findings),
    },
    findings,
  );
  return findings;
}

function excludedPaths(request: GatherRequest, findings: Findings): Set<string> {
  const { project, excluded } = request;
  const kept = new Set([...findings.files.values()].map((file) => file.absolute));
  // Leaving out the project itself, or a folder around it, would leave nothing.
  return new Set(excluded.filter((path) => !kept.has(path) && !isWithin(path, project.root)));
}

function baseTask(
  project: ProjectFolder,
): Pick<WalkTask, 'manifestPath' | 'realRoot' | 'excluded'> {
  return {
    manifestPath: (absolute) => project.manifestPath(absolute),
    realRoot: project.root,
    excluded: new Set(),
  };
}

function addNamed(project: ProjectFolder, named: NamedPath, findings: Findings): void {
  if (named.kind === 'broken') {
    throw usageProblem(`${quoted(named.text)} is a symbolic link to nothing`);
  }
  if (named.absolute === project.root) return;
  const place = project.place(named.absolute);
  if (named.kind === 'file') addNamedFile(project, place, findings);
  else addNamedFolder(project, place, findings);
}

function addNamedFile(project: ProjectFolder, absolute: string, findings: Findings): void {
  const target = linkInside(project, absolute);
  if (target === undefined) {
    if (lstatSync(absolute).isSymbolicLink()) findings.followed.add(absolute);
    const path = project.manifestPath(absolute);
    findings.chosen.add(path);
    addFile({ path, absolute, stats: statSync(absolute) }, findings);
  } else {
    addSymlink(
      { ...baseTask(project), folder: project.root, rules: undefined },
      absolute,
      findings,
    );
    addNamedFile(project, target, findings);
  }
}

function addNamedFolder(project: ProjectFolder, absolute: string, findings: Findings): void {
  const isInside = isWithin(project.root, absolute);
  const target = linkInside(project, absolute);
  if (target !== undefined) {
    addSymlink(
      { ...baseTask(project), folder: project.root, rules: undefined },
      absolute,
      findings,
    );
    if (target !== project.root) addNamedFolder(project, target, findings);
    return;
  }
  if (lstatSync(absolute).isSymbolicLink()) findings.followed.add(absolute);
  walk(
    {
      ...baseTask(project),
      folder: absolute,
      realRoot: realpathSync(absolute),
      // Named, so what ignores the folder itself does not hold; the ignore files inside of it do.
      rules: isInside ? IgnoreRules.forProject(absolute).withoutGit().enter(absolute) : undefined,
    },
    findings,
  );
}

/** Where a symbolic link in the project ends, if it is one and stays inside. */
function linkInside(project: ProjectFolder, absolute: string): string | undefined {
  if (!isWithin(project.root, absolute) || !lstatSync(absolute).isSymbolicLink()) return undefined;
  const real = realpathSync(absolute);
  return isWithin(project.root, real) ? real : undefined;
}
