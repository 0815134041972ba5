import { Inject, Injectable } from '@nestjs/common';
import type { Request } from 'express';
import type { Readable } from 'node:stream';
import { ARCHIVE, EmptyObject, type Archive } from '../archive/archive.js';
import { Spool } from '../archive/spool.js';
import { isKind, type Kind } from '../formats/kind.js';
import { CLOCK, type Clock } from '../platform/clock.js';
import { failpoint } from '../platform/failpoint.js';
import { Problem } from '../platform/problem.js';
import type { Caller } from '../tenants/caller.js';
import { checkLabels, DoorLimits, type Limits, requireWithin } from '../tenants/limits.js';
import { Announcer } from './announcer.js';
import { CaptureParameters } from './capture-parameters.js';
import type { CaptureQueryDto } from './capture.dto.js';
import { readArchiveFile } from './containers/archive-file.js';
import { UnpackingLimits } from './containers/container.js';
import { fileName, isMetadata } from './containers/entry-name.js';
import { readForm } from './containers/form.js';
import type { DeclaredUpload } from './declared-upload.js';
import { InFlightKeys } from './in-flight-keys.js';
import { ReceivedBody } from './received-body.js';
import type { CapturedFile, SkippedFile } from './recorded-capture.js';
import { newUploadId } from './upload-id.js';
import {
  emptyBody,
  hasOwnClock,
  isForm,
  readContentEncoding,
  readContentLength,
  readDeclared,
  readIdempotencyKey,
} from './upload-request.js';
import { type RecordedCapture, Uploads } from './uploads.js';

const helpfulCommand = 'curl -F heap=@heap.pb.gz -F goroutine=@goroutine.pb.gz';

/** What is known of a capture before its first file. */
interface Said {
  readonly query: CaptureQueryDto & { readonly service: string };
  readonly declared: DeclaredUpload;
}

/**
 * The way of one capture: each file goes to the archive as it comes, one after the other; when all are durable, one
 * transaction records them, and only then the client hears 202. Whatever fails before that leaves nothing recorded.
 */
@Injectable()
export class CaptureService {
  constructor(
    private readonly limits: DoorLimits,
    @Inject(ARCHIVE) private readonly archive: Archive,
    private readonly spool: Spool,
    private readonly uploads: Uploads,
    private readonly announcer: Announcer,
    private readonly inFlight: InFlightKeys,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws Problem for all that is refused; see the table of statuses in the API's documentation */
  async receive(caller: Caller, request: Request): Promise<RecordedCapture> {
    const form = isForm(request);
    if (readContentEncoding(request) === 'gzip' && form) {
      throw new Problem(
        'unsupported-encoding',
        'A form is not accepted with a Content-Encoding; its files may be gzip.',
      );
    }
    const idempotencyKey = readIdempotencyKey(request);
    const parameters = new CaptureParameters(request.query);
    const receivedAt = this.clock.now();
    if (!form) readDeclared(parameters.settle(), receivedAt);
    const declaredLength = readContentLength(request);
    const limits = await this.limits.beforeUpload(caller, declaredLength);
    const say = (): Said => {
      const query = parameters.settle();
      checkLabels(limits, query.labels ?? {});
      return { query, declared: readDeclared(query, receivedAt) };
    };
    if (!form) say();
    if (declaredLength === 0) throw nothingSent();

    return this.inFlight.holding(caller, idempotencyKey, async () => {
      const files = new ReceivedFiles(this.archive, caller, limits, receivedAt, say);
      const body = new ReceivedBody(request, limits);
      const chunks = body.chunks();
      try {
        if (form) {
          await readForm(request.headers, chunks, {
            field: (name, value) => parameters.addField(name, value),
            file: ({ field, fileName: raw, bytes }) =>
              files.take(fileName(raw) ?? fileName(field) ?? 'file', isKind(field) ? field : null, bytes),
          });
        } else {
          const unpacking = new UnpackingLimits(limits);
          await readArchiveFile(
            chunks,
            () => body.sizeBytes,
            this.spool,
            unpacking,
            ({ name, bytes }) => files.take(name, null, bytes),
          );
        }
      } finally {
        // Not waited for: the sender may have nothing more to say until it is answered.
        void chunks.return();
        this.limits.countBytes(caller, body.sizeBytes);
        this.limits.countUploads(caller, Math.max(files.kept.length - 1, 0));
      }
      const { query, declared } = say();
      if (files.kept.length === 0) throw nothingSent();
      failpoint('after-archive-before-commit');
      const answer = await this.uploads.recordCapture(caller, {
        captureId: newUploadId(receivedAt),
        service: query.service,
        instance: query.instance,
        team: query.team,
        receivedAt,
        declared,
        files: files.kept,
        skipped: files.skipped,
        idempotencyKey,
      });
      failpoint('after-commit-before-announce');
      const fresh = answer.receipt.snapshots.some(({ duplicate }) => !duplicate);
      if (fresh && !answer.replayed) this.announcer.announce();
      failpoint('after-announce-before-answer');
      return answer;
    });
  }
}

/** The files of one capture: in the archive, and not recorded yet. */
class ReceivedFiles {
  readonly kept: CapturedFile[] = [];
  readonly skipped: SkippedFile[] = [];
  private taken = 0;

  constructor(
    private readonly archive: Archive,
    private readonly caller: Caller,
    private readonly limits: Limits,
    private readonly receivedAt: Date,
    private readonly say: () => Said,
  ) {}

  /** @throws Problem `too-many-parts`, `body-too-large`, those of the archive, or what is wrong with the parameters */
  async take(name: string, kind: Kind | null, bytes: Readable): Promise<void> {
    const { declared } = this.say();
    if (isMetadata(name)) {
      this.skipped.push({ name, reason: 'metadata' });
      for await (const _ of bytes);
      return;
    }
    requireWithin(this.limits, 'parts_per_capture', ++this.taken);
    try {
      const { sha256, sizeBytes, head } = await this.archive.receive(this.caller.tenantId, bytes, {
        maxBytes: this.limits.body_bytes,
        limitName: 'body_bytes',
      });
      this.kept.push({
        uploadId: newUploadId(this.receivedAt),
        name,
        sha256,
        sizeBytes,
        contentEncoding: 'identity',
        ownClock: hasOwnClock(head, 'identity'),
        declared: kind === null ? declared : { ...declared, kind },
      });
    } catch (error) {
      if (!(error instanceof EmptyObject)) throw error;
      this.skipped.push({ name, reason: 'empty' });
    }
  }
}

function nothingSent(): Problem {
  return emptyBody(`Send several files, as a form or as a tar, tar.gz or zip file: ${helpfulCommand}`);
}
