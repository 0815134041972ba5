import { createHash } from 'node:crypto';
import type { LeakRanking, LeakSuspect, SuspectInstance } from '../../src/analysis/leaks/suspect.js';

export const hour = 3_600_000;

/** A fingerprint for a name. */
export const fingerprintOf = (name: string): string => createHash('sha256').update(name).digest('hex').slice(0, 32);

/** An instance that grows steadily from nothing: one point an hour, the last at `untilMillis`. */
export function growing(
  untilMillis: number,
  { perHour = 100, hours = 12, ...more }: Partial<SuspectInstance> & { hours?: number } = {},
): SuspectInstance {
  const at = Array.from({ length: hours + 1 }, (_, i) => untilMillis - (hours - i) * hour);
  return {
    name: 'pod-1',
    affected: true,
    perHour,
    now: perHour * hours,
    lifetimes: 1,
    grownLifetimes: 1,
    atMillis: at,
    values: at.map((_, i) => i * perHour),
    before: '00000000-0000-0000-0000-000000000001',
    after: '00000000-0000-0000-0000-000000000002',
    ...more,
  };
}

/** A suspect as a ranking gives it, whose evidence ends at `untilMillis`. */
export function found(
  untilMillis: number,
  {
    function: name = 'shop.(*Server).watch',
    growth,
    ...more
  }: Partial<Omit<LeakSuspect, 'growth'>> & {
    growth?: Partial<LeakSuspect['growth']>;
  } = {},
): LeakSuspect {
  const pivot = { function: name, file: `${name.split('.')[0]}/server.go`, line: 10 };
  const site = { function: 'net/http.(*conn).serve', file: 'net/http/server.go', line: 20 };
  return {
    rank: 1,
    tier: 'probable',
    score: 3,
    kind: 'goroutine',
    fingerprint: fingerprintOf(name),
    function: name,
    pivot,
    site,
    state: 'chan receive',
    stack: [site, pivot],
    createdBy: 'shop.main',
    factors: [{ name: 'growth', value: 3, detail: '100 goroutines/h' }],
    why: ['It grows by 100 goroutines an hour.'],
    whyNot: [],
    growth: { unit: 'goroutines', perHour: 100, now: 1200, share: 0.8, hoursToLimit: null, ...growth },
    firstSeenMillis: untilMillis - 12 * hour,
    sinceBuild: null,
    instances: [growing(untilMillis)],
    advice: [],
    memoryCost: null,
    related: [],
    ...more,
  };
}

/** A ranking of these suspects, in their order. */
export function ranking(untilMillis: number, suspects: readonly LeakSuspect[]): LeakRanking {
  return {
    suspects: suspects.map((suspect, place) => ({ ...suspect, rank: place + 1 })),
    notes: [],
    judged: {
      instances: 1,
      lifetimes: 1,
      goroutineSnapshots: 12,
      heapSnapshots: 0,
      firstAtMillis: untilMillis - 12 * hour,
      lastAtMillis: untilMillis,
    },
  };
}
