import { Inject, Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { ARCHIVE, EmptyObject, type Archive } from '../archive/archive.js';
import { CLOCK, type Clock } from '../platform/clock.js';
import { failpoint } from '../platform/failpoint.js';
import { Problem } from '../platform/problem.js';
import type { Caller } from '../tenants/caller.js';
import { checkLabels, DoorLimits } from '../tenants/limits.js';
import { requireInstanceName, requireServiceName } from '../tenants/services.js';
import { Announcer } from './announcer.js';
import { InFlightKeys } from './in-flight-keys.js';
import type { UploadQueryDto } from './upload.dto.js';
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
import { type RecordedReceipt, Uploads } from './uploads.js';

const helpfulCommand = 'curl --data-binary @heap.pb.gz';

/**
 * The way of one upload: what can be refused is refused before the first byte is read, then the bytes go to the
 * archive as they come, then the row is committed, and only then the client hears 202.
 */
@Injectable()
export class UploadService {
  constructor(
    private readonly limits: DoorLimits,
    @Inject(ARCHIVE) private readonly archive: Archive,
    private readonly uploads: Uploads,
    private readonly announcer: Announcer,
    private readonly inFlight: InFlightKeys,
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
    if (declaredLength === 0) throw nothingSent();

    return this.inFlight.holding(caller, idempotencyKey, async () => {
      const { sha256, sizeBytes, head } = await this.archive
        .receive(caller.tenantId, request, { maxBytes: limits.body_bytes, limitName: 'body_bytes' })
        .catch((error: unknown) => {
          if (error instanceof EmptyObject) throw nothingSent();
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
}

/** Everything else is taken whatever it says it is: curl, agents and proxies all name types of their own. */
function refuseForms(request: Request): void {
  if (!isForm(request)) return;
  throw new Problem(
    'unsupported-media-type',
    `Several files in one request are a capture: send the form to POST /api/v1/captures. ` +
      `Here, send one artefact as the body itself: ${helpfulCommand}`,
  );
}

function nothingSent(): Problem {
  return emptyBody(`Send the artefact itself as the body: ${helpfulCommand}`);
}
