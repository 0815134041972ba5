/** Frames that stand for what a stack, a profile or an answer has lost. No Go function can have such a name. */
export const markerFrames = {
  /** Root of a stack that Go cut at its depth limit. */
  truncated: '(truncated)',
  /** In place of the middle of a stack that is deeper than the budget allows. */
  elided: '(elided)',
  /** The stacks, or the branches of a flame graph, that were too small to be kept apart. */
  other: 'other',
} as const;
