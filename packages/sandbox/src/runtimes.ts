import { posix } from 'node:path';

/** How a script is started. `argvPrefix` goes before the script's path; its first word may be a bare name. */
export interface Runtime {
  name:
    | 'python'
    | 'node'
    | 'shell'
    | 'ruby'
    | 'perl'
    | 'r'
    | 'php'
    | 'lua'
    | 'executable'
    | 'other';
  /** Empty: the file is executed itself. */
  argvPrefix: readonly string[];
}

export interface ScriptFacts {
  scriptName: string;
  /** The file's beginning; 256 bytes are plenty. */
  firstBytes: Uint8Array;
  mode: number;
  /** What the user named, such as `python3.12` or `bash`. */
  requested?: string;
}

export type RuntimeResult =
  | { ok: true; runtime: Runtime }
  | { ok: false; code: 'unknown_runtime' | 'unknown_script' | 'not_executable'; reason: string };

type RuntimeName = Runtime['name'];

const BY_EXTENSION: Readonly<Record<string, Runtime>> = {
  '.py': { name: 'python', argvPrefix: ['python3'] },
  '.js': { name: 'node', argvPrefix: ['node'] },
  '.mjs': { name: 'node', argvPrefix: ['node'] },
  '.cjs': { name: 'node', argvPrefix: ['node'] },
  '.ts': { name: 'node', argvPrefix: ['node'] },
  '.mts': { name: 'node', argvPrefix: ['node'] },
  '.cts': { name: 'node', argvPrefix: ['node'] },
  '.sh': { name: 'shell', argvPrefix: ['sh'] },
  '.bash': { name: 'shell', argvPrefix: ['bash'] },
  '.zsh': { name: 'shell', argvPrefix: ['zsh'] },
  '.rb': { name: 'ruby', argvPrefix: ['ruby'] },
  '.pl': { name: 'perl', argvPrefix: ['perl'] },
  '.r': { name: 'r', argvPrefix: ['Rscript'] },
  '.php': { name: 'php', argvPrefix: ['php'] },
  '.lua': { name: 'lua', argvPrefix: ['lua'] },
};

/** Words people use for an interpreter, with or without a version. */
const BY_WORD: readonly { pattern: RegExp; name: RuntimeName; word: (match: string) => string }[] =
  [
    { pattern: /^python$/, name: 'python', word: () => 'python3' },
    { pattern: /^python\d+(\.\d+)*$/, name: 'python', word: (match) => match },
    { pattern: /^pypy\d*(\.\d+)*$/, name: 'python', word: (match) => match },
    { pattern: /^(node|nodejs|javascript|typescript)$/, name: 'node', word: () => 'node' },
    { pattern: /^node\d+$/, name: 'node', word: (match) => match },
    { pattern: /^shell$/, name: 'shell', word: () => 'sh' },
    { pattern: /^(sh|bash|dash|zsh|ksh|fish)$/, name: 'shell', word: (match) => match },
    { pattern: /^ruby\d*(\.\d+)*$/, name: 'ruby', word: (match) => match },
    { pattern: /^perl$/, name: 'perl', word: () => 'perl' },
    { pattern: /^(r|R|Rscript)$/, name: 'r', word: () => 'Rscript' },
    { pattern: /^php\d*(\.\d+)*$/, name: 'php', word: (match) => match },
    { pattern: /^lua\d*(\.\d+)*$/, name: 'lua', word: (match) => match },
  ];

/** The runtime a word stands for. undefined: not one of ours, so perhaps the name of an image. */
export function findRuntimeByName(word: string): Runtime | undefined {
  const entry = BY_WORD.find(({ pattern }) => pattern.test(word));
  return entry === undefined ? undefined : { name: entry.name, argvPrefix: [entry.word(word)] };
}

/** The words of a `#!` line, with `env` and its options taken off. */
export function parseShebang(firstBytes: Uint8Array): string[] | null {
  const text = Buffer.from(firstBytes).toString('utf8');
  if (!text.startsWith('#!')) return null;
  const line = text.slice(2).split('\n')[0]?.trim() ?? '';
  const words = line.split(/\s+/).filter(Boolean);
  if (posix.basename(words[0] ?? '') !== 'env') return words.length === 0 ? null : words;
  // `env -S python3 -u` and `env VAR=1 python3`: what counts is the program.
  const program = words.slice(1).findIndex((word) => !word.startsWith('-') && !word.includes('='));
  return program === -1 ? null : words.slice(program + 1);
}

/** A known interpreter is looked up by its name, as its place differs from machine to machine. */
function runtimeOfShebang(words: readonly string[]): Runtime {
  const [program = '', ...args] = words;
  const known = findRuntimeByName(posix.basename(program));
  if (known !== undefined) return { name: known.name, argvPrefix: [...known.argvPrefix, ...args] };
  return { name: 'other', argvPrefix: [program, ...args] };
}

const BINARY_MAGICS = [
  [0x7f, 0x45, 0x4c, 0x46], // ELF
  [0xcf, 0xfa, 0xed, 0xfe], // Mach-O, 64 bit
  [0xca, 0xfe, 0xba, 0xbe], // Mach-O, several architectures
];

function isBinary(firstBytes: Uint8Array): boolean {
  return BINARY_MAGICS.some((magic) => magic.every((byte, index) => firstBytes[index] === byte));
}

const EXECUTABLE: Runtime = { name: 'executable', argvPrefix: [] };
const KNOWN_EXTENSIONS = '.py, .js, .ts, .sh, .rb, .pl, .R, .php';

function unknownRuntime(requested: string): RuntimeResult {
  const reason = `${requested} is not a runtime: use python, python3.12, node, bash, sh, ruby, perl, Rscript or php`;
  return { ok: false, code: 'unknown_runtime', reason };
}

function resolveByContent({ scriptName, firstBytes, mode }: ScriptFacts): RuntimeResult {
  const isExecutable = (mode & 0o111) !== 0;
  const shebang = parseShebang(firstBytes);
  if (shebang !== null) return { ok: true, runtime: runtimeOfShebang(shebang) };
  if (isExecutable) return { ok: true, runtime: EXECUTABLE };
  if (isBinary(firstBytes)) {
    const reason = `${scriptName} is a program but not executable: chmod +x ${scriptName}`;
    return { ok: false, code: 'not_executable', reason };
  }
  const reason = `cannot tell how to run ${scriptName}: it has none of the extensions ${KNOWN_EXTENSIONS}, no #! line and is not executable; name a runtime`;
  return { ok: false, code: 'unknown_script', reason };
}

/**
 * What is asked for, then the extension, then `#!`, then the executable bit. A shell script's own
 * `#!` beats its extension, because `.sh` says nothing about which shell it was written for.
 */
export function resolveRuntime(script: ScriptFacts): RuntimeResult {
  if (script.requested !== undefined) {
    const runtime = findRuntimeByName(script.requested);
    return runtime === undefined ? unknownRuntime(script.requested) : { ok: true, runtime };
  }
  const byExtension = BY_EXTENSION[posix.extname(script.scriptName).toLowerCase()];
  const shebang = parseShebang(script.firstBytes);
  if (byExtension === undefined || (byExtension.name === 'shell' && shebang !== null)) {
    return resolveByContent(script);
  }
  return { ok: true, runtime: byExtension };
}
