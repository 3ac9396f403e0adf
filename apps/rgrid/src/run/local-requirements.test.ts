import { expect, it } from 'vitest';

import { localRequirement } from './local-requirements.ts';

it.each([
  ['./mypkg', './mypkg'],
  ['.', '.'],
  ['../shared[extra]', '../shared'],
  ['/srv/pkg', '/srv/pkg'],
  ['-e .', '.'],
  ['-e ./pkg[dev]', './pkg'],
  ['--editable=pkg', 'pkg'],
  ['libs/pkg ; python_version > "3.8"', 'libs/pkg'],
  ['wheels/x-1.0-py3-none-any.whl --hash=sha256:00', 'wheels/x-1.0-py3-none-any.whl'],
  ['x-1.0.tar.gz', 'x-1.0.tar.gz'],
  ['pkg @ file:///srv/pkg', 'file:///srv/pkg'],
  ['file:./pkg', 'file:./pkg'],
  ['--find-links ./wheels', './wheels'],
  ['-f wheels', 'wheels'],
])('%s lies here, as %s', (line, path) => {
  expect(localRequirement(line)).toBe(path);
});

it.each([
  'requests',
  'requests==2.31.0 --hash=sha256:00',
  'requests[socks]>=2,<3 ; python_version < "4"',
  'git+https://example.com/a/b.git@main#egg=b',
  '-e git+ssh://git@example.com/a/b.git#egg=b',
  'b @ https://example.com/b.zip',
  'https://example.com/b-1.0.whl',
  '--pre',
  '-f https://example.com/wheels',
  '--no-binary :all:',
  '-r other/requirements.txt',
])('%s does not', (line) => {
  expect(localRequirement(line)).toBeUndefined();
});
