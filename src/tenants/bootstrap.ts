import { asTenantId, type Database, type TenantId, type Tx } from '../platform/database.js';
import { generateKey, hashesMatch, type ParsedKey, parseKey } from './key-format.js';
import { insertKey } from './keys.js';
import { insertDefaultTeam } from './tenants.js';

/** The tenant that every installation begins with. */
const firstTenantName = 'default';

export interface Bootstrapped {
  readonly tenantId: TenantId;
  /** A key that was made just now, in plain text; null if one was preset or there were keys already. */
  readonly createdKey: string | null;
}

/** TIDEMARK_ADMIN_KEY cannot be installed; the message says what to do. */
export class AdminKeyError extends Error {
  override readonly name = 'AdminKeyError';
}

/**
 * Makes sure that somebody can get in: the tenant `default` with its team, and an operator's admin key. The key is the
 * preset one if there is one, else a new one as long as the installation has no key at all. A preset key is installed
 * beside others, so that setting TIDEMARK_ADMIN_KEY is also the way back in when all keys are lost; one that was
 * revoked stays revoked. Safe to run at every start and by several processes at once.
 *
 * @throws AdminKeyError if the preset key is not an admin key by format, or its id belongs to another key
 */
export async function bootstrap(db: Database, { adminKey }: { adminKey: string | null }): Promise<Bootstrapped> {
  const preset = adminKey === null ? null : parseAdminKey(adminKey);
  const tenantId = await ensureFirstTenant(db);
  const createdKey = await db.withTenant(tenantId, async (tx) => {
    // Of two processes that start together, the second must see the first one's key.
    await tx.query(`select pg_advisory_xact_lock(hashtext('tidemark.bootstrap'))`);
    await insertDefaultTeam(tx, tenantId);
    if (preset) {
      await ensurePresetKey(tx, tenantId, preset);
      return null;
    }
    const [{ present }] = await tx.query<{ present: boolean }[]>('select exists (select from api_key) as present');
    if (present) return null;
    const key = generateKey('admin');
    await insertOperatorKey(tx, tenantId, key, 'first key');
    return key.text;
  });
  return { tenantId, createdKey };
}

function parseAdminKey(text: string): ParsedKey {
  const key = parseKey(text);
  if (key?.role === 'admin') return key;
  const fault =
    key === null ? 'is not a Tidemark key (or was cut off or misspelt)' : `is a key for the role ${key.role}`;
  // The sample is random and stored nowhere, so it may be shown and used.
  throw new AdminKeyError(
    `TIDEMARK_ADMIN_KEY ${fault}. It must look like tmk_admin_<12 characters>_<38 characters> with a right checksum; ` +
      `this is a fresh one that you can use: ${generateKey('admin').text}`,
  );
}

async function ensureFirstTenant(db: Database): Promise<TenantId> {
  return db.acrossTenants(async (tx) => {
    await tx.query('insert into tenant (name) values ($1) on conflict (name) do nothing', [firstTenantName]);
    const [row] = await tx.query<{ tenant_id: string }[]>('select tenant_id from tenant where name = $1', [
      firstTenantName,
    ]);
    return asTenantId(row.tenant_id);
  });
}

async function ensurePresetKey(tx: Tx, tenantId: TenantId, key: ParsedKey): Promise<void> {
  const [known] = await tx.query<{ secret_hash: Buffer }[]>('select secret_hash from api_key where key_id = $1', [
    key.id,
  ]);
  if (!known) {
    await insertOperatorKey(tx, tenantId, key, 'TIDEMARK_ADMIN_KEY');
  } else if (!hashesMatch(known.secret_hash, key.hash)) {
    throw new AdminKeyError(
      `TIDEMARK_ADMIN_KEY has the id ${key.id}, which belongs to another key. Choose a fresh one.`,
    );
  }
}

async function insertOperatorKey(tx: Tx, tenantId: TenantId, key: ParsedKey, name: string): Promise<void> {
  await insertKey(tx, tenantId, key, { name, operator: true, teamId: null, expiresAt: null });
}
