import { createDriver } from '../create-driver.ts';
import type { SandboxDriverName } from '../driver.ts';
import { commandCases } from './command-cases.ts';
import { isolationCases } from './isolation-cases.ts';
import { limitCases } from './limit-cases.ts';
import { openRoom } from './room.ts';

export interface CaseReport {
  name: string;
  error: string | null;
}

/** Runs the contract for one driver in this process, for the tests that need another user's. */
async function runContract(name: SandboxDriverName): Promise<CaseReport[]> {
  const driver = await createDriver(name);
  const reports: CaseReport[] = [];
  for (const contractCase of [...commandCases, ...limitCases, ...isolationCases]) {
    if (contractCase.needsRoot === true) continue;
    if (contractCase.needsIsolation === true && !driver.description.isolates) continue;
    const room = openRoom(driver);
    const error = await contractCase.run(room).then(
      () => null,
      (reason: unknown) => (reason instanceof Error ? reason.message : String(reason)),
    );
    reports.push({ name: contractCase.name, error });
    room.remove();
  }
  await driver.close();
  return reports;
}

// The strictest a worker may be started with; nothing may depend on it.
process.umask(0o077);
// The test that starts this program passes one of the names.
const reports = await runContract(process.argv[2] as SandboxDriverName);
process.stdout.write(JSON.stringify(reports));
