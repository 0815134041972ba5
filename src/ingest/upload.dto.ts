import { ApiProperty } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import { IsBoolean, IsIn, IsInt, IsOptional, Matches, Max, MaxLength, Min, ValidateBy } from 'class-validator';
import { type Kind, kinds } from '../formats/kind.js';
import { defaultInstanceName } from '../tenants/names.js';

/** Text that can be shown anywhere: no control characters, nothing that turns the direction of writing. */
const printable = /^[^\p{C}]*$/u;
const printableMessage = { message: '$property may not hold control characters' };

function ArePrintableLabels(): PropertyDecorator {
  return ValidateBy({
    name: 'arePrintableLabels',
    validator: {
      validate: (labels: object) =>
        Object.entries(labels).every(
          ([name, value]) => name !== '' && printable.test(name) && printable.test(String(value)),
        ),
      defaultMessage: () => 'a label has a name, and no control characters',
    },
  });
}

/** OpenAPI has no parameter whose name is a pattern; the nearest is an object whose properties are the labels. */
const labelsProperty = {
  name: 'label.<name>',
  description: 'Labels, each as a parameter of its own: label.<name>=<value>.',
  selfRequired: false,
  type: 'object' as const,
  additionalProperties: { type: 'string' as const },
  example: { region: 'eu-west-1' },
};

/** What the sender says of what it sends, one artefact or several. Labels come as `label.<name>=<value>`. */
export class OriginQueryDto {
  /**
   * Which process of the service it is of: a pod, a host.
   * @example checkout-api-7c9f-x2kq5
   */
  @MaxLength(1024)
  instance: string = defaultInstanceName;

  /**
   * When it was captured: RFC 3339, or Unix time in seconds or milliseconds. Otherwise the snapshot's own clock tells, and
   * if it has none, the time of receipt.
   * @example 2026-11-23T15:19:47Z
   */
  @IsOptional()
  @MaxLength(64)
  captured_at?: string;

  /**
   * When the process started that wrote a log, as for `captured_at`. GC cycles and scheduler samples say how long after
   * that they were; without it, and without times in the lines, the last line is taken to be of the capture.
   * @example 2026-11-23T09:00:00Z
   */
  @IsOptional()
  @MaxLength(64)
  process_start?: string;

  /**
   * Version of the program.
   * @example v1.42.0
   */
  @IsOptional()
  @MaxLength(256)
  @Matches(printable, printableMessage)
  build?: string;

  @IsOptional()
  @MaxLength(256)
  @Matches(printable, printableMessage)
  git_sha?: string;

  /** Id of the build in the CI system. */
  @IsOptional()
  @MaxLength(256)
  @Matches(printable, printableMessage)
  ci_build?: string;

  /** How long the capture took, in milliseconds. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(86_400_000)
  capture_ms?: number;

  /** The team that owns the service if this upload makes it; a key with a team decides that itself. */
  @IsOptional()
  @MaxLength(256)
  @Matches(printable, printableMessage)
  team?: string;

  /** @example production */
  @IsOptional()
  @MaxLength(256)
  @Matches(printable, printableMessage)
  env?: string;

  /** Labels, each as a parameter of its own: `label.<name>=<value>`. */
  @ApiProperty(labelsProperty)
  @IsOptional()
  @ArePrintableLabels()
  labels?: Record<string, string>;
}

/** What the sender says of the snapshot in the body. */
export class UploadQueryDto extends OriginQueryDto {
  /**
   * The service that the snapshot is of; made by its first upload.
   * @example checkout-api
   */
  @MaxLength(1024)
  service: string;

  /** What kind of snapshot it is; otherwise its content tells. */
  @IsOptional()
  @IsIn(kinds)
  kind?: Kind;

  /** Whether the values are deltas over a time already (or, `false`, totals); otherwise the snapshot tells. */
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (value === 'true' ? true : value === 'false' ? false : value))
  @IsBoolean()
  delta?: boolean;
}

export class UploadLinksDto {
  self: string;
  /** The bytes as received. */
  raw: string;
  /** As a gzipped pprof profile. */
  profile: string;
  top: string;
  flamegraph: string;
  folded: string;
}

/** The snapshot is durable. It is parsed next; `links.self` says how that went. */
export class UploadReceiptDto {
  id: string;
  /** Null until the content has been looked at, unless the sender said it. */
  @ApiProperty({ type: String, enum: kinds, nullable: true })
  kind: string | null;
  /** @example stored */
  @ApiProperty({ enum: ['stored', 'parsing', 'indexed', 'rejected', 'quarantined'] })
  state: string;
  /** SHA-256 of the body as received, in hexadecimal. */
  sha256: string;
  /** The same bytes of the same instance at the same time were here before; this is that snapshot. */
  duplicate: boolean;
  links: UploadLinksDto;
}
