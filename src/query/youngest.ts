interface YoungestOf {
  readonly table: 'snapshot' | 'capture';
  readonly id: 'snapshot_id' | 'capture_id';
  /** On the row `s`, and on the branch `b` if there are branches. */
  readonly conditions: readonly string[];
  /** How many rows, as a parameter. */
  readonly limit: string;
  /** SQL of what each has rows of its own to give, with its `service_id`; null: the table as a whole. */
  readonly branches: string | null;
}

/**
 * SQL for the youngest rows that fulfil the conditions. Every index but the one by time begins with the service, so a
 * list that is narrowed by something else asks each branch for its youngest, and merges those.
 *
 * @param visibleTo parameters of the tenant and of the team whose services alone may be shown; null: all may
 */
export function youngest(
  { table, id, conditions, limit, branches }: YoungestOf,
  visibleTo: { readonly tenant: string; readonly team: string } | null,
): string {
  const order = `order by captured_at desc, ${id} desc limit ${limit}`;
  const found = `select s.* from ${table} s where ${conditions.join(' and ')} ${order}`;
  if (branches === null) return found;
  const visible = visibleTo
    ? `b.service_id in (select service_id from service
                         where tenant_id = ${visibleTo.tenant} and team_id = ${visibleTo.team})`
    : 'true';
  return `select l.* from (${branches}) b cross join lateral (${found}) l where ${visible} ${order}`;
}
