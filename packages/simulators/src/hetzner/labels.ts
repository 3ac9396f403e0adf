import { invalidInput } from './errors.ts';

export type Labels = Readonly<Record<string, string>>;

const NAME = /^[a-z0-9A-Z](?:[\w.-]{0,61}[a-z0-9A-Z])?$/;
const PREFIX = /^[a-z0-9A-Z](?:[a-z0-9A-Z.-]{0,251}[a-z0-9A-Z])?$/;
const RESERVED_PREFIX = 'hetzner.cloud';

/** Why these labels are not valid, or undefined. */
export function findLabelProblem(labels: Labels): string | undefined {
  for (const [key, value] of Object.entries(labels)) {
    if (!isLabelKey(key)) return `label key ${JSON.stringify(key)} is not correctly formatted`;
    if (key.startsWith(`${RESERVED_PREFIX}/`)) return `label prefix ${RESERVED_PREFIX} is reserved`;
    if (!isLabelValue(value)) {
      return `label value ${JSON.stringify(value)} (key: ${key}) is not correctly formatted`;
    }
  }
  return undefined;
}

function isLabelKey(key: string): boolean {
  const parts = key.split('/');
  const name = parts.pop() ?? '';
  if (parts.length > 1 || !NAME.test(name)) return false;
  return parts.every((prefix) => PREFIX.test(prefix));
}

function isLabelValue(value: string): boolean {
  return value === '' || NAME.test(value);
}

export type Selector = (labels: Labels) => boolean;

/** `k`, `!k`, `k=v`, `k==v`, `k!=v`, `k in (a,b)`, `k notin (a,b)`; a comma means "and". */
export function parseSelector(text: string, field = 'label_selector'): Selector {
  const terms = splitTerms(text).map((term) => parseTerm(term));
  if (terms.some((term) => term === undefined)) {
    throw invalidInput(field, 'label selector is not correctly formatted');
  }
  return (labels) => terms.every((matches) => matches?.(labels));
}

// At the commas that are not between parentheses.
function splitTerms(text: string): string[] {
  return text.trim() === '' ? [] : text.split(/,(?![^()]*\))/).map((term) => term.trim());
}

function parseTerm(term: string): Selector | undefined {
  const set = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(term);
  if (set) return parseSet(set);
  const comparison = /^([^\s=!]+)\s*(==|!=|=)\s*(\S*)$/.exec(term);
  if (comparison) return parseComparison(comparison);
  const presence = /^(!?)\s*(\S+)$/.exec(term);
  if (!presence || !isLabelKey(presence[2] ?? '')) return undefined;
  const [, negation, key = ''] = presence;
  return (labels) => Object.hasOwn(labels, key) === (negation === '');
}

function parseSet([, key = '', operator, list = '']: RegExpExecArray): Selector | undefined {
  const values = new Set(list.split(',').map((value) => value.trim()));
  if (!isLabelKey(key) || ![...values].every(isLabelValue)) return undefined;
  const isIn: Selector = (labels) => values.has(labels[key] ?? '') && Object.hasOwn(labels, key);
  return operator === 'in' ? isIn : (labels) => !isIn(labels);
}

// As in Kubernetes, `k!=v` is also true of what has no `k` at all.
function parseComparison([, key = '', operator, value = '']: RegExpExecArray):
  | Selector
  | undefined {
  if (!isLabelKey(key) || !isLabelValue(value)) return undefined;
  const isEqual: Selector = (labels) => Object.hasOwn(labels, key) && labels[key] === value;
  return operator === '!=' ? (labels) => !isEqual(labels) : isEqual;
}
