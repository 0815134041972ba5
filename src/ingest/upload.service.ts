import { Inject, Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { ARCHIVE, EmptyObject, type Archive } from '../archive/archive.js';
import { sniff, sniffHead } from '../formats/detect.js';
import { inflateHead, isGzip } from '../formats/inflate.js';
import { CLOCK, type Clock } from '../platform/clock.js';
import { failpoint } from '../platform/failpoint.js';
import { findMoment } from '../platform/moment.js';
import { Problem } from '../platform/problem.js';
import type { Caller } from '../tenants/caller.js';
import { checkLabels, DoorLimits } from '../tenants/limits.js';
import { requireInstanceName, requireServiceName } from '../tenants/services.js';
import { Announcer } from './announcer.js';
import type { DeclaredUpload } from './declared-upload.js';
import type { ContentEncoding } from './parsed-part.js';
import type { UploadQueryDto } from './upload.dto.js';
import { newUploadId } from './upload-id.js';
import { type RecordedReceipt, Uploads } from './uploads.js';

const dayMillis = 24 * 60 * 60 * 1000;
/** Trends are kept for so long; older snapshots would have no place. */
const oldestMillis = 400 * dayMillis;
/** Clocks may differ by so much. */
const youngestMillis = 10 * 60 * 1000;
const helpfulCommand = 'curl --data-binary @heap.pb.gz';

/**
 * The way of one upload: what can be refused is refused before the first byte is read, then the bytes go to the
 * archive as they come, then the row is committed, and only then the client hears 202.
 */
@Injectable()
export class UploadService {
  /** Idempotency-Keys of requests that are under way in this process; across processes the row decides. */
  private readonly inFlight = new Set<string>();

  constructor(
    private readonly limits: DoorLimits,
    @Inject(ARCHIVE) private readonly archive: Archive,
    private readonly uploads: Uploads,
    private readonly announcer: Announcer,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws Problem for all that is refused; see the table of statuses in the API's documentation */
  async receive(caller: Caller, query: UploadQueryDto, request: Request): Promise<RecordedReceipt> {
    const contentEncoding = readContentEncoding(request);
    refuseForms(request);
    const idempotencyKey = readIdempotencyKey(request);
    requireServiceName(query.service);
    requireInstanceName(query.instance);
    const receivedAt = this.clock.now();
    const declared = readDeclared(query, receivedAt);
    const declaredLength = readContentLength(request);
    const limits = await this.limits.beforeUpload(caller, declaredLength);
    checkLabels(limits, query.labels ?? {});
    if (declaredLength === 0) throw emptyBody();

    return this.holding(caller, idempotencyKey, async () => {
      const { sha256, sizeBytes, head } = await this.archive
        .receive(caller.tenantId, request, { maxBytes: limits.body_bytes, limitName: 'body_bytes' })
        .catch((error: unknown) => {
          if (error instanceof EmptyObject) throw emptyBody();
          if (error instanceof Problem || !request.destroyed) throw error;
          // Nobody is there to read this; it is for the log.
          throw new Problem('bad-request', 'The body did not arrive as it was announced.', { cause: error });
        });
      this.limits.countBytes(caller, sizeBytes);
      failpoint('after-archive-before-commit');
      const answer = await this.uploads.record(caller, {
        uploadId: newUploadId(receivedAt),
        service: query.service,
        instance: query.instance,
        team: query.team,
        sha256,
        sizeBytes,
        contentEncoding,
        ownClock: hasOwnClock(head, contentEncoding),
        receivedAt,
        declared,
        idempotencyKey,
      });
      failpoint('after-commit-before-announce');
      if (!answer.receipt.duplicate && !answer.replayed) this.announcer.announce();
      failpoint('after-announce-before-answer');
      return answer;
    });
  }

  private async holding<T>(caller: Caller, idempotencyKey: string | null, work: () => Promise<T>): Promise<T> {
    if (idempotencyKey === null) return work();
    const held = `${caller.tenantId}/${caller.keyId}/${idempotencyKey}`;
    if (this.inFlight.has(held)) {
      throw new Problem('idempotency-in-flight', 'A request with this Idempotency-Key has not been answered yet.', {
        retryAfterSeconds: 1,
      });
    }
    this.inFlight.add(held);
    try {
      return await work();
    } finally {
      this.inFlight.delete(held);
    }
  }
}

function hasOwnClock(head: Uint8Array, contentEncoding: ContentEncoding): boolean {
  const outer = contentEncoding === 'gzip' && isGzip(head) ? inflateHead(head, head.length) : head;
  return (isGzip(outer) ? sniff(outer) : sniffHead(outer))?.ownClock ?? false;
}

function readContentEncoding(request: Request): ContentEncoding {
  const given = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (given === 'identity' || given === '') return 'identity';
  if (given === 'gzip' || given === 'x-gzip') return 'gzip';
  throw new Problem('unsupported-encoding', `The Content-Encoding ${JSON.stringify(given)} is not accepted; gzip is.`, {
    headers: { 'Accept-Encoding': 'gzip, identity' },
  });
}

/** Everything else is taken whatever it says it is: curl, agents and proxies all name types of their own. */
function refuseForms(request: Request): void {
  if (!/^multipart\//i.test(request.headers['content-type']?.trim() ?? '')) return;
  throw new Problem(
    'unsupported-media-type',
    `Several files in one request are not accepted yet. Send one artefact as the body itself: ${helpfulCommand}`,
  );
}

function readIdempotencyKey(request: Request): string | null {
  const key = request.get('idempotency-key');
  if (key === undefined) return null;
  if (/^[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?$/.test(key)) return key;
  throw new Problem('idempotency-key-invalid', 'An Idempotency-Key has 1 to 255 printable ASCII characters.');
}

/** Null when the body comes in chunks. Node has refused what is no number, and a second header that differs. */
function readContentLength(request: Request): number | null {
  const length = request.headers['content-length'];
  if (length !== undefined) return Number(length);
  return request.headers['transfer-encoding'] === undefined ? 0 : null;
}

function readDeclared(query: UploadQueryDto, now: Date): DeclaredUpload {
  const said: DeclaredUpload = {
    kind: query.kind,
    capturedAt: query.captured_at === undefined ? undefined : readCapturedAt(query.captured_at, now).toISOString(),
    build: query.build,
    gitSha: query.git_sha,
    ciBuild: query.ci_build,
    captureMs: query.capture_ms,
    env: query.env,
    labels: query.labels,
    delta: query.delta,
  };
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined));
}

function readCapturedAt(text: string, now: Date): Date {
  // A time relative to now would make every retry another snapshot.
  const moment = /^(now|-)/.test(text) ? null : findMoment(text, now);
  if (!moment) {
    const detail = 'captured_at must be RFC 3339, or Unix time in seconds or milliseconds';
    throw new Problem('validation-failed', detail, {
      errors: [{ pointer: '?captured_at', code: 'is-moment', detail }],
    });
  }
  const ageMillis = now.getTime() - moment.getTime();
  if (ageMillis > oldestMillis || ageMillis < -youngestMillis) {
    throw new Problem(
      'outside-time-window',
      `captured_at is ${moment.toISOString()}; it must lie between 400 days ago and 10 minutes from now.`,
      { errors: [{ pointer: '?captured_at', code: 'outside-time-window' }] },
    );
  }
  return moment;
}

function emptyBody(): Problem {
  return new Problem(
    'validation-failed',
    `The body is empty. Send the artefact itself as the body: ${helpfulCommand}`,
    {
      errors: [{ pointer: '', code: 'empty-body' }],
    },
  );
}
