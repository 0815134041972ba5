import { FormatError } from '../format-error.js';
import { documentTime } from '../json/document-time.js';
import { decodeDocuments, type Documents } from '../json/documents.js';
import type { JsonValue } from '../json/reader.js';
import type { Reading } from '../reading.js';
import { type ExpvarLimits, expvarLimits } from './limits.js';
import { type MemStatsSnapshot, memStatsOf } from './memstats-json.js';

/** What one answer of `/debug/vars` says. */
export interface ExpvarSnapshot extends MemStatsSnapshot {
  /**
   * The program's own numeric variables, and those inside its maps as `map.key`. They say neither their unit (it is
   * empty) nor whether they only grow (they are gauges).
   */
  readonly variables: readonly Reading[];
  /** Numeric variables beyond the limits. */
  readonly variablesLeftOut: number;
}

/**
 * The JSON that package expvar serves at `/debug/vars`, one or several in a file. Of what is not numeric nothing is
 * kept: above all not `cmdline`, the arguments of the process, which may hold secrets.
 *
 * @throws FormatError
 */
export function decodeExpvar(bytes: Uint8Array, limits: ExpvarLimits = expvarLimits): Documents<ExpvarSnapshot> {
  return decodeDocuments(bytes, 'expvar page', (value) => expvarOf(value, limits), limits);
}

/** Whether a text starts as `/debug/vars`: its keys are sorted, so memstats may come late, but cmdline comes early. */
export function sniffExpvar(_: Uint8Array, text: string): boolean {
  return /^\s*\{/.test(text) && (/"memstats"\s*:\s*\{/.test(text) || /"cmdline"\s*:\s*\[/.test(text));
}

function expvarOf(value: JsonValue, limits: ExpvarLimits): ExpvarSnapshot {
  const memStats = value instanceof Map ? value.get('memstats') : undefined;
  if (!(value instanceof Map) || memStats === undefined) {
    throw new FormatError('unrecognized', 'no expvar page of a Go program: there are no memstats in it');
  }
  const variables: Reading[] = [];
  let variablesLeftOut = 0;
  const keep = (name: string, member: JsonValue): void => {
    if (typeof member !== 'number' && typeof member !== 'bigint') return;
    if (variables.length >= limits.keptVariables || name.length > limits.variableNameLength) variablesLeftOut++;
    else variables.push({ name, unit: '', type: 'gauge', value: exact(member) });
  };
  for (const [name, member] of value) {
    if (name === 'memstats' || name === 'cmdline') continue;
    keep(name, member);
    if (member instanceof Map) for (const [key, inner] of member) keep(`${name}.${key}`, inner);
  }
  return { ...memStatsOf(memStats), atUnixNanos: documentTime(value), variables, variablesLeftOut };
}

/** An expvar.Int writes integers; an expvar.Float writes a whole number the same way, and is read as one. */
function exact(value: number | bigint): number | bigint {
  return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
}
