import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { traceDuration } from '../analysis/trace/moment.js';
import { ARCHIVE, type Archive } from '../archive/archive.js';
import { Problem } from '../platform/problem.js';
import { QueryParameters } from '../platform/query-parameters.js';
import { QueryThreads } from '../platform/query-threads.js';
import { clientGone, entityTag, send, sendIfFresh } from '../platform/sending.js';
import { Allow } from '../tenants/allow.js';
import { type Caller, CurrentCaller } from '../tenants/caller.js';
import { AnswersNotModified, NeedsIndexed } from './documented-answers.js';
import { Snapshots } from './snapshots.js';
import { TraceDto, TraceEventsDto, TraceEventsQueryDto, TraceQueryDto } from './trace.dto.js';
import type { TraceRequest, TraceSource } from './trace-request.js';
import { requireIndexed } from './visible-stacks.js';

/** What execution traces say. Answers about indexed ones never change and carry an ETag. */
@ApiTags('snapshots')
@Allow('read', 'ci', 'admin')
@Controller('api/v1/snapshots/:id/trace')
export class TraceController {
  constructor(
    private readonly snapshots: Snapshots,
    private readonly threads: QueryThreads,
    @Inject(ARCHIVE) private readonly archive: Archive,
  ) {}

  /** Who ran, who was blocked where and woken by whom, scheduler latency, collections, tasks: the summary of a trace. */
  @Get()
  @ApiOkResponse({ type: TraceDto })
  @AnswersNotModified()
  @NeedsIndexed()
  async summary(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @QueryParameters(TraceQueryDto) query: TraceQueryDto,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const source = await this.sourceOf(caller, id);
    if (sendIfFresh(request, response, entityTag(caller.tenantId, 'trace', tagged(source), query))) return;
    const { goroutine, offset, limit } = query;
    const job = { op: 'trace', source, offset, limit, ...asked(goroutine) } as const;
    send(response, await this.threads.run<TraceRequest>(caller.tenantId, job, clientGone(response)));
  }

  /** What happened in a stretch of it, event by event: by default before the longest block of a goroutine. */
  @Get('events')
  @ApiOkResponse({ type: TraceEventsDto })
  @AnswersNotModified()
  @NeedsIndexed()
  async events(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @QueryParameters(TraceEventsQueryDto) query: TraceEventsQueryDto,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const source = await this.sourceOf(caller, id);
    if (sendIfFresh(request, response, entityTag(caller.tenantId, 'trace-events', tagged(source), query))) return;
    const { goroutine, before, window, limit } = query;
    const windowNanos = traceDuration(window)!;
    const job = { op: 'trace-events', source, before, windowNanos, limit, ...asked(goroutine) } as const;
    send(response, await this.threads.run<TraceRequest>(caller.tenantId, job, clientGone(response)));
  }

  /** @throws Problem `not-found`, `not-indexed-yet` (409), why it was rejected (422), `not-a-trace` (422) */
  private async sourceOf(caller: Caller, id: string): Promise<TraceSource> {
    const row = requireIndexed(await this.snapshots.getVisible(caller, id));
    if (row.kind !== 'exectrace') throw new Problem('not-a-trace', `This snapshot is a ${row.kind}.`);
    return {
      snapshotId: row.snapshot_id,
      capturedAt: row.captured_at,
      contentEncoding: row.content_encoding,
      path: await this.archive.localPath(caller.tenantId, row.sha256),
      sha256: row.sha256.toString('hex'),
    };
  }
}

function asked(goroutine: string | undefined): { readonly goroutine?: number } {
  return goroutine === undefined ? {} : { goroutine: Number(goroutine) };
}

/** What the answer depends on: not on where the archive lies. */
function tagged({ snapshotId, sha256 }: TraceSource): object {
  return { snapshotId, sha256 };
}
