import { Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiBody, ApiConsumes, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { Allow } from '../tenants/allow.js';
import { type Caller, CurrentCaller } from '../tenants/caller.js';
import { CaptureQueryDto, CaptureReceiptDto } from './capture.dto.js';
import { CaptureService } from './capture.service.js';
import type { CaptureReceipt } from './recorded-capture.js';
import { TakesIdempotencyKey } from './documented-request.js';
import { drainBriefly } from './refused-body.js';
import { uploadLinks } from './upload-links.js';

@ApiTags('captures')
@Controller('api/v1/captures')
export class CaptureController {
  constructor(private readonly captures: CaptureService) {}

  /**
   * Stores several artefacts of one instance that were taken together: a form with files, or a tar, tar.gz or zip file
   * as the raw body, told by its content. In a form, a field that has the name of a kind declares it, and parameters
   * may come as fields before the first file. 202 means that all files are durable; if one is refused, none is recorded.
   * Each file is a snapshot like any other.
   */
  @Post()
  @Allow('ingest', 'ci', 'admin')
  @HttpCode(202)
  @ApiQuery({ type: CaptureQueryDto })
  @ApiConsumes('multipart/form-data', 'application/x-tar', 'application/gzip', 'application/zip')
  @ApiBody({ schema: { type: 'string', format: 'binary' } })
  @TakesIdempotencyKey()
  @ApiAcceptedResponse({ type: CaptureReceiptDto })
  async capture(
    @CurrentCaller() caller: Caller,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<CaptureReceiptDto> {
    const { receipt, replayed } = await this.captures.receive(caller, request).catch(async (error: unknown) => {
      await drainBriefly(request);
      throw error;
    });
    if (replayed) response.setHeader('Idempotent-Replayed', 'true');
    const answer = withLinks(receipt);
    response.location(answer.links.self);
    return answer;
  }
}

function withLinks({ snapshots, skipped, ...capture }: CaptureReceipt): CaptureReceiptDto {
  return {
    id: capture.id,
    service: capture.service,
    instance: capture.instance,
    captured_at: capture.captured_at,
    duplicate: capture.duplicate,
    snapshots: snapshots.map(({ id, name, kind, state, sha256, duplicate }) => ({
      id,
      name,
      kind,
      state,
      sha256,
      duplicate,
      links: uploadLinks(id),
    })),
    skipped: [...skipped],
    links: { self: `/api/v1/captures/${capture.id}` },
  };
}
