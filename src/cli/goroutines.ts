import {
  ageNames,
  countStates,
  type GoroutineGroup,
  type GoroutineGrouping,
  goroutineGroupings,
  groupGoroutines,
} from '../analysis/goroutine-groups.js';
import { type GoroutineRows, rowsOfDump, rowsOfStacks } from '../analysis/goroutine-rows.js';
import { sampleTypeIndex } from '../analysis/sample-type.js';
import { escapeControl } from '../analysis/text-escape.js';
import { defaultBudget } from '../formats/budget.js';
import { FormatError } from '../formats/format-error.js';
import { decodeGoroutineDumps } from '../formats/goroutine-dump/decode.js';
import type { DumpLoss, GoroutineDump } from '../formats/goroutine-dump/dump.js';
import { sniffGoroutineDump } from '../formats/goroutine-dump/sniff.js';
import { isGzip } from '../formats/inflate.js';
import { inflateNatively } from '../ingest/native-inflate.js';
import { CliFailure } from './failure.js';
import { parseBytes, refusing, stacksPart } from './local-profile.js';
import type { Terminal } from './terminal.js';

export interface GoroutinesOptions {
  /** One of `goroutineGroupings`; `stack` by default. */
  readonly by?: string;
  /** The key of a label, with `by: 'label'`. */
  readonly label?: string;
  /** Groups of each dump; 0: all. */
  readonly limit?: string;
  readonly json?: boolean;
}

const groupsShown = 25;

/**
 * `goroutines FILE`: who waits for what, in groups, the largest first. `bytes` are a goroutine dump (debug=2, a log with
 * dumps in it) or a goroutine profile, gzip or not; `origin` is what an error calls them.
 */
export function printGoroutines(bytes: Uint8Array, origin: string, options: GoroutinesOptions, out: Terminal): void {
  const by = groupingOf(options.by ?? (options.label === undefined ? 'stack' : 'label'));
  const limit = limitOf(options.limit);
  const { captures, losses } = capturesIn(bytes, origin);
  const reports = captures.map((capture) => {
    const groups = groupGoroutines(capture.rows, { by, label: options.label });
    return { ...capture, groupCount: groups.length, groups: limit === 0 ? groups : groups.slice(0, limit) };
  });
  if (options.json) return out.print(JSON.stringify(answer(reports, by, losses), null, 2));
  out.print(reports.map((report, i) => text(report, i, reports.length)).join('\n\n'));
  for (const { count, detail } of losses) out.remark(`Lost: ${detail} (${count})`);
}

/** The goroutines of one process at one moment. */
interface Capture {
  readonly kind: 'goroutine-dump' | 'goroutine' | 'goroutineleak';
  /** Null for a profile. */
  readonly dump: GoroutineDump | null;
  readonly capturedAtNanos: bigint | null;
  readonly rows: GoroutineRows;
  /** Goroutines beyond the decoder's limits, by state. */
  readonly folded: readonly { readonly state: string; readonly count: number }[];
}

interface Report extends Capture {
  readonly groupCount: number;
  readonly groups: readonly GoroutineGroup[];
}

function capturesIn(bytes: Uint8Array, origin: string): { captures: Capture[]; losses: readonly DumpLoss[] } {
  const plain = plainText(bytes);
  if (plain !== null) {
    try {
      const dumps = decodeGoroutineDumps(plain);
      const captures = dumps.dumps.map((dump) => ({
        kind: 'goroutine-dump' as const,
        dump,
        capturedAtNanos: dump.atNanos,
        rows: rowsOfDump(dumps, dump),
        folded: dump.folded.map(({ state, count }) => ({ state: dumps.states[state], count })),
      }));
      return { captures, losses: dumps.losses };
    } catch (error) {
      // Whatever else it is, parseBytes knows better what to say of it.
      if (!(error instanceof FormatError && error.fault === 'unrecognized') || sniffs(plain))
        throw failure(error, origin);
    }
  }
  const part = stacksPart(parseBytes(bytes, origin), origin);
  const { kind, stacks, details } = part;
  if (kind !== 'goroutine' && kind !== 'goroutineleak') {
    throw new CliFailure('failed', `${escapeControl(origin)} is a profile of kind ${kind}, not of goroutines.`);
  }
  const sampleType = refusing(() => sampleTypeIndex(stacks.sampleTypes, '', details.defaultSampleType));
  const rows = rowsOfStacks(stacks, sampleType, kind === 'goroutineleak');
  return { captures: [{ kind, dump: null, capturedAtNanos: part.capturedAtNanos, rows, folded: [] }], losses: [] };
}

/** The bytes if they may be text, out of their layer of gzip; null for a protobuf and whatever does not inflate. */
function plainText(bytes: Uint8Array): Uint8Array | null {
  let plain = bytes;
  if (isGzip(bytes)) {
    try {
      plain = inflateNatively(bytes, defaultBudget.inflatedBytes);
    } catch (error) {
      if (error instanceof FormatError) return null;
      throw error;
    }
  }
  return plain.subarray(0, 4096).includes(0) ? null : plain;
}

function sniffs(bytes: Uint8Array): boolean {
  return sniffGoroutineDump(new TextDecoder('latin1').decode(bytes.subarray(0, 4096)));
}

function failure(error: unknown, origin: string): unknown {
  if (!(error instanceof FormatError)) return error;
  const message = `${escapeControl(origin)}: ${error.fault}: ${escapeControl(error.message)}`;
  return new CliFailure('failed', message, { cause: error });
}

function groupingOf(text: string): GoroutineGrouping {
  const by = goroutineGroupings.find((name) => name === text);
  if (by === undefined) {
    throw new CliFailure('usage', `--by is one of ${goroutineGroupings.join(', ')}, not ${escapeControl(text)}.`);
  }
  return by;
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return groupsShown;
  const limit = Number(text);
  if (text.trim() === '' || !Number.isInteger(limit) || limit < 0) {
    throw new CliFailure('usage', `${escapeControl(text)} is not a number of groups.`);
  }
  return limit;
}

function answer(reports: readonly Report[], by: GoroutineGrouping, losses: readonly DumpLoss[]) {
  return {
    by,
    captures: reports.map((report) => ({
      kind: report.kind,
      captured_at_nanos: report.capturedAtNanos?.toString() ?? null,
      start_line: report.dump?.startLine ?? null,
      end_line: report.dump?.endLine ?? null,
      crash: report.dump?.crash ?? null,
      goroutines: goroutinesOf(report),
      states: countStates(report.rows),
      folded: report.folded,
      group_count: report.groupCount,
      groups: report.groups.map((group) => ({
        state: group.state,
        category: group.meaning.category,
        waits_for_goroutine: group.meaning.waitsForGoroutine,
        name: group.name,
        count: group.count,
        leaked: group.leaked,
        oldest_wait_minutes: group.oldestWaitMinutes < 0 ? null : group.oldestWaitMinutes,
        ages: ageNames.map((minutes, i) => ({ minutes, count: group.ages[i] })),
        sample_ids: group.sampleIds.map(String),
        site: group.site,
        created_by: group.createdBy,
        stack: group.stack,
      })),
    })),
    losses,
  };
}

function text(report: Report, index: number, count: number): string {
  const { dump, groups, groupCount, folded } = report;
  const title = [count > 1 ? `Dump ${index + 1} of ${count}` : dump === null ? 'Profile' : 'Dump'];
  title.push(`${goroutinesOf(report)} ${report.kind === 'goroutineleak' ? 'leaked goroutines' : 'goroutines'}`);
  if (dump !== null && count > 1) title.push(`lines ${dump.startLine} to ${dump.endLine}`);
  if (report.capturedAtNanos !== null) title.push(timeText(report.capturedAtNanos));
  const lines = [title.join(', ')];
  if (dump?.crash) lines.push(...dump.crash.text.split('\n').map((line) => `  ${escapeControl(line)}`));
  lines.push(
    `  ${countStates(report.rows)
      .map(({ state, count: n }) => `${n} ${escapeControl(state)}`)
      .join(', ')}`,
  );
  for (const { state, count: n } of folded) lines.push(`  ${n} ${escapeControl(state)}, beyond the limit`);
  for (const group of groups) lines.push('', ...groupText(group));
  if (groups.length < groupCount) lines.push('', `${groupCount - groups.length} smaller groups; --limit 0 shows all.`);
  return lines.join('\n');
}

/** Frames of a group that are shown; the rest is counted. */
const framesShown = 12;

function groupText(group: GoroutineGroup): string[] {
  const facts = [`${group.count} ${escapeControl(group.state)}`];
  if (group.leaked > 0) facts.push(`${group.leaked} leaked`);
  if (group.meaning.forever) facts.push('for ever');
  if (group.oldestWaitMinutes >= 0) {
    const ages = ageNames.flatMap((name, i) => (group.ages[i] > 0 ? [`${group.ages[i]} ${name}`] : []));
    facts.push(`up to ${group.oldestWaitMinutes} minutes (${ages.join(', ')})`);
  }
  if (group.createdBy !== null) facts.push(`created by ${escapeControl(group.createdBy)}`);
  const { sampleIds } = group;
  if (sampleIds.length > 0) {
    const more = group.count > sampleIds.length ? ', …' : '';
    facts.push(`${group.count === 1 ? 'goroutine' : 'goroutines'} ${sampleIds.join(', ')}${more}`);
  }
  const shown = group.stack.slice(0, framesShown);
  const width = Math.min(60, Math.max(...shown.map((frame) => escapeControl(frame.function).length)));
  const frames = shown.map((frame) => {
    const place = frame.file === '' ? '' : `  ${escapeControl(frame.file)}:${frame.line}`;
    return `    ${escapeControl(frame.function).padEnd(width)}${place}`.trimEnd();
  });
  const rest = group.stack.length - shown.length;
  return [facts.join('; '), ...frames, ...(rest > 0 ? [`    … ${rest} more frames`] : [])];
}

function goroutinesOf({ rows, folded }: Capture): number {
  return folded.reduce((sum, { count }) => sum + count, 0) + rows.goroutines.reduce((sum, n) => sum + n, 0);
}

function timeText(nanos: bigint): string {
  const at = new Date(Number(nanos / 1_000_000n));
  return Number.isNaN(at.getTime()) ? `${nanos} ns` : at.toISOString();
}
