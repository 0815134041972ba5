import { Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiBody, ApiConsumes, ApiHeader, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { QueryParameters } from '../platform/query-parameters.js';
import { Allow } from '../tenants/allow.js';
import { type Caller, CurrentCaller } from '../tenants/caller.js';
import { TakesIdempotencyKey } from './documented-request.js';
import { drainBriefly } from './refused-body.js';
import { UploadQueryDto, UploadReceiptDto } from './upload.dto.js';
import { uploadLinks } from './upload-links.js';
import { UploadService } from './upload.service.js';
import type { Receipt } from './uploads.js';

@ApiTags('snapshots')
@Controller('api/v1/snapshots')
export class UploadController {
  constructor(private readonly uploads: UploadService) {}

  /**
   * Stores one artefact: the raw body, of any content type, gzip or not. 202 means that it is durable; it is parsed
   * next. The same bytes of the same instance at the same time are one snapshot, however often they are sent.
   */
  @Post()
  @Allow('ingest', 'ci', 'admin')
  @HttpCode(202)
  @ApiConsumes('application/octet-stream')
  @ApiBody({ schema: { type: 'string', format: 'binary' } })
  @TakesIdempotencyKey()
  @ApiHeader({ name: 'Content-Encoding', required: false, description: 'identity (the default) or gzip.' })
  @ApiAcceptedResponse({ type: UploadReceiptDto })
  async upload(
    @CurrentCaller() caller: Caller,
    @QueryParameters(UploadQueryDto) query: UploadQueryDto,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<UploadReceiptDto> {
    const { receipt, replayed } = await this.uploads.receive(caller, query, request).catch(async (error: unknown) => {
      await drainBriefly(request);
      throw error;
    });
    if (replayed) response.setHeader('Idempotent-Replayed', 'true');
    const answer = withLinks(receipt);
    response.location(answer.links.self);
    return answer;
  }
}

function withLinks({ id, kind, state, sha256, duplicate }: Receipt): UploadReceiptDto {
  return { id, kind, state, sha256, duplicate, links: uploadLinks(id) };
}
