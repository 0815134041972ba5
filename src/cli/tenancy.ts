import { escapeControl } from '../analysis/text-escape.js';
import type { Api } from './api.js';
import { CliFailure } from './failure.js';
import { table, type Terminal } from './terminal.js';

interface JsonOption {
  readonly json?: boolean;
}

interface Key {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly operator: boolean;
  readonly team: string | null;
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly revoked_at: string | null;
  readonly last_used_at: string | null;
}

export interface NewKeyOptions extends JsonOption {
  readonly role: string;
  readonly team?: string;
  readonly operator?: boolean;
  readonly expiresAt?: string;
}

export async function listKeys(api: Api, options: JsonOption, out: Terminal): Promise<void> {
  const keys = await all(api.rows<Key>('/api/v1/keys'));
  if (options.json) return out.print(JSON.stringify(keys, null, 2));
  const rows = keys.map((key) => [
    key.id,
    escapeControl(key.name),
    key.operator ? 'operator' : key.role,
    escapeControl(key.team ?? 'all teams'),
    keyState(key),
    key.last_used_at ?? 'never',
  ]);
  out.print(table(['ID', 'NAME', 'ROLE', 'TEAM', 'STATE', 'LAST USED'], rows));
}

/** Prints the new key alone on stdout, so that a script can keep it; it is told only once. */
export async function createKey(api: Api, name: string, options: NewKeyOptions, out: Terminal): Promise<void> {
  const json = {
    name,
    role: options.role,
    team: options.team,
    operator: options.operator,
    expires_at: options.expiresAt,
  };
  const created = await api.json<Key & { key: string }>('/api/v1/keys', { method: 'POST', json });
  if (options.json) return out.print(JSON.stringify(created, null, 2));
  out.remark(`Key ${created.id} for ${escapeControl(created.name)}. It is shown only now:`);
  out.print(created.key);
}

export async function revokeKey(api: Api, id: string, out: Terminal): Promise<void> {
  await api.text(`/api/v1/keys/${encodeURIComponent(id)}`, { method: 'DELETE' });
  out.remark(`Key ${escapeControl(id)} is revoked; it opens nothing any more within five seconds.`);
}

export async function listTenants(api: Api, options: JsonOption, out: Terminal): Promise<void> {
  const tenants = await all(api.rows<{ id: string; name: string; created_at: string }>('/api/v1/tenants'));
  if (options.json) return out.print(JSON.stringify(tenants, null, 2));
  out.print(
    table(
      ['ID', 'NAME', 'CREATED'],
      tenants.map((tenant) => [tenant.id, escapeControl(tenant.name), tenant.created_at]),
    ),
  );
}

/** Prints the new tenant's admin key alone on stdout; it is told only once. */
export async function createTenant(api: Api, name: string, options: JsonOption, out: Terminal): Promise<void> {
  const created = await api.json<{ id: string; name: string; admin_key: string }>('/api/v1/tenants', {
    method: 'POST',
    json: { name },
  });
  if (options.json) return out.print(JSON.stringify(created, null, 2));
  out.remark(`Tenant ${escapeControl(created.name)} (${created.id}). Its admin key is shown only now:`);
  out.print(created.admin_key);
}

export async function listTeams(api: Api, options: JsonOption, out: Terminal): Promise<void> {
  const teams = await all(api.rows<{ name: string; created_at: string }>('/api/v1/teams'));
  if (options.json) return out.print(JSON.stringify(teams, null, 2));
  out.print(
    table(
      ['NAME', 'CREATED'],
      teams.map((team) => [escapeControl(team.name), team.created_at]),
    ),
  );
}

export async function createTeam(api: Api, name: string, options: JsonOption, out: Terminal): Promise<void> {
  const team = await api.json<{ name: string }>('/api/v1/teams', { method: 'POST', json: { name } });
  if (options.json) return out.print(JSON.stringify(team, null, 2));
  out.remark(`Team ${escapeControl(team.name)} is there.`);
}

export async function listServices(api: Api, options: JsonOption, out: Terminal): Promise<void> {
  const services = await all(
    api.rows<{ name: string; team: string; last_captured_at: string | null }>('/api/v1/services'),
  );
  if (options.json) return out.print(JSON.stringify(services, null, 2));
  if (services.length === 0) out.remark('No service yet: the first upload that names one creates it.');
  out.print(
    table(
      ['SERVICE', 'TEAM', 'LAST CAPTURE'],
      services.map((service) => [
        escapeControl(service.name),
        escapeControl(service.team),
        service.last_captured_at ?? 'never',
      ]),
    ),
  );
}

export async function setOwner(
  api: Api,
  service: string,
  team: string,
  options: JsonOption,
  out: Terminal,
): Promise<void> {
  const owned = await api.json<{ service: string; team: string }>(
    `/api/v1/services/${encodeURIComponent(service)}/owner`,
    { method: 'PUT', json: { team } },
  );
  if (options.json) return out.print(JSON.stringify(owned, null, 2));
  out.remark(`${escapeControl(owned.service)} belongs to ${escapeControl(owned.team)}.`);
}

function keyState(key: Key): string {
  if (key.revoked_at !== null) return `revoked ${key.revoked_at}`;
  if (key.expires_at === null) return 'valid';
  return Date.parse(key.expires_at) < Date.now() ? `expired ${key.expires_at}` : `until ${key.expires_at}`;
}

async function all<T>(rows: AsyncGenerator<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const row of rows) {
    list.push(row);
    if (list.length > 100_000)
      throw new CliFailure('failed', 'More than 100,000 rows; use the REST API with a filter.');
  }
  return list;
}
