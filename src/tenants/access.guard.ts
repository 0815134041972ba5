import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request, Response } from 'express';
import { Problem } from '../platform/problem.js';
import { accessMetadata } from '../platform/public-route.js';
import type { Access, Permission } from './allow.js';
import type { Caller } from './caller.js';
import { KeyAuthentication, type Refusal } from './key-authentication.js';

const refusalText: Record<Refusal, string> = {
  malformed: 'The credentials hold no valid API key: it is misspelt, cut off or not a Tidemark key.',
  unknown: 'This API key does not exist.',
  revoked: 'This API key was revoked.',
  expired: 'This API key has expired.',
};

/**
 * Stands before every route and denies by default: without `@Allow(...)` or `@Public()` nobody passes (and the
 * process does not start, see `route-access.ts`).
 *
 * The key comes as `Authorization: Bearer tmk_…`, or as the password of `Basic` with any user name, which is what
 * `go tool pprof http://any:tmk_…@host/…`, Grafana and the Pyroscope clients send. The tenant is the key's; a client
 * that names one in `X-Scope-OrgID` must name the same.
 */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly keys: KeyAuthentication,
  ) {}

  /** Puts the caller on the request. Throws Problem: `unauthenticated` (401), `insufficient-scope` (403). */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const access =
      this.reflector.getAllAndOverride<Access | undefined>(accessMetadata, [
        context.getHandler(),
        context.getClass(),
      ]) ?? [];
    if (access === 'public') return true;

    const request = context.switchToHttp().getRequest<Request>();
    const response = context.switchToHttp().getResponse<Response>();
    // Set before anything can fail: a shared cache must keep neither an answer nor a refusal for somebody else.
    response.setHeader('Cache-Control', 'private, no-cache');
    response.vary('Authorization');

    const caller = await this.authenticate(request);
    request.caller = caller;
    requireTenant(caller, request.headers['x-scope-orgid']);
    if (!access.some((permission) => holds(caller, permission))) {
      throw new Problem(
        'insufficient-scope',
        `This needs a key with the role ${access.join(' or ')}; the one presented has the role ${caller.role}.`,
        { headers: { 'WWW-Authenticate': challenge('insufficient_scope') } },
      );
    }
    return true;
  }

  private async authenticate(request: Request): Promise<Caller> {
    const { authorization } = request.headers;
    if (authorization === undefined) {
      throw new Problem('unauthenticated', 'An API key is needed: "Authorization: Bearer tmk_…".', {
        headers: { 'WWW-Authenticate': challenge() },
      });
    }
    const presented = credentials(authorization);
    const caller = presented === null ? 'malformed' : await this.keys.authenticate(presented);
    if (typeof caller === 'string') {
      throw new Problem('unauthenticated', refusalText[caller], {
        headers: { 'WWW-Authenticate': challenge('invalid_token') },
      });
    }
    return caller;
  }
}

function holds(caller: Caller, permission: Permission): boolean {
  return permission === 'operator' ? caller.operator : caller.role === permission;
}

/** The presented key: the token of Bearer, the password of Basic (RFC 6750, RFC 7617), or null if it is neither. */
function credentials(authorization: string): string | null {
  const [, scheme, value] = /^(bearer|basic) +(\S+) *$/i.exec(authorization) ?? [];
  if (scheme === undefined) return null;
  if (scheme.toLowerCase() === 'bearer') return value;
  const userinfo = Buffer.from(value, 'base64').toString('utf8');
  const colon = userinfo.indexOf(':');
  return colon < 0 ? null : userinfo.slice(colon + 1);
}

/** Bearer only: a Basic challenge would make browsers pop up a password box. Clients with userinfo send it unasked. */
function challenge(error?: 'invalid_token' | 'insufficient_scope'): string {
  return error === undefined ? 'Bearer realm="tidemark"' : `Bearer realm="tidemark", error="${error}"`;
}

function requireTenant(caller: Caller, named: string | string[] | undefined): void {
  if (named === undefined || named === caller.tenantName || named === caller.tenantId) return;
  throw new Problem('insufficient-scope', 'X-Scope-OrgID names another tenant than the one this key belongs to.');
}
