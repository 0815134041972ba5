import type { LeakEvidence } from '../../src/analysis/leaks/evidence.js';
import type { Case } from './cases.mjs';

export type PreparedLeak = { readonly truth: Case['truth'] };
export type PreparedHost = { readonly truth: Case['truth'] };

export function preparedLeak(one: Case): PreparedLeak;
export function preparedHost(one: Case): PreparedHost;
export function injected(
  leak: PreparedLeak,
  host: PreparedHost,
  share: number,
  length: number,
  variant: 'young' | 'running',
): LeakEvidence | null;
