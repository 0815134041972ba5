import type { LeakEvidence } from '../../src/analysis/leaks/evidence.js';

export interface Truth {
  readonly name: string;
  readonly project: string;
  readonly suite: 'leak' | 'fixed' | 'healthy';
  readonly kind: string;
  readonly go: string;
  readonly labels: readonly string[];
  readonly heapLabels: readonly string[];
  readonly injected?: 'labelled';
  readonly twin?: string;
  readonly signature?: number;
  readonly note: string;
}

export interface Case {
  readonly truth: Truth;
  readonly evidence: LeakEvidence;
}

export function readCases(path: string): Case[];
/** As JSON would have it. */
export function encodeCase(one: Case): object;
export function decodeCase(encoded: object): Case;
