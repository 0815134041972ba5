import { readFileSync } from 'node:fs';
import { type Case, decodeCase, encodeCase, readCases } from '../../../bench/leaks/cases.mjs';
import { drops, type Floors } from '../../../bench/leaks/figures.mjs';
import { injected, preparedHost, preparedLeak } from '../../../bench/leaks/inject.mjs';
import { ownFiles } from '../../../bench/leaks/jobs.mjs';
import { figuresOfSubset } from '../../../bench/leaks/subset.mjs';
import type { GoroutineEvidence, LeakEvidence } from '../../../src/analysis/leaks/evidence.js';
import { rankLeaks } from '../../../src/analysis/leaks/rank.js';

const floors = JSON.parse(
  readFileSync(new URL('../../../bench/leaks/floor.json', import.meta.url), 'utf8'),
) as Readonly<Record<'quick' | 'spec', Floors>>;

describe('the ranking on recorded services', () => {
  const figures = figuresOfSubset(ownFiles(), 'spec', (evidence) => rankLeaks(evidence).suspects);

  it.each(Object.keys(floors.spec))('is no worse than its floor: %s', (name) => {
    expect(drops(figures, { [name]: floors.spec[name] })).toEqual([]);
  });
});

describe('a leak in a healthy service', () => {
  const cases = ownFiles().flatMap(readCases);
  const leaks = cases.filter(({ truth }) => truth.suite === 'leak' && truth.labels.length > 0).slice(0, 12);
  const hosts = cases.filter(isHost).slice(0, 12);

  it.each(['young', 'running'] as const)('has its share of the goroutines in the end, in a %s window', (variant) => {
    const pairs = pairsOf(leaks, hosts, 0.5, 6, variant);
    expect(pairs.length).toBeGreaterThan(6);
    for (const { evidence, host } of pairs) {
      const ended = evidence.instances[0].snapshots.at(-1) as GoroutineEvidence;
      const hostCount = countOf(ended, (stack) => stack < host.evidence.stacks.length);
      const leakCount = countOf(ended, (stack) => stack >= host.evidence.stacks.length);
      // The nearest whole number per stack, or one goroutine per snapshot where that is more.
      expect(Math.abs(leakCount - Math.max(5, hostCount * 0.5))).toBeLessThanOrEqual(5);
    }
  });

  it('has no goroutine in common with the service, and its ids rise as those of one process do', () => {
    for (const { evidence } of pairsOf(leaks, hosts, 0.2, 6, 'running')) {
      let before = 0;
      for (const snapshot of evidence.instances[0].snapshots as GoroutineEvidence[]) {
        const { ids } = snapshot.members!;
        expect(new Set(ids).size).toBe(ids.length);
        const highest = ids.reduce((max, id) => Math.max(max, id), 0);
        expect(highest).toBeGreaterThanOrEqual(before);
        before = highest;
      }
    }
  });

  it('leaves the goroutines of the service as they were', () => {
    for (const { evidence, host } of pairsOf(leaks, hosts, 1, 3, 'running')) {
      const recorded = host.evidence.instances[0].snapshots.filter(({ kind }) => kind === 'goroutine');
      const last = recorded.at(-1) as GoroutineEvidence;
      const merged = evidence.instances[0].snapshots.at(-1) as GoroutineEvidence;
      expect([...merged.stacks].slice(0, last.stacks.length)).toEqual([...last.stacks]);
      expect([...merged.counts].slice(0, last.counts.length)).toEqual([...last.counts]);
    }
  });
});

describe('recorded series', () => {
  it('are read as they were written', () => {
    const cases = ownFiles().flatMap(readCases).slice(0, 6);
    const again = cases.map((one) => decodeCase(JSON.parse(JSON.stringify(encodeCase(one))) as object));
    expect(again).toEqual(cases);
  });
});

function isHost({ truth, evidence }: Case): boolean {
  const listed = evidence.instances[0].snapshots.filter((one) => one.kind === 'goroutine' && one.members !== null);
  return truth.suite === 'healthy' && listed.length >= 9;
}

function pairsOf(
  leaks: readonly Case[],
  hosts: readonly Case[],
  share: number,
  length: number,
  variant: 'young' | 'running',
): { evidence: LeakEvidence; host: Case }[] {
  return leaks.flatMap((leak, i) => {
    const host = hosts[i % hosts.length];
    const evidence = injected(preparedLeak(leak), preparedHost(host), share, length, variant);
    return evidence === null ? [] : [{ evidence, host }];
  });
}

function countOf({ stacks, counts }: GoroutineEvidence, keep: (stack: number) => boolean): number {
  return counts.reduce((sum, count, row) => (keep(stacks[row]) ? sum + count : sum), 0);
}
