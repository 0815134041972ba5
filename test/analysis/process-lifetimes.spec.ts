import fc from 'fast-check';
import { type ProcessObservation, processLifetimes } from '../../src/analysis/process-lifetimes.js';

const second = 1_000_000_000n;

const counted = (atSeconds: number, value: number, more: Partial<ProcessObservation> = {}): ProcessObservation => ({
  atNanos: BigInt(Math.round(atSeconds * 1e9)),
  counters: new Map([['allocs', value]]),
  ...more,
});

const cut = (observations: readonly ProcessObservation[]): (readonly number[])[] =>
  processLifetimes(observations).map((lifetime) => lifetime.observations);

/** Processes one after the other, each with rising counters and more than the tolerances between them. */
const history = fc
  .array(fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 5 })
  .map((processes) => {
    const observations: (ProcessObservation & { readonly process: number })[] = [];
    let at = 0;
    processes.forEach((steps, process) => {
      // Each process stays above what the next begins with.
      let value = (processes.length - process) * 1_000_000;
      const startNanos = BigInt(at + 1) * second;
      for (const step of steps) {
        at += 60 + (step % 7);
        value += step;
        observations.push({ ...counted(at, value), startNanos, process });
      }
    });
    return observations;
  });

const without = (key: 'startNanos' | 'counters', observations: readonly ProcessObservation[]): ProcessObservation[] =>
  observations.map((observation) => ({ ...observation, [key]: undefined }));

describe('processes of an instance', () => {
  it('are told apart by counters alone, by start times alone, and by both, in any order of arrival', () => {
    fc.assert(
      fc.property(
        history.chain((all) => fc.shuffledSubarray(all, { minLength: all.length })),
        (observations) => {
          const expected = [...new Set(observations.map(({ process }) => process))]
            .sort((a, b) => a - b)
            .map((process) =>
              observations
                .map((observation, index) => ({ observation, index }))
                .filter(({ observation }) => observation.process === process)
                .sort((a, b) => Number(a.observation.atNanos - b.observation.atNanos))
                .map(({ index }) => index),
            );
          expect(cut(observations)).toEqual(expected);
          expect(cut(without('startNanos', observations))).toEqual(expected);
          expect(cut(without('counters', observations))).toEqual(expected);
        },
      ),
    );
  });

  it('hold every observation exactly once', () => {
    const anything = fc.record({
      atNanos: fc.bigInt({ min: 0n, max: 30n * second }),
      startNanos: fc.option(fc.bigInt({ min: 0n, max: 5n * second })),
      counters: fc
        .dictionary(fc.constantFrom('a', 'b'), fc.oneof(fc.nat({ max: 9 }), fc.constant(NaN)))
        .map((counters) => new Map(Object.entries(counters))),
      highestGoroutineId: fc.option(fc.bigInt({ min: 0n, max: 100_000n })),
    });
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 30 }), (observations) => {
        const lifetimes = processLifetimes(observations);
        const indices = lifetimes.flatMap((lifetime) => lifetime.observations);
        expect([...indices].sort((a, b) => a - b)).toEqual(observations.map((_, index) => index));
        lifetimes.forEach((lifetime, i) => {
          const times = lifetime.observations.map((index) => observations[index].atNanos);
          expect(times).toContain(lifetime.firstAtNanos);
          expect(times.every((at) => at >= lifetime.firstAtNanos && at <= lifetime.lastAtNanos)).toBe(true);
          expect(lifetime.evidence === null).toBe(i === 0);
        });
      }),
    );
  });

  it('an observation that comes twice changes nothing', () => {
    fc.assert(
      fc.property(history, (observations) => {
        const twice = observations.flatMap((observation) => [observation, observation]);
        expect(cut(twice)).toEqual(cut(observations).map((indices) => indices.flatMap((i) => [2 * i, 2 * i + 1])));
      }),
    );
  });
});

describe('observations that overtook each other', () => {
  it('change places where they lie close together and both fit', () => {
    expect(cut([counted(0, 10), counted(60, 21), counted(60.5, 20), counted(120, 30)])).toEqual([[0, 2, 1, 3]]);
    expect(cut([counted(0, 10), counted(60, 21), counted(60.5, 20)])).toEqual([[0, 2, 1]]);
  });

  it('are a restart where the counter fell below what went before, or stays low', () => {
    expect(cut([counted(0, 10), counted(60, 21), counted(60.5, 2), counted(120, 30)])).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(cut([counted(0, 10), counted(60, 21), counted(60.5, 20), counted(120, 20)])).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  it('are a restart where they lie far apart', () => {
    expect(cut([counted(0, 10), counted(60, 21), counted(66, 20), counted(120, 30)])).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });
});

describe('evidence', () => {
  const evidence = (...observations: ProcessObservation[]): unknown[] =>
    processLifetimes(observations).map((lifetime) => lifetime.evidence);

  it('a start time that trembles with the clock of the machine is the same one', () => {
    const started = (at: number, startNanos: bigint): ProcessObservation => ({
      atNanos: BigInt(at) * second,
      startNanos,
    });
    expect(evidence(started(60, 10n * second), started(120, 11n * second), started(180, 12n * second))).toEqual([null]);
    expect(evidence(started(60, 10n * second), started(120, 70n * second))).toEqual([null, 'start-time']);
  });

  it('a restart within the tremble is found by its counters', () => {
    const same = { startNanos: 10n * second };
    expect(evidence(counted(60, 9, same), counted(120, 3, same))).toEqual([null, 'counter']);
  });

  it('counters of different sources are compared each with its own last one', () => {
    const other = (at: number, value: bigint): ProcessObservation => ({
      atNanos: BigInt(at) * second,
      counters: new Map([['gcs', value]]),
    });
    expect(evidence(counted(0, 100), other(10, 5n), counted(20, 110), other(30, 6n))).toEqual([null]);
    expect(evidence(counted(0, 100), other(10, 5n), counted(20, 110), other(30, 4n), counted(40, 1))).toEqual([
      null,
      'counter',
    ]);
  });

  it('goroutine ids that fell far are one, unless something stronger says that the process went on', () => {
    const dump = (
      at: number,
      highestGoroutineId: bigint,
      more: Partial<ProcessObservation> = {},
    ): ProcessObservation => ({
      atNanos: BigInt(at) * second,
      highestGoroutineId,
      ...more,
    });
    expect(evidence(dump(0, 100_000n), dump(60, 900n), dump(120, 950n))).toEqual([null, 'goroutine-ids']);
    expect(evidence(dump(0, 100_000n), dump(60, 60_000n))).toEqual([null]);
    expect(evidence(dump(0, 900n), dump(60, 30n))).toEqual([null]);
    const start = { startNanos: 0n };
    expect(evidence(dump(0, 100_000n, start), dump(60, 900n, start))).toEqual([null]);
    const grew = (value: number): Partial<ProcessObservation> => ({ counters: new Map([['allocs', value]]) });
    expect(evidence(dump(0, 100_000n, grew(1)), dump(60, 900n, grew(2)))).toEqual([null]);
  });

  it('no observations are no process', () => {
    expect(processLifetimes([])).toEqual([]);
  });
});
