import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Database, type TenantId } from '../platform/database.js';

const firstPauseMillis = 50;
const longestPauseMillis = 500;

interface Watch {
  readonly key: string;
  readonly tenantId: TenantId;
  readonly uploadId: string;
  readonly since: number;
  settle(settled: boolean): void;
  fail(error: Error): void;
}

/**
 * Tells when uploads leave the work list, which they do when they are indexed, rejected or quarantined.
 *
 * All who wait in this process share one query: the work list shows ids across tenants and holds unfinished uploads
 * only. It is asked every 50 ms while somebody has just begun to wait and every 500 ms when all have waited for long,
 * each time in a short transaction; nobody holds one while waiting.
 */
@Injectable()
export class SettledUploads implements OnModuleDestroy {
  private readonly watches = new Set<Watch>();
  private timer: NodeJS.Timeout | null = null;
  private asking = false;

  constructor(private readonly db: Database) {}

  /**
   * Resolves as soon as the upload is not on the work list (true), or when the time is over, the signal fires or the
   * process closes (false). Rejects when the database cannot be asked.
   */
  async wait(tenantId: TenantId, uploadId: string, millis: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted || millis <= 0) return false;
    return new Promise<boolean>((resolve, reject) => {
      const giveUp = () => watch.settle(false);
      const timeout = setTimeout(giveUp, millis);
      const end = () => {
        clearTimeout(timeout);
        signal.removeEventListener('abort', giveUp);
        this.watches.delete(watch);
      };
      const watch: Watch = {
        key: `${tenantId}/${uploadId}`,
        tenantId,
        uploadId,
        since: performance.now(),
        settle: (settled) => {
          end();
          resolve(settled);
        },
        fail: (error) => {
          end();
          reject(error);
        },
      };
      signal.addEventListener('abort', giveUp, { once: true });
      this.watches.add(watch);
      this.schedule();
    });
  }

  onModuleDestroy(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    for (const watch of [...this.watches]) watch.settle(false);
  }

  private schedule(): void {
    if (this.asking) return;
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    if (this.watches.size === 0) return;
    const youngest = Math.max(...[...this.watches].map(({ since }) => since));
    const waited = performance.now() - youngest;
    this.timer = setTimeout(
      () => void this.ask(),
      Math.min(longestPauseMillis, Math.max(firstPauseMillis, waited / 4)),
    );
  }

  private async ask(): Promise<void> {
    this.timer = null;
    this.asking = true;
    const asked = [...this.watches];
    try {
      const unfinished = await this.unfinished(asked);
      for (const watch of asked) if (!unfinished.has(watch.key)) watch.settle(true);
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      for (const watch of asked) watch.fail(failure);
    } finally {
      this.asking = false;
      this.schedule();
    }
  }

  private async unfinished(watches: readonly Watch[]): Promise<Set<string>> {
    const rows = await this.db.acrossTenants((tx) =>
      tx.query<{ tenant_id: string; upload_id: string }[]>(
        `select w.tenant_id, w.upload_id
           from unnest($1::uuid[], $2::uuid[]) as asked (tenant_id, upload_id)
           join work w on w.tenant_id = asked.tenant_id and w.upload_id = asked.upload_id`,
        [watches.map(({ tenantId }) => tenantId), watches.map(({ uploadId }) => uploadId)],
      ),
    );
    return new Set(rows.map((row) => `${row.tenant_id}/${row.upload_id}`));
  }
}
