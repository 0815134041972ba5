import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, Max, MaxLength, Min } from 'class-validator';

export class SnapshotSeriesQueryDto {
  /**
   * Only the series of this name.
   * @example HeapInuse
   */
  @IsOptional()
  @MaxLength(1024)
  name?: string;

  /** Moments to pass over. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(10_000_000)
  offset: number = 0;

  /** Moments of each source. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(5_000)
  limit: number = 500;
}

export class FoundSeriesDto {
  /** As its source spells it. */
  name: string;
  unit: string;
  /** A counter only grows during the life of the process; an event is true of its moment alone. */
  @ApiProperty({ enum: ['gauge', 'counter', 'event'] })
  type: 'gauge' | 'counter' | 'event';
  /** One for each of `at`: integers as decimal strings, fractions as numbers, null where there is none. */
  @ApiProperty({ type: 'array', items: { oneOf: [{ type: 'string' }, { type: 'number' }], nullable: true } })
  values: (string | number | null)[];
}

export class SeriesSourceDto {
  /**
   * What said it.
   * @example gctrace
   */
  source: string;
  /** In all, of which `at` are a part. */
  moments: number;
  /** UTC, with microseconds. */
  at: string[];
  series: FoundSeriesDto[];
}

/** Numbers over time as the snapshot holds them: of a log of GC cycles, a column of each and a moment for each cycle. */
export class SnapshotSeriesDto {
  snapshot_id: string;
  kind: string;
  offset: number;
  sources: SeriesSourceDto[];
}

/** What is kept of a snapshot as it was found. Its form depends on the kind; 64-bit integers are decimal strings. */
export class SnapshotContentDto {
  snapshot_id: string;
  kind: string;
  /** Null for kinds that are all stacks and series. */
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true })
  content: unknown;
}
