import { type Database, prepared, type TenantId, type Tx } from '../platform/database.js';
import { failpoint } from '../platform/failpoint.js';
import type { ProblemBody } from '../platform/problem.js';
import type { ContentEncoding } from './parsed-part.js';
import type { DeclaredUpload } from './declared-upload.js';

/*
 * An upload's way through the work list. Postgres is the record: a row of `work` per unfinished upload, its state in
 * `upload`. The queue only wakes workers.
 *
 *                 claim: lease, next fencing number
 *      stored ───────────────────────────────────▶ parsing ──finish──▶ indexed      its snapshots are in the index
 *        ▲                                         │ │ │ └──finish──▶ rejected     the bytes are no good; a result, too
 *        │       crash (fewer than three), release │ │ └────crash───▶ quarantined  three crashes, or too many vanished
 *        └─────────────────────────────────────────┘ │                             workers
 *                                                    └──▶ parsing    the lease ran out: the next claim takes it over
 *
 * A worker owns an upload while the row carries the fencing number of its claim. Whatever it writes, it first locks the
 * row under that number; if the number has moved on, the upload is another worker's and nothing is written of it. So a
 * result is recorded once, though an upload may be parsed several times. The row goes with the result, in one transaction.
 *
 * One transaction may record the results of several uploads of a tenant, each under its own number. Whoever locks several
 * rows does so in the order of their ids, so that nobody waits in a ring; a claim waits for no row at all.
 *
 * Two counters end an upload that nobody can finish. `crashes` are deaths of the parser that the worker saw while this
 * very upload was in it. `lost_leases` are workers that vanished; a machine that fails does that to all uploads it
 * holds, so many are needed before the upload is suspected.
 *
 * Times are the database server's. The commits need not wait for the disk: when the server loses one, the row is as it
 * was before, the lease runs out, and the same result is computed again.
 */

export interface Claim {
  readonly tenantId: TenantId;
  readonly uploadId: string;
  readonly fencing: string;
  /** How often it has been claimed, this claim included. */
  readonly attempts: number;
  readonly crashes: number;
  readonly lostLeases: number;
}

/** What a worker needs to know of an upload in order to parse it. */
export interface ClaimedUpload {
  readonly claim: Claim;
  readonly serviceId: string;
  readonly instanceId: string;
  readonly sha256: Buffer;
  readonly sizeBytes: number;
  readonly contentEncoding: ContentEncoding;
  readonly receivedAt: Date;
  /** What the file is called in the capture that it came in; null if it came alone. */
  readonly name: string | null;
  readonly declared: DeclaredUpload;
}

export const maxCrashes = 3;
export const maxLostLeases = 20;

interface WorkRow {
  tenant_id: TenantId;
  upload_id: string;
  fencing: string;
  attempts: number;
  crashes: number;
  lost_leases: number;
}

interface UploadRow {
  upload_id: string;
  service_id: string;
  instance_id: string;
  sha256: Buffer;
  size_bytes: string;
  content_encoding: ContentEncoding;
  received_at: Date;
  name: string | null;
  declared: DeclaredUpload;
}

export class WorkList {
  constructor(
    private readonly db: Database,
    readonly leaseMillis: number,
  ) {}

  /**
   * Claims up to `slots` uploads for this worker, fairly between tenants. Fewer than `slots` means that nothing more is
   * there to be claimed.
   */
  async claim(slots: number): Promise<Claim[]> {
    const rows = await this.db.acrossTenants(async (tx) => {
      const claimed = await prepared<WorkRow[]>(
        tx,
        `select tenant_id, upload_id, fencing, attempts, crashes, lost_leases
           from claim_work($1, $2 * interval '1 millisecond'), set_config('synchronous_commit', 'off', true)`,
        [slots, this.leaseMillis],
      );
      return claimed;
    });
    return rows.map((row) => ({
      tenantId: row.tenant_id,
      uploadId: row.upload_id,
      fencing: row.fencing,
      attempts: row.attempts,
      crashes: row.crashes,
      lostLeases: row.lost_leases,
    }));
  }

  /** Marks claimed uploads of one tenant as being parsed, and reads them. Claims that were lost are left out. */
  async begin(tenantId: TenantId, claims: readonly Claim[]): Promise<ClaimedUpload[]> {
    const [rows] = await this.db.withTenant(tenantId, (tx) =>
      prepared<[UploadRow[], number]>(
        tx,
        `with held as (
           select w.upload_id, w.attempts, set_config('synchronous_commit', 'off', true)
             from work w
            where w.tenant_id = $1
              and (w.upload_id, w.fencing) in (select * from unnest($2::uuid[], $3::bigint[]))
            order by w.upload_id for update
         )
         update upload u set state = 'parsing', attempts = held.attempts
           from held where u.tenant_id = $1 and u.upload_id = held.upload_id
         returning u.upload_id, u.service_id, u.instance_id, u.sha256, u.size_bytes, u.content_encoding,
                   u.received_at, u.name, u.declared`,
        [tenantId, claims.map((claim) => claim.uploadId), claims.map((claim) => claim.fencing)],
      ),
    );
    return rows.map((row) => ({
      claim: claims.find((claim) => claim.uploadId === row.upload_id)!,
      serviceId: row.service_id,
      instanceId: row.instance_id,
      sha256: row.sha256,
      sizeBytes: Number(row.size_bytes),
      contentEncoding: row.content_encoding,
      receivedAt: row.received_at,
      name: row.name,
      declared: row.declared,
    }));
  }

  /** Renews the leases of what this worker holds; answers the claims that it has lost. */
  async renew(claims: readonly Claim[]): Promise<Claim[]> {
    if (claims.length === 0) return [];
    const [rows] = await this.db.acrossTenants((tx) =>
      tx.query<[{ fencing: string }[], number]>(
        `with held as (${lockHeld})
         update work w set lease_until = clock_timestamp() + $4 * interval '1 millisecond'
           from held where w.tenant_id = held.tenant_id and w.upload_id = held.upload_id
         returning w.fencing`,
        [...columns(claims), this.leaseMillis],
      ),
    );
    const kept = new Set(rows.map((row) => row.fencing));
    return claims.filter((claim) => !kept.has(claim.fencing));
  }

  /**
   * Records results of one tenant's uploads and takes them off the list, in one transaction: `write` puts the snapshots of
   * those that are still held into the index. Uploads that are no longer this worker's are left out.
   *
   * @returns the claims whose results were recorded
   */
  async finish(
    tenantId: TenantId,
    finished: readonly FinishedUpload[],
    write: (tx: Tx, held: ReadonlySet<Claim>) => Promise<void>,
  ): Promise<ReadonlySet<Claim>> {
    return this.fenced(
      tenantId,
      finished.map(({ claim }) => claim),
      async (tx, held) => {
        await write(tx, held);
        await this.takeOff(
          tx,
          tenantId,
          finished.filter(({ claim }) => held.has(claim)),
        );
        failpoint('after-result-before-commit');
      },
    );
  }

  /**
   * Counts a death of the parser. The upload goes back to the waiting ones, or into quarantine if that was one too many.
   *
   * @returns whether it is in quarantine now
   */
  async crashed(claim: Claim, quarantineWith: ProblemBody): Promise<boolean> {
    let quarantined = false;
    await this.fenced(claim.tenantId, [claim], async (tx) => {
      const [[{ crashes }]] = await tx.query<[{ crashes: number }[], number]>(
        `update work set crashes = crashes + 1, lease_until = null
          where tenant_id = $1 and upload_id = $2 returning crashes`,
        [claim.tenantId, claim.uploadId],
      );
      quarantined = crashes >= maxCrashes;
      const result = { state: 'quarantined', problem: quarantineWith } as const;
      if (quarantined) await this.takeOff(tx, claim.tenantId, [{ claim, result }]);
      else await this.putBack(tx, claim.tenantId, [claim.uploadId]);
    });
    return quarantined;
  }

  /** Gives claimed uploads back unparsed, so that nobody has to wait for the lease. */
  async release(claims: readonly Claim[]): Promise<void> {
    for (const [tenantId, own] of byTenant(claims)) {
      await this.db.withTenant(tenantId, async (tx) => {
        const [rows] = await tx.query<[{ upload_id: string }[], number]>(
          `with held as (${lockHeld})
           update work w set lease_until = null
             from held where w.tenant_id = held.tenant_id and w.upload_id = held.upload_id
           returning w.upload_id`,
          columns(own),
        );
        await this.putBack(
          tx,
          tenantId,
          rows.map((row) => row.upload_id),
        );
      });
    }
  }

  /** Whether something waits, or is held by a worker that is gone, for longer than a wake-up takes. */
  async isNeglected(waitingMillis: number): Promise<boolean> {
    const [{ neglected }] = await this.db.acrossTenants((tx) =>
      tx.query<{ neglected: boolean }[]>(
        `select exists (
           select from work
            where lease_until < clock_timestamp()
               or (lease_until is null and received_at < clock_timestamp() - $1 * interval '1 millisecond')) as neglected`,
        [waitingMillis],
      ),
    );
    return neglected;
  }

  /**
   * Runs `work` in a transaction that holds the uploads' rows under the claims' fencing numbers, unless all are lost.
   *
   * @returns the claims that it holds
   */
  private async fenced(
    tenantId: TenantId,
    claims: readonly Claim[],
    work: (tx: Tx, held: ReadonlySet<Claim>) => Promise<void>,
  ): Promise<ReadonlySet<Claim>> {
    return this.db.withTenant(tenantId, async (tx) => {
      const rows = await prepared<{ fencing: string }[]>(
        tx,
        `select held.fencing, set_config('synchronous_commit', 'off', true) from (${lockHeld}) held`,
        columns(claims),
      );
      const numbers = new Set(rows.map((row) => row.fencing));
      const held = new Set(claims.filter((claim) => numbers.has(claim.fencing)));
      if (held.size > 0) await work(tx, held);
      return held;
    });
  }

  private async takeOff(tx: Tx, tenantId: TenantId, finished: readonly FinishedUpload[]): Promise<void> {
    await prepared(
      tx,
      `with result as (
         select * from unnest($2::uuid[], $3::text[], $4::jsonb[]) r (upload_id, state, problem)
       ), done as (
         delete from work w using result where w.tenant_id = $1 and w.upload_id = result.upload_id
         returning w.upload_id, w.crashes
       )
       update upload u
          set state = result.state, problem = result.problem, crashes = done.crashes, finished_at = clock_timestamp()
         from done join result using (upload_id)
        where u.tenant_id = $1 and u.upload_id = done.upload_id`,
      [
        tenantId,
        finished.map(({ claim }) => claim.uploadId),
        finished.map(({ result }) => result.state),
        finished.map(({ result }) => result.problem && JSON.stringify(result.problem)),
      ],
    );
  }

  private async putBack(tx: Tx, tenantId: TenantId, uploadIds: readonly string[]): Promise<void> {
    await tx.query(
      `update upload u set state = 'stored', crashes = w.crashes
         from work w
        where w.tenant_id = $1 and w.upload_id = any($2::uuid[])
          and u.tenant_id = w.tenant_id and u.upload_id = w.upload_id`,
      [tenantId, uploadIds],
    );
  }
}

export interface FinishedUpload {
  readonly claim: Claim;
  readonly result: UploadResult;
}

export type UploadResult =
  | { readonly state: 'indexed'; readonly problem: null }
  | { readonly state: 'rejected' | 'quarantined'; readonly problem: ProblemBody };

/** SQL: locks those rows of the claims `columns(claims)` that still carry their fencing number. */
const lockHeld = `
  select w.tenant_id, w.upload_id, w.fencing
    from unnest($1::uuid[], $2::uuid[], $3::bigint[]) as c (tenant_id, upload_id, fencing)
    join work w on w.tenant_id = c.tenant_id and w.upload_id = c.upload_id and w.fencing = c.fencing
   order by w.tenant_id, w.upload_id for update of w`;

export function byTenant(claims: readonly Claim[]): Map<TenantId, Claim[]> {
  const groups = new Map<TenantId, Claim[]>();
  for (const claim of claims) {
    const group = groups.get(claim.tenantId);
    if (group) group.push(claim);
    else groups.set(claim.tenantId, [claim]);
  }
  return groups;
}

function columns(claims: readonly Claim[]): [TenantId[], string[], string[]] {
  return [
    claims.map((claim) => claim.tenantId),
    claims.map((claim) => claim.uploadId),
    claims.map((claim) => claim.fencing),
  ];
}
