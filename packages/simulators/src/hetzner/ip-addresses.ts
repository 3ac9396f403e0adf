import { isIPv4, isIPv6 } from 'node:net';

/** An IPv4 range; addresses are numbers from 0 to 2^32 - 1. */
export interface Ipv4Range {
  readonly start: number;
  readonly prefixLength: number;
}

export function parseIpv4(text: string): number | undefined {
  if (!isIPv4(text)) return undefined;
  return text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

/** Undefined for what is no CIDR, or one with bits of a host set. */
export function parseIpv4Range(text: string): Ipv4Range | undefined {
  const [address = '', length = '', ...rest] = text.split('/');
  const start = parseIpv4(address);
  const prefixLength = Number(length);
  if (start === undefined || rest.length > 0 || !/^\d{1,2}$/.test(length) || prefixLength > 32) {
    return undefined;
  }
  return start % 2 ** (32 - prefixLength) === 0 ? { start, prefixLength } : undefined;
}

export function formatIpv4Range(range: Ipv4Range): string {
  return `${formatIpv4(range.start)}/${range.prefixLength}`;
}

/** The first address behind the range. */
export function endOf(range: Ipv4Range): number {
  return range.start + 2 ** (32 - range.prefixLength);
}

export function contains(outer: Ipv4Range, inner: Ipv4Range): boolean {
  return outer.start <= inner.start && endOf(inner) <= endOf(outer);
}

export function overlaps(a: Ipv4Range, b: Ipv4Range): boolean {
  return a.start < endOf(b) && b.start < endOf(a);
}

// RFC 1918.
const PRIVATE_RANGES: readonly Ipv4Range[] = [
  { start: 10 * 2 ** 24, prefixLength: 8 },
  { start: (172 * 256 + 16) * 2 ** 16, prefixLength: 12 },
  { start: (192 * 256 + 168) * 2 ** 16, prefixLength: 16 },
];

export function isPrivate(range: Ipv4Range): boolean {
  return PRIVATE_RANGES.some((outer) => contains(outer, range));
}

/** A CIDR of either family as the API gives it back (IPv6 by RFC 5952), or undefined if it is none. */
export function canonicalCidr(text: string): string | undefined {
  const range = parseIpv4Range(text);
  if (range) return formatIpv4Range(range);
  const [address = '', length = '', ...rest] = text.split('/');
  const prefixLength = Number(length);
  if (!isIPv6(address) || rest.length > 0 || !/^\d{1,3}$/.test(length) || prefixLength > 128) {
    return undefined;
  }
  const canonical = canonicalIpv6(address);
  return canonical !== undefined && hasNoHostBits(canonical, prefixLength)
    ? `${canonical}/${prefixLength}`
    : undefined;
}

// The URL standard writes IPv6 hosts as RFC 5952 does.
function canonicalIpv6(address: string): string | undefined {
  return URL.parse(`http://[${address}]/`)?.hostname.slice(1, -1);
}

function hasNoHostBits(canonical: string, prefixLength: number): boolean {
  const [head = '', tail] = canonical.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => '0')];
  const bits = [...groups, ...right]
    .map((group) => Number.parseInt(group, 16).toString(2).padStart(16, '0'))
    .join('');
  return !bits.slice(prefixLength).includes('1');
}
