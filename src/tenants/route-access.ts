import { Injectable, type OnModuleInit, RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import { accessMetadata } from '../platform/public-route.js';
import type { Access } from './allow.js';

/** One route and who may use it. */
export interface RouteAccess {
  readonly method: string;
  readonly path: string;
  readonly handler: string;
  readonly access: Access | null;
}

/**
 * Reads from all controllers who may use what, and refuses to start with a route that nobody decided about. The guard
 * would deny it anyway; this makes the omission loud, in the first second instead of at the first complaint.
 */
@Injectable()
export class RouteAccessCheck implements OnModuleInit {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly reflector: Reflector,
  ) {}

  /** Throws if any route has no mark. */
  onModuleInit(): void {
    const undecided = this.routes().filter(({ access }) => access === null);
    if (undecided.length > 0) {
      const names = undecided.map(({ method, path, handler }) => `${method} ${path} (${handler})`).join(', ');
      throw new Error(`Every route needs @Allow(...) or @Public(); these have neither: ${names}`);
    }
  }

  routes(): RouteAccess[] {
    return this.discovery.getControllers().flatMap(({ metatype, instance }) => {
      if (!metatype || !instance) return [];
      const prototype = Object.getPrototypeOf(instance) as Record<string, () => unknown>;
      return this.scanner.getAllMethodNames(prototype).flatMap((name) => {
        const handler = prototype[name];
        const method = Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined;
        if (method === undefined) return [];
        const access = this.reflector.getAllAndOverride<Access | undefined>(accessMetadata, [handler, metatype]);
        return pathsOf(metatype, handler).map((path) => ({
          method: RequestMethod[method],
          path,
          handler: `${metatype.name}.${name}`,
          access: access ?? null,
        }));
      });
    });
  }
}

function pathsOf(controller: object, handler: object): string[] {
  const parts = (target: object) => [Reflect.getMetadata(PATH_METADATA, target) as string | string[]].flat();
  return parts(controller).flatMap((base) =>
    parts(handler).map((path) => `/${base}/${path}`.replace(/\/{2,}/g, '/').replace(/(.)\/$/, '$1')),
  );
}
