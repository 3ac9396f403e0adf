import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeEtcSnapshot } from './etc-snapshot.ts';

let folder: string;
let etc: string;

describe.skipIf(process.platform !== 'linux')('the copy of /etc', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sandbox-etc-'));
    etc = join(folder, 'etc');
    await makeEtcSnapshot(etc);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('names nobody of the host', () => {
    expect(readFileSync(join(etc, 'passwd'), 'utf8').split('\n')).toHaveLength(4);
    for (const name of ['shadow', 'ssh', 'machine-id', 'sudoers', 'cron.d']) {
      expect(existsSync(join(etc, name))).toBe(false);
    }
  });

  test('has what programs need, links as links', () => {
    for (const name of ['ld.so.cache', 'ssl'].filter((entry) => existsSync(`/etc/${entry}`))) {
      expect(readdirSync(etc)).toContain(name);
    }
    if (existsSync('/etc/localtime') && lstatSync('/etc/localtime').isSymbolicLink()) {
      expect(lstatSync(join(etc, 'localtime')).isSymbolicLink()).toBe(true);
    }
  });

  test('holds no file that not everybody may read', () => {
    const secret = execFileSync('find', [etc, '-type', 'f', '!', '-perm', '-004'], {
      encoding: 'utf8',
    });
    expect(secret).toBe('');
    expect(existsSync(join(etc, 'ssl/private'))).toBe(false);
  });
});
