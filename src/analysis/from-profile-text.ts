import { type Budget, defaultBudget } from '../formats/budget.js';
import type { ProfileText } from '../formats/profile-text/profile-text.js';
import { type ConvertedProfile, stackProfileOf } from './from-pprof.js';

/**
 * The stacks of a profile in text form, with the totals, notes and losses that `stackProfileOf` gives for its protobuf.
 * Which stacks Go has cut shows in their program counters: the text hides some frames and expands others.
 */
export function stacksOfText(
  { profile, programCounters }: ProfileText,
  budget: Budget = defaultBudget,
): ConvertedProfile {
  return stackProfileOf(profile, budget, programCounters);
}
