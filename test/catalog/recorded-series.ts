import { randomUUID } from 'node:crypto';
import type { StackProfile } from '../../src/analysis/stack-profile.js';
import { Compaction } from '../../src/catalog/compaction.js';
import { Dictionary } from '../../src/catalog/dictionary.js';
import { indexPart } from '../../src/catalog/index-part.js';
import { recordParts } from '../../src/catalog/record.js';
import { StackStore } from '../../src/catalog/stack-store.js';
import { readTrend, type Trend, type TrendQuery } from '../../src/catalog/trends.js';
import { sumOf } from '../../src/formats/int64.js';
import { asTenantId, type TenantId, type Tx } from '../../src/platform/database.js';
import { createTestDatabase, type TestDatabase } from '../database.js';

export interface RecordedSnapshot {
  readonly atMillis: number;
  readonly instance: string;
  readonly stacks: StackProfile;
  readonly build?: string;
  readonly kind?: string;
  readonly delta?: boolean;
  readonly durationNanos?: bigint;
}

/** A tenant with a service whose snapshots go through the real write path, and a compaction with a clock of its own. */
export class RecordedSeries {
  readonly stackStore = new StackStore();
  readonly compaction: Compaction;
  /** What the compaction takes for now. */
  nowMillis = Date.now();
  private readonly dictionary: Dictionary;
  private readonly instances = new Map<string, string>();

  private constructor(
    readonly database: TestDatabase,
    readonly tenantId: TenantId,
    private readonly teamId: string,
    readonly serviceId: string,
  ) {
    this.dictionary = new Dictionary(database.db, this.stackStore);
    this.compaction = new Compaction(database.db, this.stackStore, { now: () => new Date(this.nowMillis) });
  }

  static async create(): Promise<RecordedSeries> {
    const database = await createTestDatabase();
    const [{ tenant_id }] = await database.db.acrossTenants((tx) =>
      tx.query<{ tenant_id: string }[]>(`insert into tenant (name) values ('acme') returning tenant_id`),
    );
    const tenantId = asTenantId(tenant_id);
    const [{ team_id }] = await database.db.withTenant(tenantId, (tx) =>
      tx.query<{ team_id: string }[]>(`insert into team (tenant_id, name) values ($1, 'team') returning team_id`, [
        tenantId,
      ]),
    );
    return new RecordedSeries(database, tenantId, team_id, await makeService(database, tenantId, team_id, 'checkout'));
  }

  /** Another service of the same team, on the same database. */
  async anotherService(name: string): Promise<RecordedSeries> {
    const serviceId = await makeService(this.database, this.tenantId, this.teamId, name);
    return new RecordedSeries(this.database, this.tenantId, this.teamId, serviceId);
  }

  async instanceId(name: string): Promise<string> {
    const known = this.instances.get(name);
    if (known !== undefined) return known;
    const [{ instance_id }] = await this.database.db.withTenant(this.tenantId, (tx) =>
      tx.query<{ instance_id: string }[]>(
        `insert into instance (tenant_id, service_id, name, first_seen, last_seen)
         values ($1, $2, $3, 'infinity', '-infinity') returning instance_id`,
        [this.tenantId, this.serviceId, name],
      ),
    );
    this.instances.set(name, instance_id);
    return instance_id;
  }

  /** Received, parsed and recorded, each in a transaction of its own. */
  async record(...snapshots: RecordedSnapshot[]): Promise<void> {
    for (const snapshot of snapshots)
      await (
        await this.prepare(snapshot)
      )((work) => this.database.db.withTenant(this.tenantId, work));
  }

  /** Everything up to the recording transaction, which the caller runs. */
  async prepare(
    snapshot: RecordedSnapshot,
  ): Promise<(run: <T>(work: (tx: Tx) => Promise<T>) => Promise<T>) => Promise<void>> {
    const instanceId = await this.instanceId(snapshot.instance);
    const uploadId = randomUUID();
    const receivedAt = new Date(snapshot.atMillis);
    const upload = {
      uploadId,
      serviceId: this.serviceId,
      instanceId,
      receivedAt,
      declared: { capturedAt: receivedAt.toISOString(), build: snapshot.build },
    };
    await this.database.db.withTenant(this.tenantId, async (tx) => {
      const sha256 = Buffer.from(`${uploadId}${uploadId}`.replaceAll('-', '').slice(0, 64), 'hex');
      await tx.query('insert into blob (tenant_id, sha256, size_bytes) values ($1, $2, 1)', [this.tenantId, sha256]);
      await tx.query(
        `insert into upload (tenant_id, upload_id, service_id, instance_id, sha256, identity_at, size_bytes, received_at, state)
         values ($1, $2, $3, $4, $5, $6, 1, $6, 'parsing')`,
        [this.tenantId, uploadId, this.serviceId, instanceId, sha256, receivedAt],
      );
      await tx.query(
        `insert into snapshot (tenant_id, snapshot_id, upload_id, service_id, instance_id, captured_at, captured_from)
         values ($1, $2, $2, $3, $4, $5, 'receipt')`,
        [this.tenantId, uploadId, this.serviceId, instanceId, receivedAt],
      );
    });
    const part = await indexPart(this.dictionary, this.tenantId, upload, {
      kind: snapshot.kind ?? 'heap',
      capturedAtNanos: null,
      delta: snapshot.delta ?? false,
      durationNanos: snapshot.durationNanos ?? 0n,
      stacks: snapshot.stacks,
      totals: snapshot.stacks.values.map(sumOf),
      details: { warnings: [], losses: [] },
    });
    return (run) => run((tx) => recordParts(tx, this.tenantId, upload, [part]));
  }

  async trend(
    query: Partial<TrendQuery> & Pick<TrendQuery, 'fromMillis' | 'toMillis' | 'stepSeconds'>,
  ): Promise<Trend> {
    const whole = { serviceId: this.serviceId, kind: 'heap', sampleType: 'inuse_space', ...query };
    return this.database.db.readTenant(this.tenantId, (tx) => readTrend(tx, this.stackStore, this.tenantId, whole));
  }

  async rows<T>(sql: string): Promise<T[]> {
    return this.database.db.readTenant(this.tenantId, (tx) => tx.query(sql));
  }
}

async function makeService(database: TestDatabase, tenantId: TenantId, teamId: string, name: string): Promise<string> {
  const [{ service_id }] = await database.db.withTenant(tenantId, (tx) =>
    tx.query<{ service_id: string }[]>(
      'insert into service (tenant_id, name, team_id) values ($1, $2, $3) returning service_id',
      [tenantId, name, teamId],
    ),
  );
  return service_id;
}
