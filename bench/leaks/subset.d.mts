import type { LeakEvidence } from '../../src/analysis/leaks/evidence.js';
import type { LeakSuspect } from '../../src/analysis/leaks/suspect.js';
import type { Figure } from './figures.mjs';

export function figuresOfSubset(
  files: readonly string[],
  subset: 'quick' | 'spec',
  rank: (evidence: LeakEvidence) => readonly LeakSuspect[],
): Record<string, Figure>;
