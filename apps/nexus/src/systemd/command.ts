import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Option, type Command } from 'commander';

import { Problem } from '../problem.ts';
import { renderUnits, type Deployment, type Unit } from './units.ts';

interface SystemdOptions extends Deployment {
  write?: string;
}

/** `nexus systemd`: the service files of a deployment. */
export function addSystemdCommand(program: Command): void {
  program
    .command('systemd')
    .description('print the service files of a deployment')
    .addOption(
      new Option('--environment <name>', 'which one; its variables are in FOLDER/.env.NAME')
        .choices(['staging', 'production'])
        .makeOptionMandatory(),
    )
    .option('--folder <folder>', 'this repository, on the server', '/home/deploy/rgrid')
    .option('--user <user>', 'who runs the services', 'deploy')
    .option('--write <folder>', 'write files there, for example /etc/systemd/system')
    .action(printUnits);
}

async function printUnits({ write, ...deployment }: SystemdOptions): Promise<void> {
  if (!/^(\/[\w.@-]+)+$/.test(deployment.folder))
    throw new Problem(`${deployment.folder} is not an absolute path of plain characters`);
  if (!/^[a-z_][a-z0-9_-]{0,31}$/.test(deployment.user))
    throw new Problem(`${deployment.user} is not the name of a user`);
  const units = renderUnits(deployment);
  if (write === undefined) process.stdout.write(units.map(toPrint).join('\n'));
  else await writeUnits(units, resolve(write));
}

function toPrint({ name, text }: Unit): string {
  return `# /etc/systemd/system/${name}\n${text}`;
}

async function writeUnits(units: readonly Unit[], folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const { name, text } of units) {
    await writeFile(join(folder, name), text, { mode: 0o644 });
    process.stderr.write(`nexus: wrote ${join(folder, name)}\n`);
  }
  const names = units.map(({ name }) => name).join(' ');
  process.stderr.write(`nexus: next: systemctl daemon-reload && systemctl enable --now ${names}\n`);
}
