import type { Logger } from 'pino';
import type { Archive } from '../archive/archive.js';
import { isDatabaseUnavailable } from '../platform/database.js';
import { failpoint } from '../platform/failpoint.js';
import { Problem, type ProblemCode } from '../platform/problem.js';
import type { IngestMetrics } from './ingest-metrics.js';
import type { CrashReason, ParseAnswer, ParsedPart, RefusalFault } from './parsed-part.js';
import type { ParserPool } from './parser-pool.js';
import type { ResultRecorder } from './result-recorder.js';
import { type ClaimedUpload, maxCrashes, maxLostLeases, type UploadResult, type WorkList } from './work-list.js';

const codeOfFault: Record<RefusalFault, ProblemCode> = {
  unrecognized: 'unrecognized-format',
  malformed: 'malformed',
  truncated: 'truncated',
  'over-budget': 'over-budget',
  'kind-mismatch': 'kind-mismatch',
};

const crashText: Record<CrashReason, string> = {
  exception: 'it failed while decoding it',
  exit: 'it ended while decoding it',
  signal: 'it died while decoding it',
  timeout: 'it took too long',
  memory: 'it needed too much memory',
};

/** Takes one claimed upload to its end: has it parsed, and what came of it recorded. */
export class UploadIndexer {
  constructor(
    private readonly archive: Archive,
    private readonly parsers: ParserPool,
    private readonly recorder: ResultRecorder,
    private readonly work: WorkList,
    private readonly metrics: IngestMetrics,
    private readonly logger: Logger,
  ) {}

  /**
   * @returns whether that was the end of it; false when the parser crashed, and it waits for another attempt
   * @throws whatever is no fault of the upload: ParserStartError, an archive or a database that cannot be used. The
   *   upload is then as it was when it was claimed.
   */
  async index(upload: ClaimedUpload): Promise<boolean> {
    if (upload.claim.lostLeases >= maxLostLeases) {
      const detail = `${upload.claim.lostLeases} workers vanished while they held this upload.`;
      return this.finish(upload, { state: 'quarantined', problem: new Problem('quarantined', detail).toBody() });
    }
    const started = performance.now();
    const answer = await this.parse(upload);
    this.metrics.parseSeconds.observe((performance.now() - started) / 1000);
    failpoint('after-parse-before-dictionary');
    switch (answer.outcome) {
      case 'parsed':
        return this.record(upload, answer.parts);
      case 'refused': {
        const { limit, actual, allowed, offset } = answer.at;
        const detail = offset === undefined ? answer.message : `${answer.message} (at byte ${offset})`;
        const problem = new Problem(codeOfFault[answer.fault], detail, { limit, actual, allowed }).toBody();
        return this.finish(upload, { state: 'rejected', problem });
      }
      case 'damaged': {
        const problem = new Problem('archive-corrupt', `The archive's copy of this upload is ${answer.condition}.`);
        this.logger.error(
          { condition: answer.condition, sha256: upload.sha256.toString('hex') },
          'the archive is damaged',
        );
        return this.finish(upload, { state: 'quarantined', problem: problem.toBody() });
      }
      case 'unreadable':
        throw new Error(`the archive cannot be read: ${answer.message}`);
      case 'crashed':
        return this.crashed(upload, answer.reason, answer.detail);
    }
  }

  private async parse({
    claim,
    sha256,
    contentEncoding,
    name,
    declared,
    receivedAt,
  }: ClaimedUpload): Promise<ParseAnswer> {
    return this.parsers.parse({
      path: await this.archive.localPath(claim.tenantId, sha256),
      sha256,
      contentEncoding,
      declaredKind: declared.kind ?? null,
      declaredDelta: declared.delta ?? null,
      name,
      aroundNanos: nanosOf(declared.capturedAt) ?? BigInt(receivedAt.getTime()) * 1_000_000n,
      processStartNanos: nanosOf(declared.processStart),
    });
  }

  private async record(upload: ClaimedUpload, parts: readonly ParsedPart[]): Promise<boolean> {
    try {
      return await this.finish(upload, { state: 'indexed', problem: null }, parts);
    } catch (error) {
      if (isDatabaseUnavailable(error)) throw error;
      // What this upload does to the database it would do again, and for ever, if nobody counted.
      return this.crashed(upload, 'exception', error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
  }

  private async finish(upload: ClaimedUpload, result: UploadResult, parts: readonly ParsedPart[] = []): Promise<true> {
    if (!(await this.recorder.record({ upload, result, parts }))) {
      this.logger.warn('a result came too late: another worker has taken the upload over');
      return true;
    }
    this.metrics.finished.inc({ state: result.state });
    this.metrics.secondsToResult.observe((Date.now() - upload.receivedAt.getTime()) / 1000);
    this.logger.info({ state: result.state, problem: result.problem?.code }, 'upload finished');
    return true;
  }

  private async crashed(upload: ClaimedUpload, reason: CrashReason, detail: string): Promise<boolean> {
    this.metrics.crashes.inc({ reason });
    this.logger.error({ reason, detail, crashes: upload.claim.crashes + 1 }, 'the parser crashed on an upload');
    const problem = new Problem(
      'quarantined',
      `The parser failed ${maxCrashes} times; the last time ${crashText[reason]}.`,
    );
    const isOver = await this.work.crashed(upload.claim, problem.toBody());
    if (isOver) {
      this.metrics.finished.inc({ state: 'quarantined' });
      this.logger.warn({ state: 'quarantined', problem: problem.code }, 'upload finished');
    }
    return isOver;
  }
}

/** Of RFC 3339. */
function nanosOf(time: string | undefined): bigint | undefined {
  return time === undefined ? undefined : BigInt(Date.parse(time)) * 1_000_000n;
}
