import type { Screen } from '../terminal/screen.ts';
import { listNames, quoted } from '../terminal/text.ts';
import type { PlaceReport } from './place-outputs.ts';

export async function reportOutputs(screen: Screen, report: PlaceReport): Promise<void> {
  if (report.changed.length > 0) await screen.say(`wrote ${listNames(report.changed, 'file')}`);
  await reportConflicts(screen, report);
  await reportSkipped(screen, report.skipped);
}

/** What a person has to know even with --quiet: where a file is not what its name says. */
export async function reportConflicts(screen: Screen, report: PlaceReport): Promise<void> {
  for (const { path, beside } of report.conflicts) {
    await screen.warn(
      `${quoted(path)} was changed here meanwhile and stays; the run's is ${quoted(beside)}`,
    );
  }
}

/** What stays on the platform, one line for each reason. */
export async function reportSkipped(
  screen: Screen,
  skipped: PlaceReport['skipped'],
): Promise<void> {
  for (const [reason, group] of Map.groupBy(skipped, (one) => one.reason)) {
    const names = listNames(
      group.map(({ path }) => path),
      'file',
    );
    await screen.warn(`not brought back: ${names} (${reason})`);
  }
}
