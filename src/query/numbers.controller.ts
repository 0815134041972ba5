import { Controller, Get, Param, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { QueryParameters } from '../platform/query-parameters.js';
import { QueryThreads } from '../platform/query-threads.js';
import { clientGone, entityTag, send, sendIfFresh } from '../platform/sending.js';
import { Allow } from '../tenants/allow.js';
import { type Caller, CurrentCaller } from '../tenants/caller.js';
import { AnswersNotModified, NeedsIndexed } from './documented-answers.js';
import { SnapshotContentDto, SnapshotSeriesDto, SnapshotSeriesQueryDto } from './numbers.dto.js';
import type { NumbersRequest } from './numbers-request.js';
import { Snapshots } from './snapshots.js';
import { requireIndexed } from './visible-stacks.js';

/** What snapshots hold besides stacks. Answers about indexed ones never change and carry an ETag. */
@ApiTags('snapshots')
@Allow('read', 'ci', 'admin')
@Controller('api/v1/snapshots/:id')
export class NumbersController {
  constructor(
    private readonly snapshots: Snapshots,
    private readonly threads: QueryThreads,
  ) {}

  /** Its numbers over time: fields of MemStats, GC cycles, scheduler samples, lines of /proc, goroutines by state. */
  @Get('series')
  @ApiOkResponse({ type: SnapshotSeriesDto })
  @AnswersNotModified()
  @NeedsIndexed()
  async series(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @QueryParameters(SnapshotSeriesQueryDto) query: SnapshotSeriesQueryDto,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const { snapshot_id: snapshotId, kind, sha256 } = requireIndexed(await this.snapshots.getVisible(caller, id));
    const tag = entityTag(caller.tenantId, 'series', snapshotId, sha256.toString('hex'), query);
    if (sendIfFresh(request, response, tag)) return;
    const { name, offset, limit } = query;
    const job = { op: 'snapshot-series', snapshotId, kind, name, offset, limit } as const;
    send(response, await this.threads.run<NumbersRequest>(caller.tenantId, job, clientGone(response)));
  }

  /** What is shown as it was found: every goroutine of a dump, P, M and G tables of scheddetail, pauses, histograms. */
  @Get('content')
  @ApiOkResponse({ type: SnapshotContentDto })
  @AnswersNotModified()
  @NeedsIndexed()
  async content(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const row = requireIndexed(await this.snapshots.getVisible(caller, id));
    const { snapshot_id: snapshotId, kind, captured_at: capturedAt, sha256 } = row;
    const tag = entityTag(caller.tenantId, 'content', snapshotId, sha256.toString('hex'));
    if (sendIfFresh(request, response, tag)) return;
    const job = { op: 'snapshot-content', snapshotId, kind, capturedAt } as const;
    send(response, await this.threads.run<NumbersRequest>(caller.tenantId, job, clientGone(response)));
  }
}
