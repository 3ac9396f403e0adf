import type { Database } from '@nexus/db';
import { AppError } from '@nexus/kit/errors';
import { randomId } from '@nexus/kit/ids';
import { createToken, hashSecret, parseToken } from '@nexus/kit/tokens';

/** Who is calling: set on every request under /api/v1 that is not a worker's. */
export interface Caller {
  accountId: string;
  account: string;
  keyId: string;
  keyName: string;
}

export interface ApiKey {
  name: string;
  account: string;
  createdAt: Date;
  lastUsedAt: Date | null;
  revokedAt: Date | null;
}

export const KEY_KIND = 'rgrid';

/** Names stand in columns and on command lines. Marks are left out, so that no two names look the same and are not. */
const NAME = /^[\p{L}\p{N}][\p{L}\p{N}._-]{0,63}$/u;

function requireName(what: string, name: string): void {
  if (NAME.test(name)) return;
  throw new AppError(
    'invalid_request',
    `${JSON.stringify(name)} cannot be the name of ${what}: use letters, digits, ".", "_" and "-", at most 64, and begin with a letter or digit`,
  );
}

/** Makes a key, and the account if it is new. The text is shown this once: only a hash of it is stored. */
export async function createKey(
  database: Database,
  wanted: { account: string; name: string },
): Promise<string> {
  requireName('a key', wanted.name);
  requireName('an account', wanted.account);
  const token = createToken(KEY_KIND, randomId());
  await database.transaction(async (tx) => {
    await tx.query(
      'insert into accounts (id, name) values ($1, $2) on conflict (name) do nothing',
      [randomId(), wanted.account],
    );
    const created = await tx.query(
      `insert into api_keys (id, account_id, name, secret_hash)
       select $1, id, $2, $3 from accounts where name = $4
       on conflict do nothing returning id`,
      [token.id, wanted.name, token.secretHash, wanted.account],
    );
    if (created.length === 0) {
      throw new AppError(
        'conflict',
        `account ${wanted.account} has a key named ${wanted.name} already; revoke it first`,
      );
    }
  });
  return token.text;
}

export async function listKeys(database: Database): Promise<ApiKey[]> {
  return database.query<ApiKey>(
    `select k.name, a.name as account, k.created_at as "createdAt", k.last_used_at as "lastUsedAt",
       k.revoked_at as "revokedAt"
     from api_keys k join accounts a on a.id = k.account_id order by k.created_at`,
  );
}

/** True if there was such a key. It stops working everywhere within seconds. */
export async function revokeKey(
  database: Database,
  wanted: { account: string; name: string },
): Promise<boolean> {
  const revoked = await database.query(
    `update api_keys k set revoked_at = now() from accounts a
     where a.id = k.account_id and a.name = $1 and k.name = $2 and k.revoked_at is null returning k.id`,
    [wanted.account, wanted.name],
  );
  return revoked.length > 0;
}

// A revoked key works this much longer at most; without it every request would cost one more query.
const CACHE_MS = 2000;
const MAX_CACHED = 10_000;

export class KeyRing {
  readonly #database: Database;
  readonly #cache = new Map<string, { caller: Caller; until: number }>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** Throws AppError unauthorized for anything but a live key. */
  async authenticate(authorization: string | undefined): Promise<Caller> {
    const text = /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1];
    if (text === undefined)
      throw new AppError('unauthorized', 'send an API key: Authorization: Bearer rgrid_…');
    const cached = this.#cache.get(text);
    if (cached && cached.until > Date.now()) return cached.caller;
    const caller = await this.#lookUp(text);
    if (this.#cache.size >= MAX_CACHED) this.#cache.clear();
    this.#cache.set(text, { caller, until: Date.now() + CACHE_MS });
    return caller;
  }

  async #lookUp(text: string): Promise<Caller> {
    const token = parseToken(KEY_KIND, text);
    if (!token) throw new AppError('unauthorized');
    const rows = await this.#database.query<Caller>(
      `update api_keys k set last_used_at = now() from accounts a
       where k.id = $1 and k.secret_hash = $2 and a.id = k.account_id and k.revoked_at is null
       returning k.account_id as "accountId", a.name as account, k.id as "keyId", k.name as "keyName"`,
      [token.id, hashSecret(token.secret)],
    );
    if (!rows[0]) throw new AppError('unauthorized');
    return rows[0];
  }
}
