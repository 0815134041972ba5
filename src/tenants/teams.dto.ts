import { Matches } from 'class-validator';
import { plainNamePattern, serviceNamePattern } from './names.js';

export class NewTeamDto {
  /**
   * Letters, digits, ".", "_" and "-"; begins with a letter or digit.
   * @example payments
   */
  @Matches(plainNamePattern)
  name: string;
}

export class TeamDto {
  name: string;
  created_at: Date;
}

export class TeamListDto {
  rows: TeamDto[];
  /** Pass as `cursor` for the next page; null on the last one. */
  next: string | null;
}

export class ServiceNameDto {
  @Matches(serviceNamePattern)
  service: string;
}

export class OwnerDto {
  /**
   * The team that owns the service.
   * @example payments
   */
  @Matches(plainNamePattern)
  team: string;
}

export class OwnedServiceDto {
  service: string;
  team: string;
}
