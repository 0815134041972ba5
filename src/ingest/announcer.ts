import type { Logger } from 'pino';
import type { JobQueue } from '../platform/queue.js';

export const ingestQueue = 'ingest';
const wakeJob = 'wake';
/** One announcement covers all uploads that were committed before it; under load there is no need for more. */
const pauseMillis = 50;

/**
 * Wakes workers: "there is something on the work list". It carries nothing, so many calls become one job, and when the
 * queue fails or hangs nobody waits or fails with it: the sweeper finds what was not announced.
 */
export class Announcer {
  private wanted = false;
  private announcing: Promise<void> | null = null;

  constructor(
    private readonly queue: JobQueue<unknown>,
    private readonly logger: Logger,
  ) {}

  /** To be called after the commit. Returns at once. */
  announce(): void {
    this.wanted = true;
    this.announcing ??= this.run();
  }

  /** Waits until what was announced is in the queue, or has failed to get there. */
  async settled(): Promise<void> {
    await this.announcing;
  }

  /** At most one announcement is under way; whoever comes meanwhile is covered by the next one. */
  private async run(): Promise<void> {
    while (this.wanted) {
      this.wanted = false;
      try {
        // A job that waits already says all there is to say; one that has begun does not.
        await this.queue.add(wakeJob, {}, { deduplication: { id: wakeJob } });
      } catch (error) {
        this.logger.warn({ err: error }, 'uploads could not be announced; the sweeper will find them');
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMillis));
    }
    this.announcing = null;
  }
}
