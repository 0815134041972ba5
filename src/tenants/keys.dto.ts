import { Type } from 'class-transformer';
import { IsBoolean, IsDate, IsIn, IsOptional, Matches } from 'class-validator';
import { type Role, roles } from './key-format.js';
import { plainNamePattern } from './names.js';

export class NewKeyDto {
  /**
   * What the key is for, to recognise it in the list.
   * @example ci-checkout
   */
  @Matches(plainNamePattern)
  name: string;

  /** `ingest` uploads, `read` reads, `ci` does both, `admin` also manages the tenant. */
  @IsIn(roles)
  role: Role;

  /** Narrows the key to one team's services. Not for `admin`. */
  @IsOptional()
  @Matches(plainNamePattern)
  team?: string;

  /** Makes an admin key that can create tenants and set limits. Only an operator can make another. */
  @IsOptional()
  @IsBoolean()
  operator?: boolean;

  /** When the key ends by itself (RFC 3339); never if it is not given. */
  @IsOptional()
  @Type(() => Date)
  @IsDate()
  expires_at?: Date;
}

export class KeyDto {
  id: string;
  name: string;
  /** `ingest`, `read`, `ci` or `admin`. */
  role: string;
  operator: boolean;
  /** The team the key is narrowed to, or null. */
  team: string | null;
  created_at: Date;
  expires_at: Date | null;
  revoked_at: Date | null;
  /** To the minute; null if never. */
  last_used_at: Date | null;
}

export class CreatedKeyDto extends KeyDto {
  /** The key itself, told only here. */
  key: string;
}

export class KeyListDto {
  rows: KeyDto[];
  /** Pass as `cursor` for the next page; null on the last one. */
  next: string | null;
}

export class KeyIdDto {
  @Matches(/^[0-9A-Za-z]{12}$/)
  id: string;
}
