import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { CLOCK, type Clock } from '../platform/clock.js';
import { Database, type TenantId, type Tx } from '../platform/database.js';
import { Problem, type ProblemCode } from '../platform/problem.js';
import type { Caller } from './caller.js';
import { TokenBucket } from './token-bucket.js';

const KiB = 1024;
const MiB = 1024 * KiB;

/**
 * What a tenant may do at the door, by the names that problems, the API and the documentation use. Whatever passes
 * and turns out too large once decoded is folded, not refused; those budgets are not here.
 *
 * The defaults stop accidents (a loop that uploads, a core dump sent as a profile), not honest load: one key feeding
 * 150 profiles of 60 kB a second stays far below all of them.
 */
const definitions = {
  /** One request's body as sent; of a capture also each of its files, unpacked. */
  body_bytes: { byDefault: 32 * MiB, code: 'body-too-large', what: 'bytes in one upload' },
  parts_per_capture: { byDefault: 64, code: 'too-many-parts', what: 'files in one capture' },
  /** Directories and what else is passed over included. */
  archive_entries: { byDefault: 1_000, code: 'too-many-parts', what: 'entries in one tar or zip' },
  /** All that comes out of one compressed tar or zip. */
  unpacked_bytes: { byDefault: 256 * MiB, code: 'decompressed-too-large', what: 'bytes in one capture once unpacked' },
  /** Ten thousand goroutines that wait at the same place reach about 100; a bomb of zeros reaches 1,000. */
  unpacked_ratio: {
    byDefault: 400,
    code: 'decompressed-too-large',
    what: 'bytes unpacked from each byte of a capture',
  },
  /** Of one key; of a capture each file counts. A minute's worth may come at once. */
  uploads_per_minute: { byDefault: 30_000, code: 'rate-limited', what: 'uploads a minute with one key' },
  /** Of the whole tenant, over all bodies as sent. */
  upload_bytes_per_second: { byDefault: 64 * MiB, code: 'rate-limited', what: 'bytes uploaded a second' },
  /** How far a tenant may run ahead of `upload_bytes_per_second`. */
  upload_burst_bytes: { byDefault: 256 * MiB, code: 'rate-limited', what: 'bytes uploaded in one burst' },
  labels: { byDefault: 32, code: 'too-many-labels', what: 'labels on one upload' },
  label_name_bytes: { byDefault: 128, code: 'label-too-long', what: 'bytes in the name of a label' },
  label_value_bytes: { byDefault: 1_024, code: 'label-too-long', what: 'bytes in the value of a label' },
  services: { byDefault: 5_000, code: 'quota-exceeded', what: 'services' },
  /** Instances of one service seen within a day; those of former days do not count, so new pods replace old ones. */
  instances_per_service: { byDefault: 10_000, code: 'quota-exceeded', what: 'instances of one service within a day' },
} as const satisfies Record<string, { byDefault: number; code: ProblemCode; what: string }>;

export type LimitName = keyof typeof definitions;
export type Limits = Readonly<Record<LimitName, number>>;

export const limitNames = Object.keys(definitions) as LimitName[];
export const defaultLimits = Object.fromEntries(
  limitNames.map((name) => [name, definitions[name].byDefault]),
) as Limits;

/** The defaults with a tenant's own values over them. Names that this version does not know have no effect. */
export function applyOverrides(overrides: Readonly<Record<string, unknown>>): Limits {
  const own = (name: LimitName) => {
    const value = overrides[name];
    return typeof value === 'number' ? value : defaultLimits[name];
  };
  return Object.fromEntries(limitNames.map((name) => [name, own(name)])) as Limits;
}

/** Throws the limit's own Problem if `actual` is more than the limit allows. */
export function requireWithin(limits: Limits, name: LimitName, actual: number): void {
  if (actual > limits[name]) throw limitProblem(limits, name, actual);
}

/** The refusal by a limit: says which, how much it was and how much is allowed. */
export function limitProblem(limits: Limits, name: LimitName, actual: number, retryAfterSeconds?: number): Problem {
  const { code, what } = definitions[name];
  return new Problem(code, `${actual} ${what}; at most ${limits[name]} are allowed.`, {
    limit: name,
    actual,
    allowed: limits[name],
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
}

/** Throws Problem if there are too many labels, or a name or value is too long (in bytes of UTF-8). */
export function checkLabels(limits: Limits, labels: Readonly<Record<string, string>>): void {
  const entries = Object.entries(labels);
  requireWithin(limits, 'labels', entries.length);
  for (const [name, value] of entries) {
    requireWithin(limits, 'label_name_bytes', Buffer.byteLength(name));
    requireWithin(limits, 'label_value_bytes', Buffer.byteLength(value));
  }
}

const limitsCacheMillis = 5_000;
const cachedTenants = 10_000;

/** Each tenant's limits, read at most every five seconds. */
@Injectable()
export class TenantLimits {
  private readonly cache = new LRUCache<TenantId, { readAt: number; limits: Limits }>({ max: cachedTenants });
  private readonly underway = new Map<TenantId, Promise<Limits>>();

  constructor(
    private readonly db: Database,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Throws Problem `not-found` if there is no such tenant. */
  async get(tenantId: TenantId): Promise<Limits> {
    const cached = this.findCached(tenantId);
    if (cached) return cached;
    let reading = this.underway.get(tenantId);
    if (!reading) {
      reading = this.db
        .acrossTenants((tx) => this.getWithin(tx, tenantId))
        .finally(() => this.underway.delete(tenantId));
      this.underway.set(tenantId, reading);
    }
    return reading;
  }

  /**
   * As `get`, for those who hold a transaction: they must wait neither for a second connection nor for somebody who
   * does, or a pool full of them waits for ever.
   */
  async getWithin(tx: Tx, tenantId: TenantId): Promise<Limits> {
    const cached = this.findCached(tenantId);
    if (cached) return cached;
    const readAt = this.clock.now().getTime();
    const limits = applyOverrides(await getOverrides(tx, tenantId));
    this.cache.set(tenantId, { readAt, limits });
    return limits;
  }

  private findCached(tenantId: TenantId): Limits | null {
    const entry = this.cache.get(tenantId);
    const age = entry ? this.clock.now().getTime() - entry.readAt : -1;
    return entry && age >= 0 && age < limitsCacheMillis ? entry.limits : null;
  }

  /** The tenant's own values only. Throws Problem `not-found`. */
  async readOverrides(tenantId: TenantId): Promise<Partial<Limits>> {
    return this.db.acrossTenants((tx) => getOverrides(tx, tenantId));
  }

  /** Replaces the tenant's own values: what is not named has its default again. Throws Problem `not-found`. */
  async writeOverrides(tenantId: TenantId, overrides: Partial<Limits>): Promise<void> {
    const [updated] = await this.db.acrossTenants<[unknown[], number]>((tx) =>
      tx.query('update tenant set limits = $2 where tenant_id = $1 returning tenant_id', [tenantId, overrides]),
    );
    if (updated.length === 0) throw noSuchTenant();
    this.cache.delete(tenantId);
  }
}

async function getOverrides(tx: Tx, tenantId: TenantId): Promise<Partial<Limits>> {
  const [tenant] = await tx.query<{ limits: Partial<Limits> }[]>('select limits from tenant where tenant_id = $1', [
    tenantId,
  ]);
  if (!tenant) throw noSuchTenant();
  return tenant.limits;
}

function noSuchTenant(): Problem {
  return new Problem('not-found', 'There is no such tenant.');
}

/**
 * Admits uploads, per tenant and key. The buckets live in this process: with several API processes each admits the
 * full rate, so the fleet's bound is the limit times the processes.
 */
@Injectable()
export class DoorLimits {
  private readonly uploads = new LRUCache<string, TokenBucket>({ max: 50_000 });
  private readonly bytes = new LRUCache<TenantId, TokenBucket>({ max: cachedTenants });

  constructor(
    private readonly tenantLimits: TenantLimits,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * To be asked before an upload's first byte is read. Takes one upload from the key's bucket; the bytes are taken by
   * `countBytes` as they come. Answers the tenant's limits for the checks that follow.
   *
   * @param declaredLength Content-Length, or null if the body comes in chunks.
   * @throws Problem `body-too-large` (413), `rate-limited` (429, with the seconds to wait)
   */
  async beforeUpload(caller: Caller, declaredLength: number | null): Promise<Limits> {
    const limits = await this.tenantLimits.get(caller.tenantId);
    requireWithin(limits, 'body_bytes', declaredLength ?? 0);
    const now = this.clock.now().getTime();

    const bytes = this.bucket(this.bytes, caller.tenantId, limits.upload_bytes_per_second, limits.upload_burst_bytes);
    const bytesWait = bytes.millisUntil(Math.min(declaredLength ?? 0, limits.upload_burst_bytes), now);
    if (bytesWait > 0) {
      const ahead = limits.upload_burst_bytes - bytes.level(now) + (declaredLength ?? 0);
      throw limitProblem(limits, 'upload_burst_bytes', Math.ceil(ahead), Math.ceil(bytesWait / 1_000));
    }

    const perMinute = limits.uploads_per_minute;
    const uploads = this.bucket(this.uploads, bucketOf(caller), perMinute / 60, perMinute);
    const uploadsWait = uploads.millisUntil(1, now);
    if (uploadsWait > 0) {
      throw limitProblem(limits, 'uploads_per_minute', perMinute + 1, Math.ceil(uploadsWait / 1_000));
    }
    uploads.take(1, now);
    return limits;
  }

  /**
   * Counts the files of an admitted capture, of which the first was taken with it. Like the bytes they may go into debt:
   * how many there are is only known when most have been received.
   */
  countUploads(caller: Caller, uploads: number): void {
    this.uploads.get(bucketOf(caller))?.take(uploads, this.clock.now().getTime());
  }

  /**
   * Counts bytes of an admitted upload as they arrive. The bucket may go into debt: to cut an upload off half-way would
   * waste what was sent and have it sent again. The debt delays the next one instead, so the mean rate holds.
   */
  countBytes(caller: Caller, bytes: number): void {
    this.bytes.get(caller.tenantId)?.take(bytes, this.clock.now().getTime());
  }

  private bucket<K extends string>(
    buckets: LRUCache<K, TokenBucket>,
    key: K,
    perSecond: number,
    capacity: number,
  ): TokenBucket {
    const known = buckets.get(key);
    if (known?.perSecond === perSecond && known.capacity === capacity) return known;
    const fresh = new TokenBucket(perSecond, capacity, this.clock.now().getTime());
    buckets.set(key, fresh);
    return fresh;
  }
}

function bucketOf({ tenantId, keyId }: Caller): string {
  return `${tenantId}/${keyId}`;
}
