import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { prepared, type TenantId, type Tx } from '../platform/database.js';
import type { JobQueue } from '../platform/queue.js';
import type { IndexedUpload } from './index-part.js';

/** Wakes whoever ranks the leak suspects of services. */
export const rankQueue = 'rank';

/** One of this tenant's services is to be ranked. */
export interface RankJob {
  readonly tenantId: string;
}

/** What the ranking judges. */
const judgedKinds: ReadonlySet<string> = new Set(['goroutine', 'goroutineleak', 'goroutine-dump', 'heap']);
/** What corroborates it: numbers about memory. */
const judgedSources: ReadonlySet<string> = new Set([
  'memstats',
  'expvar',
  'prometheus',
  'runtime-metrics',
  'gctrace',
  'process-memory',
]);

const rememberedTenants = 10_000;

/**
 * Says which services have new evidence, so that their leak suspects are ranked: a mark in the transaction that records the
 * evidence, and after its commit a job that wakes a worker once the mark is due. The mark is what counts; a job that is
 * lost is a delay until the worker looks by itself.
 */
export class RankingMarks {
  private readonly announced = new LRUCache<TenantId, number>({ max: rememberedTenants });
  private readonly announcing = new Set<Promise<void>>();

  constructor(
    private readonly queue: JobQueue<RankJob>,
    private readonly debounceMillis: number,
    private readonly logger: Logger,
  ) {}

  /**
   * Marks the services of uploads that are recorded in this transaction: due `debounceMillis` after the first mark, however
   * many follow. One statement, whatever the number of uploads; services that are marked already are only share-locked.
   * Waits for a ranking that is just about to begin to read, which then sees these uploads or leaves the mark to the next.
   *
   * @returns whether there was anything to rank
   */
  async mark(tx: Tx, tenantId: TenantId, uploads: readonly IndexedUpload[]): Promise<boolean> {
    const judged = uploads.filter(({ parts }) =>
      parts.some(({ kind, series }) => judgedKinds.has(kind) || series.some(({ source }) => judgedSources.has(source))),
    );
    if (judged.length === 0) return false;
    await markForRanking(tx, tenantId, [...new Set(judged.map(({ upload }) => upload.serviceId))], this.debounceMillis);
    return true;
  }

  /** To be called after the commit. Returns at once; one job covers what is marked until it is due. */
  announce(tenantId: TenantId): void {
    const now = performance.now();
    if (now - (this.announced.get(tenantId) ?? -Infinity) < this.debounceMillis / 2) return;
    this.announced.set(tenantId, now);
    const announcing = this.queue
      .add(rankQueue, { tenantId }, { delay: this.debounceMillis, deduplication: { id: tenantId } })
      .catch((error: unknown) => {
        this.announced.delete(tenantId);
        this.logger.warn({ err: error, tenantId }, 'a ranking could not be announced; the worker will find it');
      })
      .finally(() => this.announcing.delete(announcing));
    this.announcing.add(announcing);
  }

  /** Waits until what was announced is in the queue, or has failed to get there. */
  async settled(): Promise<void> {
    await Promise.all(this.announcing);
  }
}

/** Makes services due for a ranking; see `src/leaks/ranking-work.ts` for what becomes of it. */
export async function markForRanking(
  tx: Tx,
  tenantId: TenantId,
  serviceIds: readonly string[],
  debounceMillis: number,
): Promise<void> {
  await prepared(
    tx,
    `with known as materialized (
       select service_id from leak_ranking
        where tenant_id = $1 and service_id = any($2::bigint[]) and remarked
        order by service_id for key share
     )
     insert into leak_ranking as r (tenant_id, service_id, due_at, remarked)
     select $1, service_id, clock_timestamp() + $3 * interval '1 millisecond', true
       from unnest($2::bigint[]) m (service_id)
      where service_id not in (select service_id from known)
      order by service_id
     on conflict (tenant_id, service_id) do update
        set due_at = least(r.due_at, greatest(excluded.due_at, r.not_before)), remarked = true`,
    [tenantId, serviceIds, debounceMillis],
  );
}
