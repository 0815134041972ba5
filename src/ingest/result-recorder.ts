import { setTimeout as sleep } from 'node:timers/promises';
import type { Dictionary } from '../catalog/dictionary.js';
import { indexUploads } from '../catalog/index-part.js';
import type { RankingMarks } from '../catalog/ranking-marks.js';
import { recordUploads, StaleDictionaryError } from '../catalog/record.js';
import { isDatabaseUnavailable, type TenantId } from '../platform/database.js';
import { failpoint } from '../platform/failpoint.js';
import type { ParsedPart } from './parsed-part.js';
import type { Claim, ClaimedUpload, UploadResult, WorkList } from './work-list.js';

/** An upload with nothing left to do but to write down what came of it. */
export interface Outcome {
  readonly upload: ClaimedUpload;
  readonly result: UploadResult;
  /** What was found in it, if it is to be indexed; else empty. */
  readonly parts: readonly ParsedPart[];
}

interface Waiting {
  readonly outcome: Outcome;
  readonly resolve: (recorded: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/** Transactions stay short, whatever has gathered. */
const uploadsPerTransaction = 16;

/** PostgreSQL: serialization_failure, deadlock_detected, lock_not_available. The same again may succeed. */
const transientCodes = new Set(['40001', '40P01', '55P03']);
const attemptsWhenTransient = 5;

/**
 * Writes down the outcomes of uploads, several of one tenant in one transaction: its statements cost the same for one
 * upload as for many. Nobody waits for a batch to fill: while one is being recorded, the next gathers.
 *
 *     gathered ──▶ dictionaries grow ──▶ one transaction: fences, index, off the work list ──▶ each hears of its own
 *                          │                 │
 *                          └── it failed ────┴──▶ each of the batch alone: only the one at fault fails again
 */
export class ResultRecorder {
  private readonly gathered = new Map<TenantId, Waiting[]>();

  constructor(
    private readonly dictionary: Dictionary,
    private readonly work: WorkList,
    private readonly ranking: RankingMarks,
  ) {}

  /**
   * @returns whether it was recorded; false when the upload is no longer this worker's
   * @throws what the database or the index says about this very upload, or that the database cannot be used
   */
  record(outcome: Outcome): Promise<boolean> {
    const { tenantId } = outcome.upload.claim;
    return new Promise((resolve, reject) => {
      const waiting = { outcome, resolve, reject };
      const gathered = this.gathered.get(tenantId);
      if (gathered) {
        gathered.push(waiting);
        return;
      }
      this.gathered.set(tenantId, [waiting]);
      void this.recordAll(tenantId);
    });
  }

  /** Batch after batch, until nothing of the tenant has gathered meanwhile. */
  private async recordAll(tenantId: TenantId): Promise<void> {
    const gathered = this.gathered.get(tenantId)!;
    while (gathered.length > 0) await this.recordBatch(tenantId, gathered.splice(0, uploadsPerTransaction));
    this.gathered.delete(tenantId);
  }

  /** Never rejects: it is the members who hear of success and failure. */
  private async recordBatch(tenantId: TenantId, batch: readonly Waiting[]): Promise<void> {
    try {
      const recorded = await again(() =>
        this.recordTogether(
          tenantId,
          batch.map(({ outcome }) => outcome),
        ),
      );
      for (const { outcome, resolve } of batch) resolve(recorded.has(outcome.upload.claim));
    } catch (error) {
      if (batch.length === 1 || isDatabaseUnavailable(error)) for (const { reject } of batch) reject(error);
      else for (const one of batch) await this.recordBatch(tenantId, [one]);
    }
  }

  private async recordTogether(tenantId: TenantId, outcomes: readonly Outcome[]): Promise<ReadonlySet<Claim>> {
    const found = outcomes.filter(({ parts }) => parts.length > 0);
    const indexed = await indexUploads(
      this.dictionary,
      tenantId,
      found.map(({ upload, parts }) => ({ upload: { ...upload, uploadId: upload.claim.uploadId }, parts })),
    );
    failpoint('after-dictionary-before-result');
    let toRank = false;
    const recorded = await this.work.finish(
      tenantId,
      outcomes.map(({ upload: { claim }, result }) => ({ claim, result })),
      async (tx, held) => {
        const ours = indexed.filter((_, index) => held.has(found[index].upload.claim));
        if (ours.length === 0) return;
        await recordUploads(tx, tenantId, ours);
        toRank = await this.ranking.mark(tx, tenantId, ours);
      },
    );
    if (toRank) this.ranking.announce(tenantId);
    return recorded;
  }
}

/** Does it again when others stood in the way, or when a dictionary was dropped meanwhile. */
async function again<T>(attempt: () => Promise<T>): Promise<T> {
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt();
    } catch (error) {
      const code = (error as { code?: unknown }).code;
      const isTransient =
        error instanceof StaleDictionaryError || (typeof code === 'string' && transientCodes.has(code));
      if (!isTransient || attempts === attemptsWhenTransient) throw error;
      await sleep(20 * attempts * Math.random());
    }
  }
}
