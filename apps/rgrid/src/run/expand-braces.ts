import { usageProblem } from '../problem.ts';

const MAX_WORDS = 100_000;

/** `{a,b}`, `{1..100}`, `{01..10..3}`, `{a..e}`, nested and repeated, as a shell expands them. */
export function expandBraces(pattern: string): string[] {
  const group = firstGroup(pattern);
  if (!group) return [pattern];
  const tails = expandBraces(pattern.slice(group.end + 1));
  const heads = group.alternatives.flatMap(expandBraces);
  if (heads.length * tails.length > MAX_WORDS) {
    throw usageProblem(`--batch ${pattern}: more than ${MAX_WORDS} inputs`);
  }
  const before = pattern.slice(0, group.start);
  return heads.flatMap((head) => tails.map((tail) => before + head + tail));
}

interface Group {
  start: number;
  end: number;
  alternatives: string[];
}

/** The first pair of braces that means something; `{}`, `{x}` and a lone `{` are plain text. */
function firstGroup(pattern: string): Group | undefined {
  for (let start = pattern.indexOf('{'); start >= 0; start = pattern.indexOf('{', start + 1)) {
    const { end, commas } = matchBrace(pattern, start);
    if (end === undefined) continue;
    const body = pattern.slice(start + 1, end);
    const alternatives =
      commas.length > 0 ? splitAt(pattern, [start, ...commas, end]) : rangeOf(body);
    if (alternatives) return { start, end, alternatives };
  }
  return undefined;
}

function matchBrace(pattern: string, start: number): { end: number | undefined; commas: number[] } {
  const commas: number[] = [];
  let depth = 0;
  for (let index = start; index < pattern.length; index += 1) {
    const letter = pattern[index];
    if (letter === '{') depth += 1;
    else if (letter === ',' && depth === 1) commas.push(index);
    else if (letter === '}') {
      depth -= 1;
      if (depth === 0) return { end: index, commas };
    }
  }
  return { end: undefined, commas };
}

function splitAt(pattern: string, marks: readonly number[]): string[] {
  return marks.slice(1).map((mark, index) => pattern.slice((marks[index] ?? 0) + 1, mark));
}

function rangeOf(body: string): string[] | undefined {
  const numbers = /^(-?\d+)\.\.(-?\d+)(?:\.\.(-?\d+))?$/.exec(body);
  if (numbers) return numberRange(numbers[1] ?? '', numbers[2] ?? '', numbers[3]);
  const letters = /^([A-Za-z])\.\.([A-Za-z])$/.exec(body);
  if (!letters) return undefined;
  const codes = steps((letters[1] ?? '').charCodeAt(0), (letters[2] ?? '').charCodeAt(0), 1);
  return codes.map((code) => String.fromCharCode(code));
}

function numberRange(first: string, last: string, step: string | undefined): string[] {
  const isPadded = [first, last].some((text) => /^-?0\d/.test(text));
  const width = isPadded ? Math.max(first.length, last.length) : 0;
  return steps(Number(first), Number(last), Math.abs(Number(step ?? 1)) || 1).map((value) => {
    const digits = String(Math.abs(value));
    return value < 0 ? `-${digits.padStart(width - 1, '0')}` : digits.padStart(width, '0');
  });
}

function steps(first: number, last: number, step: number): number[] {
  const count = Math.floor(Math.abs(last - first) / step) + 1;
  if (count > MAX_WORDS)
    throw usageProblem(`--batch {${first}..${last}}: more than ${MAX_WORDS} inputs`);
  const direction = last < first ? -step : step;
  return Array.from({ length: count }, (_, index) => first + index * direction);
}
