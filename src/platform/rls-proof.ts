import type { Database, Tx } from './database.js';

/** Tables that are read before, or across, tenants. */
const openTables = ['tenant', 'api_key', 'work', 'work_turn'];

/** Not about tenants at all. */
const ownTables = ['migration'];

/** A key is looked up by its id alone, before its tenant is known. */
const openIndexes = ['api_key_lookup', 'tenant_name_key'];

/** Tenants are not kept apart: the service must not start. */
export class IsolationError extends Error {
  override readonly name = 'IsolationError';

  constructor(readonly faults: readonly string[]) {
    super(`the database does not keep tenants apart:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
  }
}

/**
 * Proves from the catalogue that row-level security holds for the role of this very connection.
 *
 * @throws IsolationError that lists every fault with its cure
 */
export async function proveIsolation(db: Database): Promise<void> {
  const faults = await db.acrossTenants(async (tx) => [
    ...(await roleFaults(tx)),
    ...(await tableFaults(tx)),
    ...(await keyFaults(tx)),
    ...(await viewFaults(tx)),
  ]);
  if (faults.length > 0) throw new IsolationError(faults);
}

interface RoleRow {
  name: string;
  rolsuper: boolean;
  rolbypassrls: boolean;
  owned: string[];
  excessive: string[];
}

async function roleFaults(tx: Tx): Promise<string[]> {
  // A role can also become what it is a member of, so all of those count as itself.
  const [role] = await tx.query<RoleRow[]>(`
    with self as (select oid, rolname, rolsuper, rolbypassrls from pg_roles where pg_has_role(current_user, oid, 'member'))
    select current_user as name,
           bool_or(rolsuper) as rolsuper,
           bool_or(rolbypassrls) as rolbypassrls,
           (select coalesce(array_agg(c.oid::regclass::text order by 1), '{}') from pg_class c
             where c.relnamespace = 'public'::regnamespace and c.relowner in (select oid from self)) as owned,
           (select coalesce(array_agg(c.oid::regclass::text order by 1), '{}') from pg_class c
             where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
               and has_table_privilege(c.oid, 'truncate, references, trigger')) as excessive
      from self`);
  const faults: string[] = [];
  if (role.rolsuper) {
    faults.push(
      `the role "${role.name}" is (or can become) a superuser, for whom there is no row-level security; ` +
        `alter role "${role.name}" nosuperuser, or log in as another role`,
    );
  }
  if (role.rolbypassrls) {
    faults.push(`the role "${role.name}" may bypass row-level security; alter role "${role.name}" nobypassrls`);
  }
  // A superuser "has" everything; the two faults below would only repeat the first.
  if (role.rolsuper) return faults;
  if (role.owned.length > 0) {
    faults.push(
      `the role "${role.name}" owns ${role.owned.join(', ')}, and an owner can switch row-level security off; ` +
        'let DATABASE_URL name a role that owns nothing, and MIGRATION_DATABASE_URL the owner',
    );
  }
  if (role.excessive.length > 0) {
    faults.push(
      `the role "${role.name}" may truncate or reference ${role.excessive.join(', ')}, which no policy restrains; ` +
        'run "tidemark migrate", which sets its rights anew',
    );
  }
  return faults;
}

interface TableRow {
  name: string;
  tenant: boolean;
  enabled: boolean;
  forced: boolean;
  policies: { command: string; permissive: boolean; toAll: boolean; using: string | null; check: string | null }[];
}

/** As pg_get_expr prints what protect() creates. */
const isolatingExpression = '(tenant_id = current_tenant())';

async function tableFaults(tx: Tx): Promise<string[]> {
  const tables = await tx.query<TableRow[]>(`
    select c.relname as name,
           exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped) as tenant,
           c.relrowsecurity as enabled,
           c.relforcerowsecurity as forced,
           coalesce((select jsonb_agg(jsonb_build_object(
                       'command', p.polcmd, 'permissive', p.polpermissive, 'toAll', p.polroles = '{0}',
                       'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid)))
                     from pg_policy p where p.polrelid = c.oid), '[]') as policies
      from pg_class c
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'f')
     order by 1`);
  return tables.flatMap((table) => faultsOfTable(table));
}

function faultsOfTable(table: TableRow): string[] {
  const { name } = table;
  if (openTables.includes(name) || ownTables.includes(name)) return [];
  if (!table.tenant) return [`table ${name} has no tenant_id and is not on the list of tables without one`];
  const faults: string[] = [];
  if (!table.enabled) faults.push(`row-level security of ${name} is off; call protect('${name}')`);
  else if (!table.forced)
    faults.push(`row-level security of ${name} is not forced; alter table ${name} force row level security`);
  // Permissive policies are alternatives: one that is wider than the tenant's makes the tenant's worthless.
  const wider = table.policies.filter(
    (p) => p.permissive && ![p.using, p.check].every((e) => e === isolatingExpression || e === null),
  );
  const holds = table.policies.some(
    (p) =>
      p.permissive &&
      p.command === '*' &&
      p.toAll &&
      p.using === isolatingExpression &&
      p.check === isolatingExpression,
  );
  if (!holds || wider.length > 0) {
    faults.push(
      `${name} must have exactly the policy that protect('${name}') makes: USING and WITH CHECK (tenant_id = current_tenant())`,
    );
  }
  return faults;
}

interface KeyRow {
  name: string;
  tableName: string;
  kind: 'primary key' | 'unique index' | 'index' | 'foreign key';
  columns: string[];
}

/**
 * A unique key without the tenant tells one tenant that another has that name; a foreign key without it lets a row
 * point into another tenant, because its check is made without policies.
 */
async function keyFaults(tx: Tx): Promise<string[]> {
  const keys = await tx.query<KeyRow[]>(
    `
    select i.indexrelid::regclass::text as name, i.indrelid::regclass::text as "tableName",
           case when i.indisprimary then 'primary key' when i.indisunique then 'unique index' else 'index' end as kind,
           array(select pg_get_indexdef(i.indexrelid, n, true) from generate_series(1, i.indnkeyatts) n) as columns
      from pg_index i join pg_class c on c.oid = i.indrelid
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname <> all ($1)
    union all
    select k.conname, k.conrelid::regclass::text, 'foreign key',
           array(select a.attname || case when f.attname <> a.attname then ' -> ' || f.attname else '' end
                   from unnest(k.conkey, k.confkey) with ordinality as u(n, m, at)
                   join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.n
                   join pg_attribute f on f.attrelid = k.confrelid and f.attnum = u.m order by u.at)
      from pg_constraint k join pg_class c on c.oid = k.conrelid
     where k.contype = 'f' and c.relnamespace = 'public'::regnamespace
     order by 1`,
    [ownTables],
  );
  return keys
    .filter((key) => key.columns[0] !== 'tenant_id' && !openIndexes.includes(key.name))
    .map(
      (key) => `${key.kind} ${key.name} of ${key.tableName} does not begin with tenant_id but with ${key.columns[0]}`,
    );
}

async function viewFaults(tx: Tx): Promise<string[]> {
  const views = await tx.query<{ name: string; materialised: boolean }[]>(`
    select c.relname as name, c.relkind = 'm' as materialised
      from pg_class c
     where c.relnamespace = 'public'::regnamespace
       and (c.relkind = 'm' or (c.relkind = 'v' and not coalesce(c.reloptions, '{}') && array['security_invoker=true', 'security_invoker=on', 'security_invoker=1']))
     order by 1`);
  return views.map(({ name, materialised }) =>
    materialised
      ? `materialised view ${name} holds rows that no policy restrains; drop it`
      : `view ${name} reads with its owner's rights; alter view ${name} set (security_invoker = true)`,
  );
}
