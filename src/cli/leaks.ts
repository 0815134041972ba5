import { rankLeaks } from '../analysis/leaks/rank.js';
import {
  type LeakRanking,
  type LeakSuspect,
  type SuspectKind,
  type SuspectTier,
  suspectTiers,
} from '../analysis/leaks/suspect.js';
import { escapeControl } from '../analysis/text-escape.js';
import { findMoment } from '../platform/moment.js';
import { CliFailure } from './failure.js';
import { leaksText } from './leaks-text.js';
import { readEvidence, type TimeRange } from './local-evidence.js';
import { rowLimit } from './options.js';
import type { Terminal } from './terminal.js';

export interface LeaksOptions {
  readonly kind?: SuspectKind;
  /** Moments; relative ones count from the last snapshot. */
  readonly from?: string;
  readonly to?: string;
  readonly limit?: string;
  /** Suspects to watch as fully as the others. */
  readonly all?: boolean;
  /** The tier from which on a suspect is a failure. */
  readonly failOn?: SuspectTier;
  readonly json?: boolean;
}

/** Suspects that are told of at most, where nobody says how many. */
const suspectsShown = 50;

/**
 * `leaks DIR|FILE…`: what of one service grows the way leaks do, ranked as the server ranks it. With `--fail-on` it ends
 * with `found` if there is such a suspect, after all is printed.
 */
export function printLeaks(targets: readonly string[], options: LeaksOptions, out: Terminal): void {
  const limit = options.limit === undefined ? suspectsShown : rowLimit(options.limit) || Infinity;
  const { evidence, notes, untimed } = readEvidence(targets, rangeOf(options), out);
  const whole = rankLeaks(evidence, { limit: Infinity });
  const found = whole.suspects
    .filter(({ kind }) => options.kind === undefined || kind === options.kind)
    .map((suspect, place): LeakSuspect => ({ ...suspect, rank: place + 1 }));
  const ranking: LeakRanking = {
    suspects: found.slice(0, limit),
    notes: [...notes, ...whole.notes],
    judged: whole.judged,
  };
  out.print(
    options.json ? JSON.stringify(ranking, null, 2) : leaksText(ranking, { found, all: options.all ?? false, untimed }),
  );
  failOn(options.failOn, found);
}

function failOn(tier: SuspectTier | undefined, found: readonly LeakSuspect[]): void {
  if (tier === undefined) return;
  const failing = suspectTiers.slice(0, suspectTiers.indexOf(tier) + 1);
  const count = found.filter((suspect) => failing.includes(suspect.tier)).length;
  if (count === 0) return;
  throw new CliFailure(
    'found',
    `${count === 1 ? 'There is 1 suspect' : `There are ${count} suspects`} at ${tier} or above.`,
  );
}

function rangeOf({ from, to }: LeaksOptions): (lastMillis: number) => TimeRange {
  return (lastMillis) => ({
    fromMillis: from === undefined ? -Infinity : momentOf(from, lastMillis),
    // The last snapshot is of now, and now is in the range.
    toMillis: to === undefined || to === 'now' ? Infinity : momentOf(to, lastMillis),
  });
}

function momentOf(text: string, nowMillis: number): number {
  const moment = findMoment(text, new Date(nowMillis));
  if (moment !== null) return moment.getTime();
  throw new CliFailure('usage', `${escapeControl(text)} is not a time such as 2026-11-23T15:20:00Z or -6h.`);
}
