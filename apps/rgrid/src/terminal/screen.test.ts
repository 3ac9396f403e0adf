import { Writable } from 'node:stream';

import { expect, it } from 'vitest';

import { Output } from './output.ts';
import { Screen } from './screen.ts';

/** A terminal that keeps what was written to it. */
class FakeTerminal extends Writable {
  readonly isTTY = true;
  columns = 40;
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

const CLEAR = '\r\u001B[2K';

function makeScreen(isQuiet = false) {
  const terminal = new FakeTerminal();
  const output = new Output(terminal, { NO_COLOR: '1' });
  return { terminal, screen: new Screen({ stdout: output, stderr: output, isQuiet }) };
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((done) => setImmediate(done));
}

it('takes the bar away before anything else is printed, and at the end', async () => {
  const { terminal, screen } = makeScreen();
  screen.showBar((columns) => `bar of ${columns}`);
  await until(() => terminal.text.includes('bar'));
  await screen.scriptStdout(Buffer.from('out\n'));
  expect(terminal.text).toBe(`${CLEAR}bar of 40${CLEAR}out\n`);
  await until(() => terminal.text.endsWith('bar of 40'));
  await screen.hideBar();
  expect(terminal.text.endsWith(`bar of 40${CLEAR}`)).toBe(true);
});

it('takes all of the bar away that a narrower terminal has wrapped', async () => {
  const { terminal, screen } = makeScreen();
  screen.showBar((columns) => 'x'.repeat(columns - 1));
  await until(() => terminal.text.includes('x'));
  terminal.columns = 15;
  await until(() => terminal.text.endsWith('x'.repeat(14)) && terminal.text.includes('\u001B[2A'));
  expect(terminal.text).toBe(`${CLEAR}${'x'.repeat(39)}\r\u001B[2A\u001B[J${'x'.repeat(14)}`);
  terminal.columns = 7;
  await screen.hideBar();
  expect(terminal.text.endsWith('\r\u001B[1A\u001B[J')).toBe(true);
});

it('draws no bar behind half a line, and begins prose on a line of its own', async () => {
  const { terminal, screen } = makeScreen();
  await screen.scriptStdout(Buffer.from('half'));
  screen.showBar(() => 'bar');
  await screen.say('note');
  await until(() => terminal.text.includes('bar'));
  await screen.hideBar();
  expect(terminal.text).toBe(`half\nrgrid: note\n${CLEAR}bar${CLEAR}`);
});

it('tags the lines of a group on a terminal, both streams as one', async () => {
  const { terminal, screen } = makeScreen();
  const group = [
    { stream: 'stdout' as const, data: Buffer.from('out ') },
    { stream: 'stderr' as const, data: Buffer.from('err\nhalf') },
  ];
  await screen.scriptGroup(group, { label: 'a.csv', lines: 'auto' });
  await screen.scriptGroup(group, { label: 'b.csv', lines: 'never' });
  expect(terminal.text).toBe('a.csv\tout err\na.csv\thalf\nout err\nhalf');
});

it('holds everything back while a question is asked', async () => {
  const { terminal, screen } = makeScreen();
  let answer = (_: string) => {};
  const asked = screen.hold(() => new Promise<string>((done) => (answer = done)));
  const printed = screen.scriptStdout(Buffer.from('later\n'));
  await new Promise((done) => setImmediate(done));
  expect(terminal.text).toBe('');
  answer('yes');
  await printed;
  expect([await asked, terminal.text]).toEqual(['yes', 'later\n']);
});

it('is quiet but for warnings', async () => {
  const { terminal, screen } = makeScreen(true);
  screen.showBar(() => 'bar');
  await screen.say('prose');
  await screen.warn('warning');
  await screen.hideBar();
  expect(terminal.text).toBe('rgrid: warning\n');
});
