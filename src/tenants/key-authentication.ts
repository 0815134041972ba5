import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { CLOCK, type Clock } from '../platform/clock.js';
import { asTenantId, Database } from '../platform/database.js';
import { LOGGER } from '../platform/logger.js';
import type { Caller } from './caller.js';
import { hashesMatch, parseKey, type ParsedKey, type Role } from './key-format.js';

/** Why a presented key opens nothing. `unknown` is also the answer to a known id with a wrong secret. */
export type Refusal = 'malformed' | 'unknown' | 'revoked' | 'expired';

interface KeyRecord {
  readonly caller: Caller;
  readonly hash: Buffer;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  readonly lastUsedAt: Date | null;
}

interface CacheEntry {
  readonly checkedAt: number;
  readonly record: KeyRecord | null;
}

interface Waiting {
  readonly id: string;
  readonly resolve: (record: KeyRecord | null) => void;
  readonly reject: (error: unknown) => void;
}

interface KeyRow {
  tenant_id: string;
  tenant_name: string;
  key_id: string;
  role: Role;
  operator: boolean;
  team_id: string | null;
  secret_hash: Buffer;
  expires_at: Date | null;
  revoked_at: Date | null;
  last_used_at: Date | null;
}

/** How long an answer of the database is believed: a revoked key, in whichever process, opens nothing after this. */
const keyCacheMillis = 5_000;
const lastUsePrecisionMillis = 60_000;
const cachedKeys = 10_000;
const keysPerLookup = 1_000;

/**
 * Tells who presents a key.
 *
 * What a flood of bad keys costs: noise and typos fail at the checksum, without a query. Well-formed keys that nobody
 * issued are looked up together, one query at a time, so they never hold more than one connection; and each answer is
 * kept for five seconds, so that a fleet with a revoked key costs one query in that time. Refused keys are remembered
 * apart from good ones, or they would push those out.
 */
@Injectable()
export class KeyAuthentication implements OnModuleDestroy {
  private readonly accepted = new LRUCache<string, CacheEntry>({ max: cachedKeys });
  private readonly refused = new LRUCache<string, CacheEntry>({ max: cachedKeys });
  private readonly underway = new Map<string, Promise<KeyRecord | null>>();
  private readonly background = new Set<Promise<void>>();
  private waiting: Waiting[] = [];
  private looking = false;

  constructor(
    private readonly db: Database,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  /** The caller whose key this is, or why there is none. Throws only if the database cannot be asked. */
  async authenticate(presented: string): Promise<Caller | Refusal> {
    const key = parseKey(presented);
    if (!key) return 'malformed';
    const record = await this.find(key);
    if (!record) return 'unknown';
    if (record.revokedAt) return 'revoked';
    if (record.expiresAt && record.expiresAt <= this.clock.now()) return 'expired';
    return record.caller;
  }

  /** Drops what this process remembers of a key, so that its revocation is effective here at once. */
  forget(keyId: string): void {
    for (const [hash, entry] of this.accepted.entries()) {
      if (entry.record?.caller.keyId === keyId) this.accepted.delete(hash);
    }
  }

  /** Waits for what was written in the background. */
  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.background);
  }

  private async find(key: ParsedKey): Promise<KeyRecord | null> {
    const hash = key.hash.toString('base64');
    const now = this.clock.now().getTime();
    const entry = this.accepted.get(hash) ?? this.refused.get(hash);
    // A clock that was set back must not prolong a life, hence both bounds.
    if (entry && now >= entry.checkedAt && now - entry.checkedAt < keyCacheMillis) return entry.record;

    let lookup = this.underway.get(hash);
    if (!lookup) {
      lookup = this.lookUp(key, hash, now).finally(() => this.underway.delete(hash));
      this.underway.set(hash, lookup);
    }
    return lookup;
  }

  private async lookUp(key: ParsedKey, hash: string, now: number): Promise<KeyRecord | null> {
    const found = await new Promise<KeyRecord | null>((resolve, reject) => {
      this.waiting.push({ id: key.id, resolve, reject });
      void this.answerWaiting();
    });
    const record = found && hashesMatch(found.hash, key.hash) ? found : null;
    const usable = record !== null && record.revokedAt === null;
    (usable ? this.refused : this.accepted).delete(hash);
    (usable ? this.accepted : this.refused).set(hash, { checkedAt: now, record });
    if (usable && now - (record.lastUsedAt?.getTime() ?? -Infinity) >= lastUsePrecisionMillis) {
      this.inBackground(this.recordUse(record.caller, new Date(now)));
    }
    return record;
  }

  /** One query at a time for all who wait; whoever arrives meanwhile goes with the next. */
  private async answerWaiting(): Promise<void> {
    if (this.looking) return;
    this.looking = true;
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, keysPerLookup);
      try {
        const records = await this.readKeys(batch.map(({ id }) => id));
        for (const { id, resolve } of batch) resolve(records.get(id) ?? null);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.looking = false;
  }

  private async readKeys(ids: string[]): Promise<Map<string, KeyRecord>> {
    const rows = await this.db.acrossTenants<KeyRow[]>((tx) =>
      tx.query(
        `select k.tenant_id, t.name as tenant_name, k.key_id, k.role, k.operator, k.team_id, k.secret_hash,
                k.expires_at, k.revoked_at, k.last_used_at
           from api_key k join tenant t using (tenant_id)
          where k.key_id = any($1)`,
        [ids],
      ),
    );
    const records = new Map<string, KeyRecord>();
    for (const row of rows) {
      const tenantId = asTenantId(row.tenant_id);
      const teamName = row.team_id === null ? null : await this.readTeamName(tenantId, row.team_id);
      // The team was deleted between the two reads, and this key with it.
      if (teamName === undefined) continue;
      records.set(row.key_id, {
        caller: {
          tenantId,
          tenantName: row.tenant_name,
          keyId: row.key_id,
          role: row.role,
          operator: row.operator,
          teamId: row.team_id,
          teamName,
        },
        hash: row.secret_hash,
        expiresAt: row.expires_at,
        revokedAt: row.revoked_at,
        lastUsedAt: row.last_used_at,
      });
    }
    return records;
  }

  /** In a transaction of its own: teams are under row-level security, keys must be readable before a tenant is known. */
  private async readTeamName(tenantId: Caller['tenantId'], teamId: string): Promise<string | undefined> {
    const [team] = await this.db.readTenant<{ name: string }[]>(tenantId, (tx) =>
      tx.query('select name from team where tenant_id = $1 and team_id = $2', [tenantId, teamId]),
    );
    return team?.name;
  }

  private async recordUse(caller: Caller, at: Date): Promise<void> {
    try {
      await this.db.acrossTenants((tx) =>
        tx.query(
          `update api_key set last_used_at = $3
            where tenant_id = $1 and key_id = $2 and (last_used_at is null or last_used_at < $3)`,
          [caller.tenantId, caller.keyId, at],
        ),
      );
    } catch (error) {
      this.log.warn({ err: error, keyId: caller.keyId }, 'the last use of a key could not be recorded');
    }
  }

  private inBackground(work: Promise<void>): void {
    const tracked = work.finally(() => this.background.delete(tracked));
    this.background.add(tracked);
  }
}
