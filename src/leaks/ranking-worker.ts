import { setTimeout as sleep } from 'node:timers/promises';
import type { Histogram } from 'prom-client';
import type { Logger } from 'pino';
import { asTenantId, type Database, isDatabaseUnavailable, type TenantId } from '../platform/database.js';
import { failpoint } from '../platform/failpoint.js';
import { logContext } from '../platform/logger.js';
import { Problem } from '../platform/problem.js';
import type { QueryThreads } from '../platform/query-threads.js';
import type { Clock } from '../platform/clock.js';
import { rankService } from './rank-service.js';
import type { RankingClaim, RankingWork } from './ranking-work.js';
import { recordRanking } from './record-ranking.js';

export interface RankingWorkerOptions {
  readonly windowMillis: number;
  readonly debounceMillis: number;
  /** How often all tenants are asked whether something is due. */
  readonly sweepMillis: number;
  /** How long a stopping worker waits for the ranking under way. */
  readonly drainMillis: number;
}

/** After a failure that is no service's fault. */
const pauseMillis = 1_000;
/** The longest delay of a timer in Node. */
const timerMillisMax = 2 ** 31 - 1;

/**
 * Ranks the services that are due, one at a time in this process. Tenants that were woken take turns, each with the
 * service that has been due for longest. Whoever wakes a tenant waits until nothing of what was woken is due, and with it
 * the job that did, so that the next job goes to another worker. A tenant whose next service is due later is woken by a
 * timer; a tenant that nobody has woken is found by the sweep, which asks all of them.
 */
export class RankingWorker {
  /** In the order of their turns. */
  private readonly woken = new Set<TenantId>();
  private readonly timers = new Map<TenantId, NodeJS.Timeout>();
  private readonly stop = new AbortController();
  private drain: Promise<void> | null = null;
  private sweeping: Promise<void> = Promise.resolve();
  private current: RankingClaim | null = null;

  constructor(
    private readonly db: Database,
    private readonly work: RankingWork,
    private readonly threads: QueryThreads,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly seconds: Histogram<'outcome'>,
    private readonly options: RankingWorkerOptions,
  ) {}

  /** Begins to sweep, and looks for work at once. */
  start(): void {
    this.sweeping = this.sweepAgainAndAgain();
  }

  /** Resolves when nothing of any tenant that was woken is due. Never rejects. */
  wake(tenantId: TenantId): Promise<void> {
    this.woken.add(tenantId);
    this.drain ??= this.rankAll();
    return this.drain;
  }

  /** Claims nothing more, and gives back what takes too long. */
  async close(): Promise<void> {
    this.stop.abort();
    for (const timer of this.timers.values()) clearTimeout(timer);
    await this.sweeping;
    await Promise.race([this.drain, sleep(this.options.drainMillis, undefined, { ref: false })]);
    if (this.current !== null) await this.work.release(this.current);
    // What runs is answered now, and finds its claim given back.
    await this.threads.close();
    await this.drain;
  }

  private async rankAll(): Promise<void> {
    try {
      for (const tenantId of this.woken) {
        if (this.stop.signal.aborted) return;
        this.woken.delete(tenantId);
        await this.rankNext(tenantId);
      }
    } finally {
      // In the same turn as the last look at `woken`, so that no wake-up falls between.
      this.drain = null;
    }
  }

  /** Ranks one service of the tenant, which then waits for its next turn. Never rejects. */
  private async rankNext(tenantId: TenantId): Promise<void> {
    try {
      const next = await this.work.next(tenantId);
      if (next === null) return;
      if ('inMillis' in next) {
        this.wakeIn(tenantId, next.inMillis);
        return;
      }
      this.woken.add(tenantId);
      failpoint('after-claim-before-ranking');
      this.current = next.claim;
      await logContext.run({ tenantId }, () => this.rank(next.claim));
    } catch (error) {
      this.logger.error({ err: error, tenantId }, 'a ranking could not be claimed, or its end not be written down');
      await sleep(pauseMillis, undefined, { signal: this.stop.signal }).catch(() => undefined);
    } finally {
      this.current = null;
    }
  }

  private async rank(claim: RankingClaim): Promise<void> {
    const { tenantId, serviceId } = claim;
    const { windowMillis, debounceMillis } = this.options;
    const begun = performance.now();
    const stopTimer = this.seconds.startTimer();
    // The computing is done in a thread, so the timer is on time.
    const heartbeat = setInterval(() => void this.renew(claim), this.work.leaseMillis / 3);
    try {
      const nowMillis = this.clock.now().getTime();
      const ranked = await rankService(this.db, this.threads, tenantId, serviceId, { nowMillis, windowMillis });
      failpoint('after-ranking-before-outcome');
      const tookMillis = performance.now() - begun;
      const isOurs = await this.db.withTenant(tenantId, (tx) =>
        recordRanking(tx, { claim, ...ranked, tookMillis }, { nowMillis, debounceMillis }),
      );
      stopTimer({ outcome: isOurs ? 'ranked' : 'late' });
    } catch (error) {
      stopTimer({ outcome: 'failed' });
      await this.giveUp(claim, error);
    } finally {
      clearInterval(heartbeat);
    }
  }

  private async renew(claim: RankingClaim): Promise<void> {
    try {
      await this.work.renew(claim);
    } catch (error) {
      this.logger.warn({ err: error, serviceId: claim.serviceId }, 'the lease of a ranking could not be renewed');
    }
  }

  /** What is the fault of the process or the database is tried again as it was; everything else later and later. */
  private async giveUp(claim: RankingClaim, error: unknown): Promise<void> {
    const { serviceId } = claim;
    if (this.stop.signal.aborted || isDatabaseUnavailable(error)) {
      this.logger.warn({ err: error, serviceId }, 'a service could not be ranked now');
      await this.work.release(claim);
      await sleep(pauseMillis, undefined, { signal: this.stop.signal }).catch(() => undefined);
      return;
    }
    const isKnown = error instanceof Problem;
    if (isKnown) this.logger.warn({ err: error, serviceId }, 'a service could not be ranked');
    else this.logger.error({ err: error, serviceId }, 'the ranking of a service failed');
    await this.work.fail(claim, isKnown ? error.detail : 'The ranking failed; the log of the worker says why.');
  }

  private wakeIn(tenantId: TenantId, millis: number): void {
    clearTimeout(this.timers.get(tenantId));
    const timer = setTimeout(
      () => {
        this.timers.delete(tenantId);
        void this.wake(tenantId);
      },
      Math.min(millis + 1, timerMillisMax),
    );
    timer.unref();
    this.timers.set(tenantId, timer);
    if (this.stop.signal.aborted) clearTimeout(timer);
  }

  private async sweepAgainAndAgain(): Promise<void> {
    const { signal } = this.stop;
    while (!signal.aborted) {
      try {
        for (const tenantId of await this.tenants()) void this.wake(tenantId);
      } catch (error) {
        this.logger.warn({ err: error }, 'the rankings that are due could not be looked for');
      }
      // Workers that were started together need not look together.
      const pause = this.options.sweepMillis * (0.9 + 0.2 * Math.random());
      await sleep(pause, undefined, { signal }).catch(() => undefined);
    }
  }

  private async tenants(): Promise<TenantId[]> {
    const rows: { tenant_id: string }[] = await this.db.acrossTenants((tx) =>
      tx.query('select tenant_id from tenant order by tenant_id'),
    );
    return rows.map((row) => asTenantId(row.tenant_id));
  }
}
