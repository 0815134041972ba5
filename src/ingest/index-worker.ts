import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { failpoint } from '../platform/failpoint.js';
import { logContext } from '../platform/logger.js';
import type { Announcer } from './announcer.js';
import type { UploadIndexer } from './upload-indexer.js';
import { byTenant, type Claim, type WorkList } from './work-list.js';

export interface IndexWorkerOptions {
  /** Uploads held at a time. More than there are parsers, so that a parser need not wait for the database. */
  readonly slots: number;
  /** How often neglected work is looked for. */
  readonly sweepMillis: number;
  /** How long a stopping worker waits for what it holds. */
  readonly drainMillis: number;
}

/** After a failure that is no upload's fault: the database, the archive or the parsers cannot be used. */
const pauseMillis = 1_000;
/** How often a worker that has all hands full calls for others. */
const callMillis = 500;

/**
 * Takes uploads off the work list and has them indexed.
 *
 * A wake-up starts a drain, which claims until nothing is left to be claimed; while all slots are taken it waits, and
 * with it the job that woke it, so that the next wake-up goes to another worker. A wake-up during a drain makes it look
 * once more before it ends: an upload that was committed just after the last look is not left behind.
 */
export class IndexWorker {
  private readonly held = new Map<Claim, Promise<void>>();
  private readonly stop = new AbortController();
  private readonly stopped = new Promise<void>((resolve) =>
    this.stop.signal.addEventListener('abort', () => resolve()),
  );
  private drain: Promise<void> | null = null;
  private lookAgain = false;
  private lastCall = -Infinity;
  private heartbeat: NodeJS.Timeout | undefined;
  private sweeper: NodeJS.Timeout | undefined;

  constructor(
    private readonly work: WorkList,
    private readonly indexer: UploadIndexer,
    private readonly announcer: Announcer,
    private readonly logger: Logger,
    private readonly options: IndexWorkerOptions,
  ) {}

  /** Begins to renew leases and to sweep, and looks for work at once. */
  start(): void {
    this.heartbeat = setInterval(() => void this.renewLeases(), this.work.leaseMillis / 3);
    this.sweeper = setInterval(() => void this.sweep(), this.options.sweepMillis);
    void this.wake();
  }

  /** Resolves when nothing is left to be claimed; what was claimed may still be under way. Never rejects. */
  wake(): Promise<void> {
    this.lookAgain = true;
    this.drain ??= this.claimAll();
    return this.drain;
  }

  /** Resolves when nothing is claimed and nothing is under way. */
  async idle(): Promise<void> {
    await this.wake();
    while (this.held.size > 0) {
      await Promise.all(this.held.values());
      await this.wake();
    }
  }

  /** Claims nothing more, waits for what is under way, and gives back what takes too long. */
  async close(): Promise<void> {
    clearInterval(this.sweeper);
    this.stop.abort();
    await this.drain;
    const finished = Promise.all(this.held.values());
    await Promise.race([finished, sleep(this.options.drainMillis, undefined, { ref: false })]);
    clearInterval(this.heartbeat);
    if (this.held.size === 0) return;
    this.logger.warn({ uploads: this.held.size }, 'uploads were not finished in time and go back to the work list');
    await this.work.release([...this.held.keys()]);
  }

  private async claimAll(): Promise<void> {
    try {
      while (this.lookAgain && !this.stop.signal.aborted) {
        this.lookAgain = false;
        while (await this.claimSome());
      }
    } finally {
      // In the same turn as the last look at `lookAgain`, so that no wake-up falls between.
      this.drain = null;
    }
  }

  /**
   * Claims as many uploads as there are free slots, once half of them are: one claim for several uploads costs hardly
   * more than a claim for one.
   *
   * @returns whether there may be more
   */
  private async claimSome(): Promise<boolean> {
    while (this.held.size * 2 > this.options.slots && !this.stop.signal.aborted) {
      await Promise.race([this.stopped, ...this.held.values()]);
    }
    if (this.stop.signal.aborted) return false;
    const slots = this.options.slots - this.held.size;
    try {
      const claims = await this.work.claim(slots);
      if (claims.length === slots) this.callOthers();
      if (claims.length > 0) failpoint('after-claim-before-parse');
      for (const [, own] of byTenant(claims)) this.hold(own);
      return claims.length === slots;
    } catch (error) {
      this.logger.error({ err: error }, 'no work can be claimed');
      await this.pause();
      return true;
    }
  }

  private hold(claims: readonly Claim[]): void {
    const begun = this.work.begin(claims[0].tenantId, claims);
    for (const claim of claims) {
      const done = logContext
        .run({ tenantId: claim.tenantId, uploadId: claim.uploadId }, () => this.index(claim, begun))
        .finally(() => this.held.delete(claim));
      this.held.set(claim, done);
    }
  }

  /** Never rejects: whatever happens to one upload must not reach the others. */
  private async index(claim: Claim, begun: ReturnType<WorkList['begin']>): Promise<void> {
    try {
      const upload = (await begun).find((each) => each.claim === claim);
      const isOver = upload === undefined || (await this.indexer.index(upload));
      failpoint('after-commit-before-next');
      // It waits again, and the last drain may be over.
      if (!isOver) void this.wake();
    } catch (error) {
      this.logger.error({ err: error }, 'an upload could not be indexed now and goes back to the work list');
      await this.giveBack(claim);
    }
  }

  /** Gives up an upload as soon as the database can be told. If it cannot, the lease runs out some time. */
  private async giveBack(claim: Claim): Promise<void> {
    do {
      await this.pause();
      try {
        await this.work.release([claim]);
        void this.wake();
        return;
      } catch (error) {
        this.logger.warn({ err: error }, 'a lease could not be given back yet');
      }
    } while (!this.stop.signal.aborted);
  }

  /** One worker has all it can do; another that sleeps could take the rest. */
  private callOthers(): void {
    const now = performance.now();
    if (now - this.lastCall < callMillis) return;
    this.lastCall = now;
    this.announcer.announce();
  }

  private async renewLeases(): Promise<void> {
    try {
      // What it could not renew was just finished, or is another worker's, and then its result is refused and said to be late.
      await this.work.renew([...this.held.keys()]);
    } catch (error) {
      this.logger.warn({ err: error }, 'leases could not be renewed');
    }
  }

  /** Finds what nobody was woken for: the queue was away, or a worker vanished. */
  private async sweep(): Promise<void> {
    try {
      if (await this.work.isNeglected((this.options.sweepMillis * 2) / 3)) await this.wake();
    } catch (error) {
      this.logger.warn({ err: error }, 'the work list could not be swept');
    }
  }

  private async pause(): Promise<void> {
    await sleep(pauseMillis, undefined, { signal: this.stop.signal }).catch(() => undefined);
  }
}
