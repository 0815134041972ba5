import type { Claim, UploadResult, WorkList } from '../../src/ingest/work-list.js';
import type { Tx } from '../../src/platform/database.js';

/** Records the result of a single upload. @returns whether it was still this worker's */
export async function finishOne(
  work: WorkList,
  claim: Claim,
  result: UploadResult,
  write: (tx: Tx) => Promise<unknown> = () => Promise.resolve(),
): Promise<boolean> {
  const recorded = await work.finish(claim.tenantId, [{ claim, result }], async (tx) => void (await write(tx)));
  return recorded.has(claim);
}
