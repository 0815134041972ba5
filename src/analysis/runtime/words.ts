import { escapeControl } from '../text-escape.js';
import { label } from '../units.js';

/* How sentences write numbers: as Go's tools do, with a sign where it is a change. */

export function bytes(value: number): string {
  return label(Math.round(value), 'bytes');
}

export function bytesPerHour(value: number): string {
  return `${value < 0 ? '-' : '+'}${bytes(Math.abs(value))}/h`;
}

export function percent(ratio: number): string {
  return `${Number((ratio * 100).toFixed(ratio < 0.01 ? 2 : 1))} %`;
}

export function count(value: number): string {
  return String(Math.round(value));
}

export function rate(value: number): string {
  return String(Number(value.toPrecision(3)));
}

export function millis(nanos: number): string {
  return `${Number((nanos / 1e6).toPrecision(3))} ms`;
}

export function hours(value: number): string {
  return value < 2 ? `${Math.round(value * 60)} min` : `${Number(value.toFixed(1))} h`;
}

/** Names and states come from outside. */
export function named(text: string): string {
  return escapeControl(text);
}
