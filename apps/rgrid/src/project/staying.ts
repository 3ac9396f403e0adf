import { listNames, plural } from '../terminal/text.ts';

/** What a file is that does not travel although no rule says so. */
export type StayReason = 'symbolic link' | 'named pipe' | 'socket' | 'device';

/** Manifest paths by reason. */
export type Staying = ReadonlyMap<StayReason, readonly string[]>;

/** One line for each reason. */
export function describeStaying(staying: Staying): string[] {
  return [...staying].map(([reason, paths]) => {
    const names = listNames(paths, 'name');
    const count = plural(paths.length, reason);
    const isOne = paths.length === 1;
    return reason === 'symbolic link'
      ? `${count} ${isOne ? 'leads' : 'lead'} out of the project and ${isOne ? 'stays' : 'stay'} here: ${names} (to send one, name it as an argument)`
      : `${count} ${isOne ? 'stays' : 'stay'} here: ${names}`;
  });
}
