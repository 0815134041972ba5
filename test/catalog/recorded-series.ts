import type { StackProfile } from '../../src/analysis/stack-profile.js';
import { Compaction } from '../../src/catalog/compaction.js';
import { Dictionary } from '../../src/catalog/dictionary.js';
import { indexUploads } from '../../src/catalog/index-part.js';
import { recordUploads } from '../../src/catalog/record.js';
import { StackStore } from '../../src/catalog/stack-store.js';
import { readTrend, type Trend, type TrendQuery } from '../../src/catalog/trends.js';
import { asTenantId, type TenantId, type Tx } from '../../src/platform/database.js';
import { createTestDatabase, type TestDatabase } from '../database.js';
import { contentOf, insertService, insertUpload } from './index-fixture.js';

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
    await database.db.withTenant(tenantId, (tx) =>
      tx.query(`insert into team (tenant_id, name) values ($1, 'team')`, [tenantId]),
    );
    return new RecordedSeries(database, tenantId, (await insertService(database.db, tenantId)).serviceId);
  }

  /** Another service of the same team, on the same database. */
  async anotherService(name: string): Promise<RecordedSeries> {
    const { serviceId } = await insertService(this.database.db, this.tenantId, name);
    return new RecordedSeries(this.database, this.tenantId, serviceId);
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
    for (const snapshot of snapshots) await this.database.db.withTenant(this.tenantId, await this.prepare(snapshot));
  }

  /** Everything up to the recording transaction. */
  async prepare(snapshot: RecordedSnapshot): Promise<(tx: Tx) => Promise<void>> {
    const instanceId = await this.instanceId(snapshot.instance);
    const upload = await insertUpload(this.database.db, this.tenantId, {
      serviceId: this.serviceId,
      instanceId,
      receivedAt: new Date(snapshot.atMillis),
      declared: { build: snapshot.build },
    });
    const content = contentOf(snapshot.stacks, {
      kind: snapshot.kind ?? 'heap',
      delta: snapshot.delta ?? false,
      durationNanos: snapshot.durationNanos ?? 0n,
    });
    const indexed = await indexUploads(this.dictionary, this.tenantId, [{ upload, parts: [content] }]);
    return (tx) => recordUploads(tx, this.tenantId, indexed);
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
