/**
 * Units as google/pprof knows them (internal/measurement): names and aliases, lower case and without a plural s; the
 * factor leads to the base unit of the family.
 */
interface Unit {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly factor: number;
}

interface UnitFamily {
  /** What a value is shown in when it is too small for any unit of the family, and when the wish makes no sense. */
  readonly base: Unit;
  /** From fine to coarse. */
  readonly units: readonly Unit[];
}

const families: readonly UnitFamily[] = [
  {
    base: { name: 'B', aliases: [], factor: 1 },
    units: [
      { name: 'B', aliases: ['b', 'byte'], factor: 1 },
      { name: 'kB', aliases: ['kb', 'kbyte', 'kilobyte'], factor: 2 ** 10 },
      { name: 'MB', aliases: ['mb', 'mbyte', 'megabyte'], factor: 2 ** 20 },
      { name: 'GB', aliases: ['gb', 'gbyte', 'gigabyte'], factor: 2 ** 30 },
      { name: 'TB', aliases: ['tb', 'tbyte', 'terabyte'], factor: 2 ** 40 },
      { name: 'PB', aliases: ['pb', 'pbyte', 'petabyte'], factor: 2 ** 50 },
    ],
  },
  {
    base: { name: 's', aliases: [], factor: 1e9 },
    units: [
      { name: 'ns', aliases: ['ns', 'nanosecond'], factor: 1 },
      { name: 'us', aliases: ['μs', 'us', 'microsecond'], factor: 1e3 },
      { name: 'ms', aliases: ['ms', 'millisecond'], factor: 1e6 },
      { name: 's', aliases: ['s', 'sec', 'second'], factor: 1e9 },
      { name: 'hrs', aliases: ['hour', 'hr'], factor: 3600e9 },
    ],
  },
  {
    base: { name: 'GCU', aliases: [], factor: 1 },
    units: [
      { name: 'n*GCU', aliases: ['nanogcu'], factor: 1e-9 },
      { name: 'u*GCU', aliases: ['microgcu'], factor: 1e-6 },
      { name: 'm*GCU', aliases: ['milligcu'], factor: 1e-3 },
      { name: 'GCU', aliases: ['gcu'], factor: 1 },
      { name: 'k*GCU', aliases: ['kilogcu'], factor: 1e3 },
      { name: 'M*GCU', aliases: ['megagcu'], factor: 1e6 },
      { name: 'G*GCU', aliases: ['gigagcu'], factor: 1e9 },
      { name: 'T*GCU', aliases: ['teragcu'], factor: 1e12 },
      { name: 'P*GCU', aliases: ['petagcu'], factor: 1e15 },
    ],
  },
];

export interface Measurement {
  readonly value: number;
  /** Empty where a unit would say nothing, as for counts. */
  readonly unit: string;
}

/** Converts a value; `auto` picks the coarsest unit in which it is at least 1. Of unknown units only the name changes. */
export function scale(value: bigint | number, from: string, to: string): Measurement {
  if (value < 0) {
    const positive = scale(-value, from, to);
    return { value: -positive.value, unit: positive.unit };
  }
  for (const family of families) {
    const source = findUnit(family, from);
    if (source === undefined) continue;
    const inBase = Number(value) * source.factor;
    const target = to === 'auto' ? coarsestWithin(family, inBase) : findUnit(family, to);
    const { name, factor } = target ?? family.base;
    return { value: inBase / factor, unit: name };
  }
  return { value: Number(value), unit: ['count', 'sample', 'unit', 'auto'].includes(to) ? '' : to };
}

/** A value as Go engineers read it: `4.31MB`, `250ms`, `17`. */
export function label(value: bigint | number, from: string, to = 'auto'): string {
  const scaled = scale(value, from, to);
  const number = fixed2(scaled.value).replace(/\.00$/, '');
  return number === '0' || number === '-0' ? '0' : number + scaled.unit;
}

/** A share as pprof prints it, padded to six characters: `12.34%`, `  100%`, `0.048%`. The sign is dropped. */
export function percentage(value: bigint, total: bigint): string {
  const ratio = total === 0n ? 0 : Math.abs(Number(value) / Number(total)) * 100;
  if (ratio >= 99.95 && ratio <= 100.05) return '  100%';
  return `${(ratio >= 1 ? fixed2(ratio) : shortest2(ratio)).padStart(5)}%`;
}

/**
 * The unit that values of both are converted to, or null if they measure different things (google/pprof
 * internal/measurement, CommonValueType).
 */
export function finerUnit(a: string, b: string): string | null {
  if (a === b) return a;
  for (const family of families) {
    const [left, right] = [findUnit(family, a), findUnit(family, b)];
    if (left !== undefined && right !== undefined) return left.factor <= right.factor ? a : b;
  }
  return null;
}

/**
 * The unit for a column of values in which small ones stay visible and large ones readable (google/pprof
 * internal/report, selectOutputUnit).
 *
 * @param smallest magnitude of the smallest value that is not 0, or 0
 */
export function columnUnit(smallest: bigint, largest: bigint, unit: string): string {
  const least = smallest === 0n ? largest : smallest;
  const leastUnit = scale(least, unit, 'auto').unit;
  const spread = leastUnit !== scale(largest, unit, 'auto').unit && least * 100n < largest;
  return (spread ? scale(least * 100n, unit, 'auto').unit : leastUnit) || unit;
}

function findUnit(family: UnitFamily, unit: string): Unit | undefined {
  let alias = unit.toLowerCase();
  if (alias.length > 2 && alias.endsWith('s')) alias = alias.slice(0, -1);
  return family.units.find(({ aliases }) => aliases.includes(alias));
}

function coarsestWithin(family: UnitFamily, inBase: number): Unit | undefined {
  return family.units.findLast(({ factor }) => inBase / factor >= 1);
}

/** `%.2f` of Go: a tie goes to the even digit, where toFixed rounds it up. */
function fixed2(value: number): string {
  const eighths = value * 8;
  // The only binary fractions that lie midway between two hundredths are odd eighths.
  if (!Number.isInteger(eighths) || eighths % 2 === 0) return value.toFixed(2);
  const below = Math.floor(value * 100);
  return ((below % 2 === 0 ? below : below + 1) / 100).toFixed(2);
}

/** `%.2g` of Go for values from 0 to 1. */
function shortest2(value: number): string {
  if (value === 0) return '0';
  const [digits, exponentText] = roundHalfEven(value).split('e');
  const exponent = Number(exponentText);
  if (exponent < -4) return `${digits.replace(/\.0$/, '')}e-${String(-exponent).padStart(2, '0')}`;
  return String(Number(`${digits}e${exponent}`));
}

function roundHalfEven(value: number): string {
  const [exact, exponent] = value.toExponential(24).split('e');
  // Any double that is no tie shows it within 24 digits.
  if (!/^\d\.\d50+$/.test(exact)) return value.toExponential(1);
  const below = Number(exact[0] + exact[2]);
  const even = below % 2 === 0 ? below : below + 1;
  return `${even / 10}e${exponent}`;
}
