import type { Screen } from '../terminal/screen.ts';
import { plural, quoted } from '../terminal/text.ts';
import type { PlaceReport } from './place-outputs.ts';

const SHOWN = 5;

export async function reportOutputs(screen: Screen, report: PlaceReport): Promise<void> {
  if (report.placed.length > 0) {
    const names = report.placed.slice(0, SHOWN).map(quoted).join(', ');
    const more = report.placed.length - SHOWN;
    await screen.say(
      `wrote ${names}${more > 0 ? ` and ${plural(more, 'more file', 'more files')}` : ''}`,
    );
  }
  await reportConflicts(screen, report);
}

/** What a person has to know even with --quiet: where a file is not what its name says. */
export async function reportConflicts(screen: Screen, report: PlaceReport): Promise<void> {
  for (const { path, beside } of report.conflicts) {
    await screen.warn(
      `${quoted(path)} was changed here meanwhile and stays; the run's is ${quoted(beside)}`,
    );
  }
  for (const { path, reason } of report.skipped) {
    await screen.warn(`${quoted(path)} was not written: ${reason}`);
  }
}
