import { label } from '../analysis/units.js';
import type { GoLog } from '../formats/log/go-log.js';
import type { LogLoss } from '../formats/log/losses.js';

/** What both commands about logs print alike. */

export const nanos = (value: number): string => label(value, 'nanoseconds');
export const bytes = (value: number): string => label(value, 'bytes');
export const share = (value: number | null): string => (value === null ? '-' : `${(value * 100).toFixed(1)}%`);
export const number = (value: number): string => String(Math.round(value * 100) / 100);

export function field(name: string, text: string): string {
  return `${`${name}:`.padEnd(14)} ${text}`;
}

/** `2026-11-23T15:20:00.123456789Z`; null for a time that no calendar has. */
export function wallTime(at: bigint | null): string | null {
  if (at === null) return null;
  const seconds = at / 1_000_000_000n;
  const date = new Date(Number(seconds) * 1000);
  if (at < 0n || Number.isNaN(date.getTime())) return null;
  return `${date.toISOString().slice(0, 19)}.${String(at % 1_000_000_000n).padStart(9, '0')}Z`;
}

export function lossText({ code, count, lines }: LogLoss): string {
  const shown = lines.slice(0, 10).join(', ');
  return `Lost:          ${reasons[code]}: ${count} (line${count === 1 ? '' : 's'} ${shown}${count > 10 ? ', …' : ''})`;
}

const reasons: Record<LogLoss['code'], string> = {
  torn: 'other output in the middle of it',
  cut: 'the log ends within it',
  'old-format': 'printed by Go 1.4 or older',
  lifetimes: 'more processes than are kept apart',
  rows: 'more rows than are kept of one table',
  reasons: 'more different wait reasons than are kept',
};

/** What the JSON answers say of the log itself. */
export function logAnswer(log: GoLog) {
  return {
    lines: log.lines,
    wrappers: log.wrappers,
    clock: log.clock,
    cut: log.cut,
    long_lines: log.longLines,
    first_at: wallTime(log.firstAtNanos),
    last_at: wallTime(log.lastAtNanos),
  };
}

/** The same object with its keys in snake_case, as all JSON of this program has them. */
export function snakeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCase);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      snakeCase(inner),
    ]),
  );
}
