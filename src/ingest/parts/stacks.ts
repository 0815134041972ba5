import type { ConvertedProfile } from '../../analysis/from-pprof.js';
import type { PartNote } from '../parsed-part.js';

/** What converting a profile says about its stacks, as a part says it. */
export function stackFacts({ stacks, notes, totals }: ConvertedProfile): Pick<ConvertedProfile, 'stacks' | 'totals'> & {
  readonly losses: readonly PartNote[];
  readonly remarks: readonly PartNote[];
} {
  const noted = (loss: boolean): PartNote[] =>
    notes.filter((note) => note.loss === loss).map(({ code, count, detail }) => ({ code, count, detail }));
  return { stacks, totals, losses: noted(true), remarks: noted(false) };
}
