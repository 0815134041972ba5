import fc from 'fast-check';
import {
  lastRowsOfSteps,
  memoryEvidence,
  type SaidStart,
  saidStarts,
  startAt,
} from '../../../src/analysis/leaks/memory-evidence.js';
import { type RuntimeSource, runtimeWindow } from '../../../src/analysis/runtime/runtime-window.js';
import { joinTables, momentTable, type SeriesTable } from '../../../src/analysis/series-table.js';

/** A moment in seconds, and what was said in it; counters by their names. */
type Said = readonly [seconds: number, readings: Readonly<Record<string, number>>];

function tableOf(said: readonly Said[]): SeriesTable {
  return joinTables(
    said.map(([seconds, readings]) =>
      momentTable(
        BigInt(seconds) * 1_000_000_000n,
        Object.entries(readings).map(([name, value]) => {
          const type = name === 'TotalAlloc' ? ('counter' as const) : ('gauge' as const);
          return { name, unit: name.endsWith('_seconds') ? 'unix-seconds' : 'bytes', type, value: BigInt(value) };
        }),
      ),
    ),
  );
}

const source = (instance: string, from: string, ...said: readonly Said[]): RuntimeSource => {
  return { instance, source: from, table: tableOf(said) };
};

function evidence(sources: readonly RuntimeSource[], { from = 0, to = 1000, step = 100 } = {}) {
  const moments = memoryEvidence(runtimeWindow(sources, from * 1000, to * 1000), step * 1000);
  return Object.fromEntries(moments);
}

describe('memory', () => {
  it('is told once in each step, with the last word of each series', () => {
    const sources = [
      source('a', 'memstats', [10, { HeapInuse: 1, Sys: 9 }], [90, { HeapInuse: 2, Sys: 9 }], [150, { HeapInuse: 3 }]),
      source('a', 'process-memory', [95, { VmRSS: 20 }], [140, { VmRSS: 21 }]),
      source('b', 'gctrace', [5, { heapLiveBytes: 7 }]),
    ];
    expect(evidence(sources)).toEqual({
      a: [
        { atMillis: 95_000, heapInuse: 2, goSys: 9, rss: 20 },
        { atMillis: 150_000, heapInuse: 3, rss: 21 },
      ],
      b: [{ atMillis: 5_000, heapLive: 7 }],
    });
  });

  it('has the smaller one of two limits, and none where none is set', () => {
    const limited = source('a', 'process-memory', [1, { 'memory.max': 500, VmRSS: 1 }]);
    expect(evidence([limited, source('a', 'runtime-metrics', [1, { '/gc/gomemlimit:bytes': 400 }])]).a).toEqual([
      { atMillis: 1_000, rss: 1, memoryLimit: 400 },
    ]);
    expect(evidence([limited, source('a', 'runtime-metrics', [1, { '/gc/gomemlimit:bytes': 2 ** 63 }])]).a).toEqual([
      { atMillis: 1_000, rss: 1, memoryLimit: 500 },
    ]);
  });

  it('is not joined over a restart', () => {
    const restarted = source(
      'a',
      'memstats',
      [10, { HeapInuse: 50, StackInuse: 5, TotalAlloc: 900 }],
      [20, { HeapInuse: 1, TotalAlloc: 10 }],
    );
    expect(evidence([restarted]).a).toEqual([{ atMillis: 20_000, heapInuse: 1 }]);
  });

  it('is of the window, half open', () => {
    const said = source('a', 'memstats', [99, { Sys: 1 }], [100, { Sys: 2 }], [299, { Sys: 3 }], [300, { Sys: 4 }]);
    expect(evidence([said], { from: 100, to: 300 }).a).toEqual([
      { atMillis: 100_000, goSys: 2 },
      { atMillis: 299_000, goSys: 3 },
    ]);
  });

  it('is the same of a table and of the last rows of its steps', () => {
    const rows = fc.uniqueArray(fc.tuple(fc.nat(999), fc.record({ Sys: fc.nat(99), HeapInuse: fc.nat(99) })), {
      minLength: 1,
      maxLength: 40,
      selector: ([seconds]) => seconds,
    });
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 300 }), (said, step) => {
        const table = tableOf(said);
        const thin = lastRowsOfSteps(table, step * 1000);
        expect(thin.atNanos.length).toBe(new Set(said.map(([seconds]) => Math.floor(seconds / step))).size);
        const of = (each: SeriesTable) => evidence([{ instance: 'a', source: 'memstats', table: each }], { step });
        expect(of(thin)).toEqual(of(table));
      }),
    );
  });
});

describe('when a process started', () => {
  it('is what metrics say, whatever namespace they have', () => {
    const named = source('a', 'prometheus', [50, { shop_process_start_time_seconds: 7 }], [60, { other: 1 }]);
    const starts = saidStarts([source('b', 'memstats', [1, { Sys: 1 }]), named]);
    expect(Object.fromEntries(starts)).toEqual({ a: [{ atMillis: 50_000, startMillis: 7_000 }] });
  });

  it('is what is said next if it had started by then, else what was said before', () => {
    const said: SaidStart[] = [
      { atMillis: 100, startMillis: 10 },
      { atMillis: 200, startMillis: 150 },
    ];
    expect([5, 50, 100, 120, 160, 500].map((at) => startAt(said, at))).toEqual([null, 10, 10, 10, 150, 150]);
    expect(startAt([], 5)).toBeNull();
  });
});
