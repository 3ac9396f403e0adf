import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import type { SandboxDriverName } from '../driver.ts';
import { commandCases } from './command-cases.ts';
import { isolationCases } from './isolation-cases.ts';
import { limitCases } from './limit-cases.ts';
import type { CaseReport } from './run-contract.ts';

const NAMES: readonly SandboxDriverName[] = ['bubblewrap', 'namespaces', 'process'];
const PROGRAM = fileURLToPath(new URL('run-contract.ts', import.meta.url));
/** nobody: has no home, no groups and no rights anywhere. */
const AS_NOBODY = ['--reuid=65534', '--regid=65534', '--clear-groups'];

const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path));

async function canRunAsNobody(): Promise<string> {
  if (process.getuid?.() !== 0) return 'the other contract test already runs as an ordinary user';
  if (setpriv === undefined) return 'setpriv is missing';
  const check = [
    ...AS_NOBODY,
    process.execPath,
    '-e',
    `require('fs').accessSync(${JSON.stringify(PROGRAM)})`,
  ];
  return promisify(execFile)(setpriv, check).then(
    () => '',
    () => 'nobody may not read this folder',
  );
}

async function runAsNobody(name: SandboxDriverName): Promise<CaseReport[]> {
  const args = [...AS_NOBODY, process.execPath, PROGRAM, name];
  const { stdout } = await promisify(execFile)(setpriv ?? '', args, {
    env: { PATH: '/usr/bin:/bin' },
    cwd: '/',
  });
  // The program prints nothing but its reports.
  return JSON.parse(stdout) as CaseReport[];
}

const obstacle = await canRunAsNobody();

for (const name of NAMES) {
  describe.skipIf(obstacle !== '')(`the ${name} driver for an ordinary user (${obstacle})`, () => {
    let reports: CaseReport[];
    beforeAll(async () => {
      reports = await runAsNobody(name);
    });

    for (const { name: promise, needsIsolation, needsRoot } of [
      ...commandCases,
      ...limitCases,
      ...isolationCases,
    ]) {
      if (needsRoot === true || (needsIsolation === true && name === 'process')) continue;
      test(promise, () => {
        expect(reports.find((report) => report.name === promise)).toEqual({
          name: promise,
          error: null,
        });
      });
    }
  });
}
