import { Matches } from 'class-validator';
import { plainNamePattern } from './names.js';

export class NewTenantDto {
  /**
   * Letters, digits, ".", "_" and "-"; begins with a letter or digit.
   * @example acme
   */
  @Matches(plainNamePattern)
  name: string;
}

export class TenantDto {
  id: string;
  name: string;
  created_at: Date;
}

export class CreatedTenantDto extends TenantDto {
  /** The tenant's first admin key, told only here. */
  admin_key: string;
}

export class TenantListDto {
  rows: TenantDto[];
  /** Pass as `cursor` for the next page; null on the last one. */
  next: string | null;
}

export class TenantNameDto {
  @Matches(plainNamePattern)
  tenant: string;
}
