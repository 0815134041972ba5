import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import type { TenantId } from '../platform/database.js';
import type { Role } from './key-format.js';

/** Who is asking, as the key says: put on the request by the access guard, and nowhere else. */
export interface Caller {
  readonly tenantId: TenantId;
  readonly tenantName: string;
  readonly keyId: string;
  readonly role: Role;
  /** May create tenants and set their limits; only ever true with role `admin`. */
  readonly operator: boolean;
  /** A key with a team sees and feeds that team's services only. */
  readonly teamId: string | null;
  readonly teamName: string | null;
}

declare module 'express-serve-static-core' {
  interface Request {
    /** Present on every route that is not public. */
    caller?: Caller;
  }
}

/** The caller of a route that is not `@Public()`. Throws on a public one: there is nobody to name. */
export const CurrentCaller = createParamDecorator((_data: unknown, context: ExecutionContext): Caller => {
  const { caller } = context.switchToHttp().getRequest<Request>();
  if (!caller) throw new Error('@CurrentCaller() on a public route');
  return caller;
});
