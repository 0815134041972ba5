import { SetMetadata } from '@nestjs/common';
import { accessMetadata } from '../platform/public-route.js';
import type { Role } from './key-format.js';

/** What a route may ask for: a role, or `operator`, which only some admin keys are. */
export type Permission = Role | 'operator';
export type Access = 'public' | readonly Permission[];

/**
 * The keys that may use a route (or all routes of a controller; the route's own mark wins). Roles are named one by one
 * and none implies another, so that the decorator is the whole truth about its route.
 */
export const Allow = (...permissions: [Permission, ...Permission[]]) =>
  SetMetadata<string, Access>(accessMetadata, permissions);
