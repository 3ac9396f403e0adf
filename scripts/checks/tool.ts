import { spawn } from 'node:child_process';
import path from 'node:path';
import type { Check } from './check.ts';

export interface ToolResult {
  readonly exitCode: number;
  readonly output: string;
}

/** Runs a program of this repository's node_modules (or of the machine) in `root`. */
export async function runTool(root: string, command: readonly string[]): Promise<ToolResult> {
  const [program = '', ...args] = command;
  const localPrograms = path.join(root, 'node_modules', '.bin');
  // oxlint paints its output wherever CI is set, NO_COLOR or not.
  const { CI: _ci, ...environment } = process.env;
  const child = spawn(program, args, {
    cwd: root,
    // The tools start with `#!/usr/bin/env node`: the pinned Node has to be found first.
    env: {
      ...environment,
      PATH: `${localPrograms}${path.delimiter}${process.env['PATH'] ?? ''}`,
      NO_COLOR: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      resolve(code ?? 1);
    });
  });
  return { exitCode, output: Buffer.concat(chunks).toString('utf8').trim() };
}

/** A check that is one or more commands; each that exits non-zero is a problem with its output. */
export function toolCheck(name: string, ...commands: readonly (readonly string[])[]): Check {
  return {
    name,
    run: async (root) => {
      const problems: string[] = [];
      for (const command of commands) {
        // One after the other: every tool uses all cores by itself.
        const { exitCode, output } = await runTool(root, command);
        if (exitCode !== 0) problems.push(`${command.join(' ')} exited ${exitCode}\n${output}`);
      }
      return problems;
    },
  };
}
