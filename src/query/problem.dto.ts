import { ApiProperty } from '@nestjs/swagger';
import { type ProblemBody, type ProblemCode, problems } from '../platform/problem.js';

/** One fault among several. */
export class ProblemErrorDto {
  /**
   * `?name` for a query parameter, a JSON pointer (RFC 6901) into the body else.
   * @example ?kind
   */
  pointer: string;
  code: string;
  detail?: string;
}

/** A refusal, as of RFC 9457. */
export class ProblemDto implements ProblemBody {
  /** @example urn:tidemark:problem:not-found */
  type: string;
  title: string;
  status: number;
  /** What happened this time. */
  detail: string;
  /** What a client may branch on. */
  @ApiProperty({ enum: Object.keys(problems), enumName: 'ProblemCode' })
  code: ProblemCode;
  /** The request's id, by which its log lines can be found. */
  instance?: string;
  /** The limit that refused, by name. */
  limit?: string;
  @ApiProperty({ oneOf: [{ type: 'number' }, { type: 'string' }], required: false })
  actual?: number | string;
  @ApiProperty({ oneOf: [{ type: 'number' }, { type: 'string' }], required: false })
  allowed?: number | string;
  errors?: ProblemErrorDto[];
}
