import { LOCAL_RETRIES } from '../api/retry-requests.ts';
import { GridApi } from '../api/grid-api.ts';
import { ApiError } from '../api/failures.ts';
import {
  credentialsPath,
  readCredentials,
  saveProfile,
  type Profile,
} from '../connection/credentials.ts';
import { checkKey, checkUrl } from '../connection/find-platform.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { COMMON_FLAGS, type FlagValues } from '../flags/flag.ts';
import { parseWords } from '../flags/parse-words.ts';
import { Problem, usageProblem } from '../problem.ts';
import { askSecret, askText, canAsk } from '../terminal/ask.ts';
import type { Verb } from './verb.ts';

export const verb: Verb = {
  usage: 'init',
  about: `Set up the access to a platform: asks for its address and an API key (made there with
nexus key create NAME), tries them, and stores them in ~/.rgrid/credentials for you alone.
The platform that npm start runs on this machine needs no setup.`,
  flags: [
    { name: 'api-url', value: 'URL', help: 'the address of the platform' },
    { name: 'api-key-stdin', help: 'read the API key from stdin' },
  ],
  examples: [
    'rgrid init',
    'rgrid init --profile work --api-url https://grid.example.com --api-key-stdin < key.txt',
  ],
  run: init,
};

async function init(context: Context, words: readonly string[]): Promise<ExitCode> {
  const { flags, positionals } = parseWords(words, [...verb.flags, ...COMMON_FLAGS]);
  if (positionals.length > 0)
    throw usageProblem(
      'rgrid init takes no arguments: a key in them would stay in the history of your shell',
    );
  const name = flags.text('profile') ?? 'default';
  if (!/^[\w.@ -]+$/.test(name))
    throw usageProblem(`--profile ${name}: use letters, digits, dots and dashes`);
  const profile = await askProfile(context, flags, readCredentials(context.home).get(name));
  const { account, keyName } = await tryProfile(profile);
  await saveProfile(context.home, name, profile);
  await context.stderr.line(
    `rgrid: profile ${name} is the key ${JSON.stringify(keyName)} of ${account} at ${profile.apiUrl}; stored in ${credentialsPath(context.home)}`,
  );
  return EXIT.ok;
}

async function askProfile(
  context: Context,
  flags: FlagValues,
  known: Profile | undefined,
): Promise<Profile> {
  const given = flags.text('api-url');
  const isKeyPiped = flags.has('api-key-stdin');
  if ((given === undefined || !isKeyPiped) && !canAsk(context)) {
    throw usageProblem('nobody can be asked here: give --api-url URL and --api-key-stdin');
  }
  const suggestion = known?.apiUrl ?? 'http://localhost:8000';
  const apiUrl = checkUrl(
    given ?? (await askText('Address of the platform', suggestion)),
    'the address',
  );
  const apiKey = isKeyPiped ? await readKey(context) : await askSecret('API key');
  return { apiUrl, apiKey: checkKey(apiKey.trim(), 'what was entered') };
}

async function readKey({ stdin }: Context): Promise<string> {
  const { createReadStream } = process.getBuiltinModule('node:fs');
  const chunks: Buffer[] = [];
  // Without an encoding set, a read stream yields Buffers.
  for await (const chunk of createReadStream('', {
    fd: stdin.fd,
    autoClose: false,
  }) as AsyncIterable<Buffer>)
    chunks.push(chunk);
  const key = Buffer.concat(chunks).toString('utf8').trim();
  if (key === '') throw usageProblem('--api-key-stdin: nothing came through stdin');
  return key;
}

async function tryProfile(profile: Profile): Promise<{ account: string; keyName: string }> {
  const api = new GridApi({
    ...profile,
    policy: { ...LOCAL_RETRIES, attempts: 1 },
    onRetry: () => undefined,
  });
  try {
    return await api.whoami();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const hint = error.code === 'unauthorized' ? '' : ' (is the address that of the platform?)';
    throw new Problem(
      `${profile.apiUrl}: ${error.message}${hint}; nothing was stored`,
      EXIT.platform,
      { cause: error },
    );
  } finally {
    api.close();
  }
}
