import { parseBytes } from '@nexus/kit/bytes';

import { usageProblem } from '../problem.ts';

const SECONDS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 };

/** `90`, `30s`, `5m`, `1h30m`, `2h` → seconds. */
export function parseDuration(flag: string, text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)([smhd]?)/g)];
  const isWhole = parts.map((part) => part[0]).join('') === text;
  const seconds = parts.reduce(
    (sum, [, count, unit]) => sum + Number(count) * (SECONDS[unit ?? ''] ?? 1),
    0,
  );
  if (!isWhole || seconds <= 0)
    throw usageProblem(`--${flag} ${text}: not a duration (30s, 5m, 2h)`);
  return seconds;
}

export function parseSize(flag: string, text: string): number {
  const bytes = parseBytes(text);
  if (bytes === undefined || bytes <= 0)
    throw usageProblem(`--${flag} ${text}: not a size (512M, 2G)`);
  return bytes;
}

export function parseCount(
  flag: string,
  text: string,
  range: { min: number; max: number },
): number {
  const count = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (count >= range.min && count <= range.max) return count;
  throw usageProblem(`--${flag} ${text}: not a whole number from ${range.min} to ${range.max}`);
}

export function parseNumber(
  flag: string,
  text: string,
  range: { min: number; max: number },
): number {
  const value = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= range.min && value <= range.max) return value;
  throw usageProblem(`--${flag} ${text}: not a number from ${range.min} to ${range.max}`);
}

/** `key=value`; the value may be empty and may hold more `=`. */
export function parsePair(flag: string, text: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals < 1) throw usageProblem(`--${flag} ${text}: write it as NAME=VALUE`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

/** A day, a moment (UTC unless it says otherwise), or a duration counted back from now. */
export function parseTime(flag: string, text: string | undefined, now: number): Date | undefined {
  if (text === undefined) return undefined;
  if (/^\d+(\.\d+)?[smhd]$/.test(text)) return new Date(now - parseDuration(flag, text) * 1000);
  const hasTime = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?$/.test(text);
  const time = new Date(hasTime ? `${text.replace(' ', 'T')}${text.length > 10 ? 'Z' : ''}` : text);
  if (/^\d{4}-\d{2}-\d{2}/.test(text) && !Number.isNaN(time.getTime())) return time;
  throw usageProblem(
    `--${flag} ${text}: write a day (2026-11-01), a time (2026-11-01T08:00) or how long ago (7d)`,
  );
}
