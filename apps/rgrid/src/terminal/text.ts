/** Control characters, which could drive a terminal, and marks that change the direction of text. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/gu;

/** A name as it may be shown. */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, (letter) => {
    if (letter === '\n') return '\\n';
    if (letter === '\t') return '\\t';
    return `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** For the middle of a sentence: quoted where the bare name could be misread. */
export function quoted(text: string): string {
  const shown = printable(text);
  return shown === '' || /[\s"'\\,;]/.test(shown)
    ? JSON.stringify(text).replaceAll(/[\u007F-\u009F\u2028-\u202E]/g, '?')
    : shown;
}

/** The first of many names: `a, b, c and 4 more files`. */
export function listNames(names: readonly string[], noun: string): string {
  const shown = names.slice(0, 5).map(quoted).join(', ');
  const more = names.length - 5;
  return more > 0 ? `${shown} and ${plural(more, `more ${noun}`)}` : shown;
}

/** `1 file`, `3 files`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** `0.4 s`, `12 s`, `3 m 05 s`, `2 h 10 m`. */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} m`;
}

/** Micro-euros as euros, with as many digits as it takes to see anything. */
export function formatEuros(micros: number): string {
  const euros = micros / 1e6;
  if (micros === 0) return '€0.00';
  return Math.abs(euros) >= 0.01 ? `€${euros.toFixed(2)}` : `€${euros.toFixed(6)}`;
}

/** At most `width` columns, the middle of a long name left out. */
export function shorten(text: string, width: number): string {
  const letters = Array.from(text);
  if (letters.length <= width) return text;
  if (width < 3) return letters.slice(0, Math.max(0, width)).join('');
  const head = Math.ceil((width - 1) / 2);
  return [
    ...letters.slice(0, head),
    '…',
    ...letters.slice(letters.length - (width - 1 - head)),
  ].join('');
}
