import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { ARCHIVE, type Archive } from '../archive/archive.js';
import { CLOCK, type Clock } from '../platform/clock.js';
import { Cursors } from '../platform/cursor.js';
import { Database } from '../platform/database.js';
import { PprofRoute } from '../platform/problem.filter.js';
import { QueryParameters } from '../platform/query-parameters.js';
import { Allow } from '../tenants/allow.js';
import { type Caller, CurrentCaller } from '../tenants/caller.js';
import { type ListPage, readPage } from '../tenants/list-page.js';
import { ServiceRegistry } from '../tenants/services.js';
import { openArchived, sendArchivedProfile, sendRaw } from './archived-bytes.js';
import { AnswersNotModified, NeedsIndexed, SendsBytes, SendsFolded } from './documented-answers.js';
import { SnapshotFlameGraphQueryDto, SnapshotFoldedQueryDto, SnapshotTopQueryDto } from './selection.dto.js';
import { asDownload, clientGone, entityTag, send, sendIfFresh } from '../platform/sending.js';
import { SettledUploads } from './settled-uploads.js';
import { toSnapshotDto } from './snapshot-presentation.js';
import { SnapshotListDto, SnapshotListQueryDto, SnapshotQueryDto, SnapshotWithPartsDto } from './snapshots.dto.js';
import { type SnapshotPosition, Snapshots } from './snapshots.js';
import { RankingPages } from './ranking-pages.js';
import { FlameGraphDto, TopDto } from './stacks.dto.js';
import { QueryThreads } from '../platform/query-threads.js';
import { requireIndexed, requireStacks, stackOptions, VisibleStacks } from './visible-stacks.js';
import { momentOf } from '../platform/time-range.js';
import type { QueryRequest } from './query-request.js';

/** What is known of snapshots, and what lies in each. Answers about indexed ones never change and carry an ETag. */
@ApiTags('snapshots')
@Controller('api/v1/snapshots')
export class SnapshotsController {
  constructor(
    private readonly db: Database,
    private readonly snapshots: Snapshots,
    private readonly services: ServiceRegistry,
    private readonly settled: SettledUploads,
    private readonly stacks: VisibleStacks,
    private readonly rankings: RankingPages,
    private readonly threads: QueryThreads,
    private readonly cursors: Cursors,
    @Inject(ARCHIVE) private readonly archive: Archive,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Snapshots, youngest capture first. Each that was indexed or rejected before the first page was read is on exactly one
   * page; one that still waits may move, because its time of capture is provisional until its bytes have told theirs.
   */
  @Get()
  @Allow('read', 'ci', 'admin')
  async list(
    @CurrentCaller() caller: Caller,
    @QueryParameters(SnapshotListQueryDto) query: SnapshotListQueryDto,
  ): Promise<SnapshotListDto> {
    const { limit, cursor, ...filters } = query;
    const now = this.clock.now();
    const { service, from, to, ...others } = filters;
    const serviceId =
      service === undefined
        ? undefined
        : await this.db.readTenant(caller.tenantId, async (tx) => {
            return (await this.services.getVisible(tx, caller, service)).serviceId;
          });
    const wanted = { ...others, serviceId, from: momentOf(from, now), to: momentOf(to, now) };
    const page = await readPage(
      this.cursors,
      { tenantId: caller.tenantId, endpoint: 'snapshots', now, filters },
      { limit, cursor },
      (part: ListPage<SnapshotPosition>) => this.snapshots.list(caller, wanted, part),
      (row) => ({ capturedAt: row.captured_at, id: row.snapshot_id }),
    );
    return { rows: page.rows.map(toSnapshotDto), next: page.next };
  }

  /** One snapshot: its state, its totals, and why it was rejected if it was. With `wait`, once that is known. */
  @Get(':id')
  @Allow('ingest', 'read', 'ci', 'admin')
  async get(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @QueryParameters(SnapshotQueryDto) query: SnapshotQueryDto,
    @Res({ passthrough: true }) response: Response,
  ): Promise<SnapshotWithPartsDto> {
    let row = await this.snapshots.getVisible(caller, id);
    if (query.wait > 0 && row.finished_at === null) {
      const gone = clientGone(response);
      await this.settled.wait(caller.tenantId, row.upload_id, query.wait * 1000, gone);
      // The key may have lost its right to see it meanwhile, so this is asked like the first time.
      row = await this.snapshots.getVisible(caller, id);
    }
    const parts = await this.snapshots.partsOf(caller.tenantId, row.upload_id);
    return {
      ...toSnapshotDto(row),
      parts: parts.map(({ snapshot_id, part, kind }) => ({ id: snapshot_id, part, kind })),
    };
  }

  /** The bytes of its upload as they were received, with the Content-Encoding they came with. */
  @Get(':id/raw')
  @Allow('read', 'ci', 'admin')
  @SendsBytes('application/octet-stream')
  @AnswersNotModified()
  async raw(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const row = await this.snapshots.getVisible(caller, id);
    if (sendIfFresh(request, response, entityTag(caller.tenantId, 'raw', row.sha256.toString('hex')))) return;
    await sendRaw(response, await openArchived(this.archive, caller.tenantId, row.sha256), row);
  }

  /** As a gzipped pprof profile: `go tool pprof http://x:<key>@<host>/api/v1/snapshots/<id>/profile.pb.gz`. */
  @Get(':id/profile.pb.gz')
  @Allow('read', 'ci', 'admin')
  @PprofRoute()
  @SendsBytes('application/octet-stream')
  @AnswersNotModified()
  @NeedsIndexed()
  async profile(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const row = requireIndexed(await this.snapshots.getVisible(caller, id));
    if (sendIfFresh(request, response, entityTag(caller.tenantId, 'profile', row.sha256.toString('hex'), row.part)))
      return;
    if ((row.details.format ?? 'pprof') !== 'pprof') {
      const job = { op: 'pprof', source: requireStacks(row) } as const;
      asDownload(response, `${row.service}-${row.kind}-${row.snapshot_id}.pb.gz`);
      return send(response, await this.threads.run<QueryRequest>(caller.tenantId, job, clientGone(response)));
    }
    await sendArchivedProfile(response, await openArchived(this.archive, caller.tenantId, row.sha256), row);
  }

  /** What holds most: functions, lines, files or packages, with what they hold themselves and with all they call. */
  @Get(':id/top')
  @Allow('read', 'ci', 'admin')
  @ApiOkResponse({ type: TopDto })
  @AnswersNotModified()
  @NeedsIndexed()
  async top(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @QueryParameters(SnapshotTopQueryDto) query: SnapshotTopQueryDto,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const source = await this.stacks.ofSnapshot(caller, id);
    const page = this.rankings.open(caller, `snapshots/${source.snapshotId}/top`, query);
    if (sendIfFresh(request, response, entityTag(caller.tenantId, 'top', source, query, page.hour))) return;
    const { by, sort } = query;
    const job = { op: 'top', source, options: stackOptions(query), part: { by, sort, ...page.part() } } as const;
    send(response, await this.threads.run<QueryRequest>(caller.tenantId, job, clientGone(response)));
  }

  /** The stacks as a flame graph. */
  @Get(':id/flamegraph')
  @Allow('read', 'ci', 'admin')
  @ApiOkResponse({ type: FlameGraphDto })
  @AnswersNotModified()
  @NeedsIndexed()
  async flamegraph(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @QueryParameters(SnapshotFlameGraphQueryDto) query: SnapshotFlameGraphQueryDto,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const source = await this.stacks.ofSnapshot(caller, id);
    if (sendIfFresh(request, response, entityTag(caller.tenantId, 'flamegraph', source, query))) return;
    const { by, max_nodes: maxNodes } = query;
    const job = { op: 'flamegraph', source, options: stackOptions(query), by, maxNodes } as const;
    send(response, await this.threads.run<QueryRequest>(caller.tenantId, job, clientGone(response)));
  }

  /** The stacks as text, one per line with its value, root first: what `flamegraph.pl` and speedscope read. */
  @Get(':id/folded')
  @Allow('read', 'ci', 'admin')
  @SendsFolded()
  @AnswersNotModified()
  @NeedsIndexed()
  async folded(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @QueryParameters(SnapshotFoldedQueryDto) query: SnapshotFoldedQueryDto,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const source = await this.stacks.ofSnapshot(caller, id);
    if (sendIfFresh(request, response, entityTag(caller.tenantId, 'folded', source, query))) return;
    const job = { op: 'folded', source, options: stackOptions(query) } as const;
    send(response, await this.threads.run<QueryRequest>(caller.tenantId, job, clientGone(response)));
  }
}
