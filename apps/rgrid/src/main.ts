import { runCommandLine } from './cli.ts';
import type { Context } from './context.ts';
import { homeOf } from './environment.ts';
import { Output } from './terminal/output.ts';

// The launcher's own setting: a script run here must not inherit it.
const { NODE_COMPILE_CACHE: _, ...env } = process.env;

const context: Context = {
  env,
  cwd: currentFolder(),
  home: homeOf(env),
  stdin: { fd: 0, isTerminal: process.getBuiltinModule('node:tty').isatty(0) },
  stdout: new Output(process.stdout, env),
  stderr: new Output(process.stderr, env),
  signals: {
    listen: (listener) => {
      const signals = ['SIGINT', 'SIGTERM'] as const;
      for (const signal of signals) process.on(signal, listener);
      return () => {
        for (const signal of signals) process.off(signal, listener);
      };
    },
  },
};

function currentFolder(): string {
  try {
    return process.cwd();
  } catch {
    process.stderr.write('rgrid: the current folder is gone: go to one that exists\n');
    return process.exit(2);
  }
}

process.exit(await runCommandLine(context, process.argv.slice(2)));
