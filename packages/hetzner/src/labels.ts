/** Labels of a resource. A change replaces the whole set. */
export type Labels = Readonly<Record<string, string>>;

// https://docs.hetzner.cloud/reference/cloud#description/labels: an optional DNS prefix of up to
// 253 characters and a name of up to 63 that begins and ends with a letter or digit.
const NAME = /^[a-z0-9](?:[a-z0-9_.-]{0,61}[a-z0-9])?$/i;
const PREFIX = /^[a-z0-9](?:[a-z0-9_.-]{0,251}[a-z0-9])?$/i;

/** What the API would not take, one sentence each; empty if all is well. */
export function findLabelProblems(labels: Labels): string[] {
  return Object.entries(labels).flatMap(([key, value]) => [
    ...(isLabelKey(key) ? [] : [`"${key}" cannot be the key of a label`]),
    ...(value === '' || NAME.test(value) ? [] : [`"${value}" cannot be the value of label ${key}`]),
  ]);
}

function isLabelKey(key: string): boolean {
  const [first = '', second, ...more] = key.split('/');
  if (more.length > 0 || first === 'hetzner.cloud') return false;
  return second === undefined ? NAME.test(first) : PREFIX.test(first) && NAME.test(second);
}

/** Selects what has all of these labels. */
export function toLabelSelector(labels: Labels): string {
  return (
    Object.entries(labels)
      // A key alone selects whatever has it; an empty value has no spelling of its own.
      .map(([key, value]) => (value === '' ? key : `${key}=${value}`))
      .join(',')
  );
}

export function hasLabels(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}
