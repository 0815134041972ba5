/** The patterns that stacks can be filtered with: what they do is said in `filter.ts`, which needs their matcher too. */
export const filterOptions = ['focus', 'ignore', 'hide', 'show'] as const;
export type FilterOption = (typeof filterOptions)[number];
