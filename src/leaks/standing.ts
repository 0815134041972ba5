import type { LeakSuspect, SuspectTier } from '../analysis/leaks/suspect.js';
import type { SuspectState } from './life-cycle.js';

const tierSteps: Readonly<Record<SuspectTier, number>> = { watch: 1, probable: 2, confirmed: 3 };
const unseenStep = 0;
const closedStep = -1;

/**
 * Where a suspect stands in lists, across services and kinds; higher is first. Whole steps: open ones that the latest
 * ranking sees, by tier; then open ones that it does not see; then what is resolved or ignored. Within a step by score,
 * pressed into 0 to 1 as s ÷ (s + 1), which keeps the order of scores: a score is a product of factors around one times
 * the logarithm of a growth, for goroutines and bytes alike. Nothing is averaged over services, so a service with one leak
 * does not gain by also having many places that do not leak.
 */
export function standingOf(
  { tier, score }: Pick<LeakSuspect, 'tier' | 'score'>,
  state: SuspectState,
  rank: number | null,
): number {
  const isOpen = state === 'open' || state === 'acknowledged';
  const step = !isOpen ? closedStep : rank === null ? unseenStep : tierSteps[tier];
  return step + score / (score + 1);
}
