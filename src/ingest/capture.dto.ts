import { ApiProperty } from '@nestjs/swagger';
import { IsOptional, MaxLength } from 'class-validator';
import { OriginQueryDto, UploadReceiptDto } from './upload.dto.js';

/** What the sender says of all files of a capture. Of a form, each may come as a field instead, before the first file. */
export class CaptureQueryDto extends OriginQueryDto {
  /**
   * The service that the capture is of; made by its first upload. Required, here or in the form.
   * @example checkout-api
   */
  @IsOptional()
  @MaxLength(1024)
  service?: string;
}

export class CaptureLinksDto {
  self: string;
}

/** One file of a capture: a snapshot like one that was sent alone. */
export class CapturedReceiptDto extends UploadReceiptDto {
  /**
   * The name of the file.
   * @example heap.pb.gz
   */
  name: string;
}

/** A file that no snapshot was made of. */
export class SkippedFileDto {
  name: string;
  /** `empty`: without a byte; `metadata`: written by an operating system beside the files themselves. */
  @ApiProperty({ enum: ['empty', 'metadata'] })
  reason: 'empty' | 'metadata';
}

/** The capture is durable with all its files. They are parsed next; `links.self` says how that went. */
export class CaptureReceiptDto {
  id: string;
  service: string;
  instance: string;
  /** As given, else when it was received; UTC. Each snapshot has a time of its own. */
  captured_at: string;
  /** The same artefacts were sent together before; this is that capture. */
  duplicate: boolean;
  /** In the order in which they were sent. */
  snapshots: CapturedReceiptDto[];
  skipped: SkippedFileDto[];
  links: CaptureLinksDto;
}
