import { isIPv4, isIPv6 } from 'node:net';

/**
 * A network the way the API gives it back: IPv6 as RFC 5952 writes it, so that what was sent and
 * what is there compare equal. A bare address is a network of one. Undefined for anything else,
 * and for a network with host bits set: it is not clear what was meant by `10.0.0.7/8`.
 */
export function canonicalCidr(text: string): string | undefined {
  const [address = '', prefix, ...more] = text.trim().split('/');
  const words = parseAddress(address);
  if (words === undefined || more.length > 0) return undefined;
  const isV6 = words.length === 8;
  const lengthBits = isV6 ? 128 : 32;
  const prefixBits = prefix === undefined ? lengthBits : parsePrefix(prefix, lengthBits);
  if (prefixBits === undefined || hasHostBits(words, lengthBits, prefixBits)) return undefined;
  return `${isV6 ? formatIpv6(words) : words.join('.')}/${prefixBits}`;
}

/** Four bytes, or eight words of 16 bits. */
function parseAddress(address: string): number[] | undefined {
  if (isIPv4(address)) return address.split('.').map(Number);
  // A zone (`fe80::1%eth0`) means something on one machine only.
  if (!isIPv6(address) || address.includes('%')) return undefined;
  const [head = '', tail] = withoutDots(address).split('::');
  const before = parseWords(head);
  if (tail === undefined) return before;
  const after = parseWords(tail);
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0);
  return [...before, ...zeros, ...after];
}

/** `::ffff:192.0.2.1` to `::ffff:c000:201`. */
function withoutDots(address: string): string {
  return address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, ...bytes: unknown[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
}

function parseWords(text: string): number[] {
  return text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16));
}

function parsePrefix(text: string, maxBits: number): number | undefined {
  if (!/^(0|[1-9]\d{0,2})$/.test(text)) return undefined;
  const bits = Number(text);
  return bits <= maxBits ? bits : undefined;
}

function hasHostBits(words: readonly number[], lengthBits: number, prefixBits: number): boolean {
  const wordBits = lengthBits / words.length;
  const binary = words.map((word) => word.toString(2).padStart(wordBits, '0')).join('');
  return binary.slice(prefixBits).includes('1');
}

/** RFC 5952, section 4: lower case, no leading zeros, the first longest run of two or more zeros as `::`. */
function formatIpv6(words: readonly number[]): string {
  const run = longestZeroRun(words);
  const format = (part: readonly number[]) => part.map((word) => word.toString(16)).join(':');
  if (run.length < 2) return format(words);
  return `${format(words.slice(0, run.start))}::${format(words.slice(run.start + run.length))}`;
}

function longestZeroRun(words: readonly number[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 };
  let current = { start: 0, length: 0 };
  for (const [index, word] of words.entries()) {
    current =
      word === 0 ? { ...current, length: current.length + 1 } : { start: index + 1, length: 0 };
    if (current.length > longest.length) longest = current;
  }
  return longest;
}
