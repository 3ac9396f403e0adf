import { Command } from 'commander';

import { addWorkerBundleCommand } from './bundle/command.ts';
import { addDaemonCommand } from './daemon/command.ts';
import { addGcCommand } from './gc/command.ts';
import { addImageCommand } from './image/command.ts';
import { addKeyCommands } from './keys/commands.ts';
import { Problem } from './problem.ts';
import { addServersCommand } from './servers/command.ts';
import { addSimulateCommand } from './simulate/command.ts';
import { addSystemdCommand } from './systemd/command.ts';
import { addUpCommand } from './up/command.ts';

const program = new Command('nexus')
  .description('Operate the platform: start it on one machine, make API keys, simulate clouds.')
  .version('0.1.0')
  .showHelpAfterError('(nexus --help lists the commands)')
  .showSuggestionAfterError();
addUpCommand(program, process.env);
addKeyCommands(program, process.env);
addDaemonCommand(program, process.env);
addServersCommand(program, process.env);
addGcCommand(program, process.env);
addSimulateCommand(program, process.env);
addWorkerBundleCommand(program, process.env);
addImageCommand(program, process.env);
addSystemdCommand(program);

try {
  await program.parseAsync(process.argv);
} catch (error) {
  if (!(error instanceof Error)) throw error;
  const isExpected = error instanceof Problem || error.name === 'ConfigError';
  process.stderr.write(`nexus: ${isExpected ? error.message : (error.stack ?? error.message)}\n`);
  process.exit(1);
}
