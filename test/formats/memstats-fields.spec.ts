import { memStatsField, memStatsFields, trailerFields } from '../../src/formats/memstats/fields.js';

/** The fields of runtime.MemStats in Go's order, without its lists and flags (go doc runtime.MemStats). */
const struct =
  'Alloc TotalAlloc Sys Lookups Mallocs Frees HeapAlloc HeapSys HeapIdle HeapInuse HeapReleased HeapObjects ' +
  'StackInuse StackSys MSpanInuse MSpanSys MCacheInuse MCacheSys BuckHashSys GCSys OtherSys NextGC LastGC ' +
  'PauseTotalNs NumGC NumForcedGC GCCPUFraction';

describe('the fields of MemStats', () => {
  test('are those of the struct, in its order, and the peak that only the text has', () => {
    expect(memStatsFields.map(({ name }) => name).join(' ')).toBe(`${struct} MaxRSS`);
  });

  test('grow only where they count since the start of the process', () => {
    const counters = memStatsFields.filter(({ type }) => type === 'counter').map(({ name }) => name);
    expect(counters).toEqual(['TotalAlloc', 'Lookups', 'Mallocs', 'Frees', 'PauseTotalNs', 'NumGC', 'NumForcedGC']);
  });

  test('are integers but for one', () => {
    expect(memStatsFields.filter(({ number }) => number === 'float').map(({ name }) => name)).toEqual([
      'GCCPUFraction',
    ]);
  });

  test('have two names in one line of the text where it shows what is in use and what was obtained', () => {
    expect(trailerFields('Stack').map(({ name }) => name)).toEqual(['StackInuse', 'StackSys']);
    expect(trailerFields('HeapSys')).toEqual([memStatsField('HeapSys')]);
    for (const name of ['PauseNs', 'PauseEnd', 'BySize', 'DebugGC', '__proto__', 'constructor', '']) {
      expect(trailerFields(name)).toEqual([]);
    }
  });
});
