import { Controller, Get, Inject, Param, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { CLOCK, type Clock } from '../platform/clock.js';
import { Cursors } from '../platform/cursor.js';
import { Database } from '../platform/database.js';
import { QueryParameters } from '../platform/query-parameters.js';
import { Allow } from '../tenants/allow.js';
import { type Caller, CurrentCaller } from '../tenants/caller.js';
import { type ListPage, readPage } from '../tenants/list-page.js';
import { ServiceRegistry } from '../tenants/services.js';
import { toCaptureDto, toCaptureWithSnapshots } from './capture-presentation.js';
import { CaptureListDto, CaptureListQueryDto, CaptureWithSnapshotsDto } from './captures.dto.js';
import { Captures } from './captures.js';
import { clientGone } from '../platform/sending.js';
import { SettledUploads } from './settled-uploads.js';
import { SnapshotQueryDto } from './snapshots.dto.js';
import type { SnapshotPosition } from './snapshots.js';
import { momentOf } from '../platform/time-range.js';

/** What is known of captures: snapshots that were taken together. */
@ApiTags('captures')
@Controller('api/v1/captures')
export class CapturesController {
  constructor(
    private readonly db: Database,
    private readonly captures: Captures,
    private readonly services: ServiceRegistry,
    private readonly settled: SettledUploads,
    private readonly cursors: Cursors,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Captures, youngest first. */
  @Get()
  @Allow('read', 'ci', 'admin')
  async list(
    @CurrentCaller() caller: Caller,
    @QueryParameters(CaptureListQueryDto) query: CaptureListQueryDto,
  ): Promise<CaptureListDto> {
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
      { tenantId: caller.tenantId, endpoint: 'captures', now, filters },
      { limit, cursor },
      (part: ListPage<SnapshotPosition>) => this.captures.list(caller, wanted, part),
      (row) => ({ capturedAt: row.captured_at, id: row.capture_id }),
    );
    return { rows: page.rows.map(toCaptureDto), next: page.next };
  }

  /** One capture with its snapshots: their states, and what is wrong with them. With `wait`, once all are settled. */
  @Get(':id')
  @Allow('ingest', 'read', 'ci', 'admin')
  async get(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @QueryParameters(SnapshotQueryDto) query: SnapshotQueryDto,
    @Res({ passthrough: true }) response: Response,
  ): Promise<CaptureWithSnapshotsDto> {
    let found = await this.captures.getVisible(caller, id);
    const open = new Set(found.files.filter((file) => file.finished_at === null).map((file) => file.upload_id));
    if (query.wait > 0 && open.size > 0) {
      const gone = clientGone(response);
      const millis = query.wait * 1000;
      await Promise.all([...open].map((uploadId) => this.settled.wait(caller.tenantId, uploadId, millis, gone)));
      // The key may have lost its right to see it meanwhile, so this is asked like the first time.
      found = await this.captures.getVisible(caller, id);
    }
    return toCaptureWithSnapshots(found);
  }
}
