import { columnUnit, finerUnit, label, percentage, scale } from '../../src/analysis/units.js';

describe('units, as pprof writes them', () => {
  test.each([
    [0n, 'bytes', '0'],
    [1n, 'bytes', '1B'],
    [1536n, 'bytes', '1.50kB'],
    [-1536n, 'bytes', '-1.50kB'],
    [4194304n, 'bytes', '4MB'],
    [2n ** 60n, 'bytes', '1024PB'],
    [999n, 'nanoseconds', '999ns'],
    [860_000_000n, 'nanoseconds', '860ms'],
    [3_599_000_000_000n, 'nanoseconds', '3599s'],
    [7_200_000_000_000n, 'nanoseconds', '2hrs'],
    [5n, 'seconds', '5s'],
    [17n, 'count', '17'],
    [17n, 'goroutines', '17'],
    // As Go prints it: values are shown through a double.
    [9223372036854775807n, 'count', '9223372036854775808'],
  ])('%d %s is %s', (value, unit, text) => {
    expect(label(value, unit)).toBe(text);
  });

  test.each([
    [0n, 100n, '    0%'],
    [1n, 3n, '33.33%'],
    [-1n, 3n, '33.33%'],
    [9996n, 10000n, '  100%'],
    [9994n, 10000n, '99.94%'],
    [1n, 200n, '  0.5%'],
    [37n, 1_000_000_000n, '3.7e-06%'],
    [123n, 1_000_000n, '0.012%'],
    [1n, 800n, ' 0.12%'],
    [3n, 800n, ' 0.38%'],
    [5n, 0n, '    0%'],
  ])('%d of %d is %s', (value, total, text) => {
    expect(percentage(value, total)).toBe(text);
  });

  test('a tie goes to the even digit', () => {
    expect([1n, 3n, 5n, 7n].map((eighth) => label(eighth * 128n, 'bytes', 'kB'))).toEqual([
      '0.12kB',
      '0.38kB',
      '0.62kB',
      '0.88kB',
    ]);
  });

  test('conversion, and what cannot be converted', () => {
    expect(scale(3, 'milliseconds', 'ns')).toEqual({ value: 3_000_000, unit: 'ns' });
    expect(scale(3, 'count', 'ms')).toEqual({ value: 3, unit: 'ms' });
    expect(finerUnit('milliseconds', 'microseconds')).toBe('microseconds');
    expect(finerUnit('bytes', 'bytes')).toBe('bytes');
    expect(finerUnit('bytes', 'seconds')).toBeNull();
    expect(finerUnit('samples', 'count')).toBeNull();
  });

  test('a column takes the unit of its smallest value unless the spread is too large', () => {
    expect(columnUnit(100n, 2000n, 'bytes')).toBe('B');
    expect(columnUnit(100n, 200_000n, 'bytes')).toBe('kB');
    expect(columnUnit(5n, 9n, 'count')).toBe('count');
  });
});
