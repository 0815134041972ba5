// A team's list of suspects over HTTP: the first page of 100 of a team with 200 services in a tenant with 1,000, 30 suspects
// in each service, as large as rankings of six instances make them. Beside it the statement alone, and the same page as a
// plain join would find it: the team's services, all their suspects, sorted.
import pg from 'pg';
import { figure, heading, timed, timedOnServer } from './measure.mjs';
import { startServer } from './server.mjs';
import { Database } from '../dist/platform/database.js';
import { Suspects } from '../dist/leaks/suspects.js';

const runs = 31;
const teams = 5;
const servicesPerTeam = 200;
const suspectsPerService = 30;

heading(`suspects: medians of ${runs}`);
const server = await startServer({ TIDEMARK_SWEEP_SECONDS: '3600' });
const database = await server.database();
const db = await Database.open(database.appUrl, { poolSize: 2 });
const owner = new pg.Client({ connectionString: database.ownerUrl });
await owner.connect();
try {
  const [{ tenant_id: tenantId }] = (await owner.query('select tenant_id from tenant')).rows;
  await owner.query(`select set_config('app.tenant', $1, false)`, [tenantId]);
  const teamId = await fill(tenantId);
  await owner.query('analyze');

  const path = '/api/v1/teams/team-1/suspects?limit=100';
  const bytes = await server.fetchBytes(path);
  const { median, min, cpu } = await timedOnServer(server, () => server.fetchBytes(path), runs);
  const detail = `CPU ${(cpu.api + cpu.postgres).toFixed(1)} (api ${cpu.api.toFixed(1)}, postgres ${cpu.postgres.toFixed(1)}), least ${min.toFixed(1)}`;
  figure(`page of 100 of a team with ${servicesPerTeam} services, ms`, median.toFixed(1), `< 100; ${detail}`);
  figure('  its answer, kB', (bytes.length / 1000).toFixed(0));

  const suspects = new Suspects(db, { now: () => new Date() });
  const page = { limit: 101, after: null };
  const ours = await timed(
    () => suspects.list({ tenantId, teamId: null }, { state: ['open', 'acknowledged'], teamId }, page),
    runs,
  );
  const plain = await timed(() => joined(tenantId, teamId), runs);
  figure('  the statement, and its rows read, ms', ours.median.toFixed(1), `least ${ours.min.toFixed(1)}`);
  figure('  a plain join, sorted by tier and score, ms', plain.median.toFixed(1), `least ${plain.min.toFixed(1)}`);
  figure('  the statement / the plain join', (ours.min / plain.min).toFixed(2));
} finally {
  await db.close();
  await owner.end();
  await database.stop();
  await server.stop();
}

/** @returns the id of team-1 */
async function fill(tenantId) {
  await owner.query(`insert into team (tenant_id, name) select $1, 'team-' || n from generate_series(1, $2::int) n`, [
    tenantId,
    teams,
  ]);
  await owner.query(
    `insert into service (tenant_id, name, team_id)
     select $1, t.name || '/service-' || n, t.team_id
       from team t, generate_series(1, $2::int) n where t.tenant_id = $1 and t.name like 'team-%'`,
    [tenantId, servicesPerTeam],
  );
  await owner.query(
    `insert into suspect (tenant_id, service_id, service_team_id, fingerprint, kind, function, state, phase, phase_since, tier,
                          score, rank, standing, found, first_seen_at, last_seen_at, peak, basis)
     select $1, v.service_id, v.team_id, md5(v.service_id || '/' || n), 'goroutine', 'shop/watch.(*Watcher).wait' || n,
            'open', 'ongoing', now(), (array['watch', 'probable', 'confirmed'])[1 + n % 3], s.score, n,
            1 + n % 3 + s.score / (s.score + 1), $2, now(), now(), 1200, '{}'
       from service v, generate_series(1, $3::int) n,
            lateral (select 10 * (hashint8(v.service_id * 100 + n) & 65535)::float8 / 65536 as score) s
      where v.tenant_id = $1 and v.name like 'team-%'`,
    [tenantId, JSON.stringify(found()), suspectsPerService],
  );
  const { rows } = await owner.query(`select team_id from team where tenant_id = $1 and name = 'team-1'`, [tenantId]);
  return rows[0].team_id;
}

function joined(tenantId, teamId) {
  return db.readTenant(tenantId, (tx) =>
    tx.query(
      `select s.suspect_id, v.name as service, t.name as team, s.tier, s.score, s.found -> 'growth' as growth,
              s.found -> 'pivot' as pivot, s.found -> 'site' as site, s.found #> '{why,0}' as why
         from suspect s
         join service v on v.tenant_id = s.tenant_id and v.service_id = s.service_id
         join team t on t.tenant_id = v.tenant_id and t.team_id = v.team_id
        where s.tenant_id = $1 and v.team_id = $2 and s.state in ('open', 'acknowledged')
        order by array_position(array['confirmed', 'probable', 'watch'], s.tier), s.score desc, s.suspect_id
        limit 101`,
      [tenantId, teamId],
    ),
  );
}

/** A suspect of six instances with 36 points each and 24 frames. */
function found() {
  const frame = (n) => ({
    function: `shop/internal/layer${n}.(*Service).Handle`,
    file: `shop/layer${n}/service.go`,
    line: n,
  });
  const at = Array.from({ length: 36 }, (_, i) => Date.now() - (36 - i) * 16_800_000);
  return {
    rank: 1,
    tier: 'probable',
    score: 3,
    kind: 'goroutine',
    fingerprint: '0'.repeat(32),
    function: frame(3).function,
    pivot: frame(3),
    site: frame(0),
    state: 'chan receive',
    stack: Array.from({ length: 24 }, (_, n) => frame(n)),
    createdBy: frame(24).function,
    factors: ['growth', 'share', 'trend', 'state', 'survival', 'plateau', 'drop', 'twin', 'load', 'spread'].map(
      (name) => ({ name, value: 0.8, detail: '12.5 goroutines/h over 168 h' }),
    ),
    why: Array.from({ length: 5 }, (_, n) => `It grows by ${n} goroutines an hour, in 6 of 6 instances, since a week.`),
    whyNot: ['It falls at times.'],
    growth: { unit: 'goroutines', perHour: 12.5, now: 1200, share: 0.8, hoursToLimit: null },
    firstSeenMillis: at[0],
    sinceBuild: null,
    instances: Array.from({ length: 6 }, (_, n) => ({
      name: `pod-${n}`,
      affected: true,
      perHour: 2.1,
      now: 200,
      lifetimes: 1,
      grownLifetimes: 1,
      atMillis: at,
      values: at.map((_, i) => i * 5.75),
      before: '00000000-0000-0000-0000-000000000001',
      after: '00000000-0000-0000-0000-000000000002',
    })),
    advice: [],
    memoryCost: { bytes: 9_830_400, bytesPerGoroutine: 8192 },
    related: [],
  };
}
