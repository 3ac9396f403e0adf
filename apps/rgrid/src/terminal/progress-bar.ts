import { formatDuration } from './text.ts';

export interface BatchProgress {
  total: number;
  done: number;
  failed: number;
  running: number;
  /** Ended, and its outputs on their way to the platform. */
  saving: number;
  /** Done in earlier runs, so they say nothing about the speed of this one. */
  reused: number;
  elapsedMs: number;
}

/** Finished per second, once enough have finished to say. */
export function rateOf({ done, reused, elapsedMs }: BatchProgress): number | undefined {
  const finished = done - reused;
  return finished >= 2 && elapsedMs >= 500 ? finished / (elapsedMs / 1000) : undefined;
}

function remainingMs(progress: BatchProgress): number | undefined {
  const rate = rateOf(progress);
  return rate === undefined ? undefined : ((progress.total - progress.done) / rate) * 1000;
}

function formatRate(rate: number): string {
  if (rate >= 10) return `${Math.round(rate)}/s`;
  if (rate >= 0.5) return `${rate.toFixed(1)}/s`;
  return `${(rate * 60).toFixed(1)}/min`;
}

/** The parts after the counts, the most telling first: a narrow terminal loses them from the end. */
function details(progress: BatchProgress): string[] {
  const rate = rateOf(progress);
  const left = remainingMs(progress);
  return [
    ...(progress.failed > 0 ? [`${progress.failed} failed`] : []),
    `${progress.running} running`,
    ...(progress.saving > 0 ? [`${progress.saving} saving outputs`] : []),
    ...(left !== undefined && progress.done < progress.total
      ? [`${formatDuration(left)} left`]
      : []),
    ...(rate === undefined ? [] : [formatRate(rate)]),
  ];
}

const MAX_BAR = 24;
const MIN_BAR = 8;

/** One line of at most `columns - 1` columns: a full line would wrap on some terminals. */
export function renderProgress(progress: BatchProgress, columns: number): string {
  const width = Math.max(1, columns - 1);
  const counts = `${progress.done}/${progress.total}`;
  let text = counts;
  for (const detail of details(progress)) {
    if (text.length + detail.length + 3 > width) break;
    text += ` · ${detail}`;
  }
  const room = Math.min(MAX_BAR, width - text.length - 1);
  if (room < MIN_BAR) return text.slice(0, width);
  const share = progress.total === 0 ? 1 : progress.done / progress.total;
  const filled = Math.floor(room * share);
  return `${'█'.repeat(filled)}${'░'.repeat(room - filled)} ${text}`;
}

/** The same without a terminal: a plain line now and then. */
export function plainProgress(progress: BatchProgress): string {
  return `${progress.done} of ${progress.total} done, ${details(progress).join(', ')}`;
}
