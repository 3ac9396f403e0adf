/** `result.csv` → `result.remote-k3m9x7-0.csv`; `attempt` tells several apart. */
export function besideName(name: string, mark: string, attempt = 1): string {
  const [stem, extension] = split(name);
  return `${stem}.remote-${mark}${attempt === 1 ? '' : `-${attempt}`}${extension}`;
}

/** `k3m9x7q2abcd-17-2` → `k3m9x7-17-2`: short enough for a file name, and nearly as unique. */
export function shortId(executionId: string): string {
  const [batch = '', ...rest] = executionId.split('-');
  return [batch.slice(0, 6), ...rest].join('-');
}

/** What is being fetched lies here until it is whole; what came of a large file stays for the next try. */
export function partName(mark: string): string {
  return `.rgrid-${mark}.part`;
}

/** Of a run on the grid or, with `local-`, here: the id, its index, the number of its retry, the attempt. */
const MARK = String.raw`\.remote-(local-)?[a-z][0-9a-z]{5}(-\d+){1,3}`;
const BESIDE = new RegExp(String.raw`${MARK}(\.[^.]*)?$`);
const ONLY_MARK = new RegExp(`^${MARK}$`);

/** Whether rgrid itself gave a file this name: laid beside another one, or fetched in part. */
export function isOwnName(name: string): boolean {
  return BESIDE.test(name) || /^\.rgrid-[0-9a-f]+\.part$/.test(name);
}

/** Whether it was laid beside a file called `original`. */
export function isBesideNameOf(name: string, original: string): boolean {
  const [stem, extension] = split(original);
  const isAround = name.startsWith(stem) && name.endsWith(extension);
  return isAround && ONLY_MARK.test(name.slice(stem.length, name.length - extension.length));
}

function split(name: string): [stem: string, extension: string] {
  const dot = name.lastIndexOf('.');
  return dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
}
