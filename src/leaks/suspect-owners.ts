import { setImmediate as turn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Database, type TenantId, type Tx } from '../platform/database.js';
import { Problem, type ProblemError } from '../platform/problem.js';
import type { Caller } from '../tenants/caller.js';
import { compileOwnerRules, OwnerPatternError, type OwnerRule, type OwnerRules } from './owner-rules.js';
import { byCaller, type EventBy, writeEvents } from './suspect-rows.js';

/** A rule with the team's name. */
export interface NamedOwnerRule {
  readonly pattern: string;
  readonly team: string;
}

interface Place {
  readonly suspect_id: string;
  readonly function: string;
  readonly file: string;
  readonly own_team_id: string | null;
  readonly service_team_id: string;
  readonly events: number;
}

/** SQL: the rules of a tenant as a lock; they are rows that come and go, so no row can be locked for them. */
const ownersLock = `hashtextextended('tidemark.suspect-owners.' || $1::text, 0)`;

/** Suspects that are matched in one turn of the event loop. */
const placesPerTurn = 200;

/** Whose code is what: a tenant's ordered rules, of which the last that matches a suspect's pivot names its team. */
@Injectable()
export class SuspectOwners {
  constructor(private readonly db: Database) {}

  /** In their order. A key with a team sees those that name its team. */
  async read(caller: Caller): Promise<NamedOwnerRule[]> {
    return this.db.readTenant(caller.tenantId, (tx) =>
      tx.query<NamedOwnerRule[]>(
        `select r.pattern, t.name as team
           from suspect_owner_rule r join team t on t.tenant_id = r.tenant_id and t.team_id = r.team_id
          where r.tenant_id = $1 and ($2::uuid is null or r.team_id = $2)
          order by r.ordinal`,
        [caller.tenantId, caller.teamId],
      ),
    );
  }

  /**
   * Replaces all rules, and gives every suspect whose team is not a person's choice to whom they name.
   * @throws Problem `validation-failed` with a pointer to each pattern and team that cannot be used
   */
  async replace(caller: Caller, named: readonly NamedOwnerRule[]): Promise<void> {
    const { tenantId } = caller;
    await this.db.withTenant(tenantId, async (tx) => {
      await tx.query(`select pg_advisory_xact_lock(${ownersLock})`, [tenantId]);
      const rules = await this.resolve(tx, tenantId, named);
      await tx.query('delete from suspect_owner_rule where tenant_id = $1', [tenantId]);
      await tx.query(
        `insert into suspect_owner_rule (tenant_id, ordinal, pattern, team_id)
         select $1, r.ordinal, r.pattern, r.team_id
           from unnest($2::text[], $3::uuid[]) with ordinality r (pattern, team_id, ordinal)`,
        [tenantId, rules.map(({ pattern }) => pattern), rules.map(({ teamId }) => teamId)],
      );
      await this.assign(tx, tenantId, compileOwnerRules(rules), await byCaller(tx, caller));
    });
  }

  private async resolve(tx: Tx, tenantId: TenantId, named: readonly NamedOwnerRule[]): Promise<OwnerRule[]> {
    const rows = await tx.query<{ name: string; team_id: string }[]>(
      'select name, team_id from team where tenant_id = $1 and name = any($2::text[]) for key share',
      [tenantId, named.map(({ team }) => team)],
    );
    const teams = new Map(rows.map(({ name, team_id }) => [name, team_id]));
    const errors = named.flatMap(({ pattern, team }, i): ProblemError[] => [
      ...patternFault(pattern, `/rules/${i}/pattern`),
      ...(teams.has(team)
        ? []
        : [{ pointer: `/rules/${i}/team`, code: 'unknown-team', detail: `There is no team named ${team}.` }]),
    ]);
    if (errors.length > 0) {
      throw new Problem('validation-failed', errors.map(({ detail }) => detail).join('; '), { errors });
    }
    return named.map(({ pattern, team }) => ({ pattern, teamId: teams.get(team)! }));
  }

  private async assign(tx: Tx, tenantId: TenantId, rules: OwnerRules, by: EventBy): Promise<void> {
    const places = await tx.query<Place[]>(
      `select suspect_id, function, found #>> '{pivot,file}' as file, own_team_id, service_team_id, events
         from suspect where tenant_id = $1 and own_team_from is distinct from 'key'
        order by suspect_id for no key update`,
      [tenantId],
    );
    const moved: { place: Place; teamId: string | null }[] = [];
    for (const [i, place] of places.entries()) {
      if (i % placesPerTurn === placesPerTurn - 1) await turn();
      const teamId = rules.teamOf(place);
      if (teamId !== place.own_team_id) moved.push({ place, teamId });
    }
    if (moved.length === 0) return;
    await tx.query(
      `update suspect s
          set own_team_id = m.team_id, own_team_from = case when m.team_id is not null then 'rule' end,
              events = s.events + 1, changed_at = clock_timestamp()
         from unnest($2::uuid[], $3::uuid[]) m (suspect_id, team_id)
        where s.tenant_id = $1 and s.suspect_id = m.suspect_id`,
      [tenantId, moved.map(({ place }) => place.suspect_id), moved.map(({ teamId }) => teamId)],
    );
    const happened = moved.map(({ place, teamId }) => {
      const before = place.own_team_id ?? place.service_team_id;
      const changes = { team_id: [before, teamId ?? place.service_team_id] as const };
      return {
        suspectId: place.suspect_id,
        ordinal: place.events + 1,
        event: { what: 'team-changed', changes } as const,
      };
    });
    await writeEvents(tx, tenantId, happened, by);
  }
}

/** Keeps the owner rules from being replaced until the end of the transaction. */
export async function shareOwnerRules(tx: Tx, tenantId: TenantId): Promise<void> {
  await tx.query(`select pg_advisory_xact_lock_shared(${ownersLock})`, [tenantId]);
}

export async function readOwnerRules(tx: Tx, tenantId: TenantId): Promise<OwnerRules> {
  const rows = await tx.query<{ pattern: string; team_id: string }[]>(
    'select pattern, team_id from suspect_owner_rule where tenant_id = $1 order by ordinal',
    [tenantId],
  );
  return compileOwnerRules(rows.map(({ pattern, team_id }) => ({ pattern, teamId: team_id })));
}

function patternFault(pattern: string, pointer: string): ProblemError[] {
  try {
    compileOwnerRules([{ pattern, teamId: '' }]);
    return [];
  } catch (error) {
    if (!(error instanceof OwnerPatternError)) throw error;
    return [{ pointer, code: 'bad-pattern', detail: error.message }];
  }
}
