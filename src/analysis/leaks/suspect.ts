import type { EvidenceFrame } from './evidence.js';

/** How sure the ranking is: proven by the runtime or by repetition; beyond chance and load; worth an eye. */
export const suspectTiers = ['confirmed', 'probable', 'watch'] as const;
export type SuspectTier = (typeof suspectTiers)[number];

export type SuspectKind = 'goroutine' | 'heap' | 'off-heap';

/** One place that the ranking believes leaks, with everything that it believes it for. */
export interface LeakSuspect {
  /** From 1. */
  readonly rank: number;
  readonly tier: SuspectTier;
  /** The product of all factors: comparable within one ranking and kind only. */
  readonly score: number;
  readonly kind: SuspectKind;
  /** The same for the same place in another build, whatever lines have moved. 32 hexadecimal digits. */
  readonly fingerprint: string;
  /** The function to open in the editor: the deepest frame of the application that carries the growth. */
  readonly function: string;
  readonly pivot: EvidenceFrame;
  /** The innermost frame outside the runtime: where the allocation or the block happens. */
  readonly site: EvidenceFrame;
  /** Of goroutines, as Go spells it without the minutes; else null. */
  readonly state: string | null;
  /** Leaf first. */
  readonly stack: readonly EvidenceFrame[];
  readonly createdBy: string | null;
  /** All factors of the score, in the order in which they are explained. */
  readonly factors: readonly SuspectFactor[];
  readonly why: readonly string[];
  readonly whyNot: readonly string[];
  readonly growth: SuspectGrowth;
  /** Unix milliseconds, of the first snapshot that has it. */
  readonly firstSeenMillis: number;
  /** The build in which the growth began; null: it is the first that is known, or builds are not known. */
  readonly sinceBuild: string | null;
  readonly instances: readonly SuspectInstance[];
  readonly advice: readonly SuspectAdvice[];
  /** Of goroutines: the heap and stacks that they hold, which is no suspect of its own. */
  readonly memoryCost: MemoryCost | null;
  /** Suspects of other groups that are part of the same leak: the parent that waits for a stuck child. */
  readonly related: readonly string[];
}

export interface SuspectFactor {
  readonly name: string;
  /** What the score is multiplied with. */
  readonly value: number;
  /** What it was computed from, in the unit of the name: `12.5 goroutines/h`, `share 0.83`. */
  readonly detail: string;
}

export interface SuspectGrowth {
  readonly unit: 'goroutines' | 'bytes';
  /** Of all instances in which it grows now, per hour. Where it is over everywhere: of those in which it last grew. */
  readonly perHour: number;
  /** In the same instances, in the last snapshot of each; counts beyond 2^53 are rounded. */
  readonly now: number;
  /** Of all that grew in the process that is told of, from 0 to 1. */
  readonly share: number;
  /** Until the memory limit at this rate; null: no limit is known, or it will not be reached. */
  readonly hoursToLimit: number | null;
}

export interface SuspectInstance {
  readonly name: string;
  readonly affected: boolean;
  readonly perHour: number;
  readonly now: number;
  /** Process lifetimes of three and more snapshots, and those of them in which it grew. */
  readonly lifetimes: number;
  readonly grownLifetimes: number;
  /** The series that was judged, with as many points as the evidence has: Unix milliseconds and values. */
  readonly atMillis: readonly number[];
  readonly values: readonly number[];
  /** Ids of the snapshots between which it grew. */
  readonly before: string;
  readonly after: string;
}

export interface SuspectAdvice {
  readonly signature: string;
  readonly title: string;
  readonly meaning: string;
  readonly fix: string;
  readonly links: readonly string[];
}

export interface MemoryCost {
  readonly bytes: number;
  readonly bytesPerGoroutine: number;
}

/** The ranking of one service, and what it rests on. */
export interface LeakRanking {
  readonly suspects: readonly LeakSuspect[];
  /** What the ranking could not see, and how strong it can be at all: "2 snapshots show growth, not that it goes on". */
  readonly notes: readonly string[];
  readonly judged: {
    readonly instances: number;
    readonly lifetimes: number;
    readonly goroutineSnapshots: number;
    readonly heapSnapshots: number;
    /** Unix milliseconds; null: no snapshot. */
    readonly firstAtMillis: number | null;
    readonly lastAtMillis: number | null;
  };
}
