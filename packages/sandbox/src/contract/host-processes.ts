import { execFileSync } from 'node:child_process';

/** Processes of this machine whose command line holds a marker, by host pid. */
export function listProcessesWith(marker: string): number[] {
  const text = execFileSync('ps', ['-A', '-o', 'pid=,args='], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  return text
    .split('\n')
    .filter((line) => line.includes(marker))
    .map((line) => Number.parseInt(line.trim(), 10));
}

let markers = 0;

/** A number of seconds nobody else sleeps: finds our processes in a listing of all. */
export function uniqueSleep(): string {
  return `9${process.pid}${String((markers += 1)).padStart(3, '0')}`;
}
