import {
  type GroupChangeAnswer,
  groupChangeAnswer,
  loneGroupAnswer,
  statesAnswer,
} from '../analysis/goroutine-answers.js';
import type { FoldedGoroutines } from '../analysis/goroutine-content.js';
import { diffGoroutineGroups } from '../analysis/goroutine-diff.js';
import {
  compileGoroutineFilter,
  filterGoroutines,
  type GoroutineFilterName,
  goroutineFilterNames,
  type GoroutineFilterOptions,
  goroutinesOf,
} from '../analysis/goroutine-filter.js';
import {
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
import { stateCategories } from '../formats/goroutine-dump/wait-reasons.js';
import { isGzip } from '../formats/inflate.js';
import { inflateNatively } from '../ingest/native-inflate.js';
import { CliFailure } from './failure.js';
import { captureText, type ShownCapture } from './goroutine-text.js';
import { parseBytes, refusing, stacksPart } from './local-profile.js';
import type { Terminal } from './terminal.js';

export interface GoroutinesOptions {
  /** One of `goroutineGroupings`; `stack` by default. */
  readonly by?: string;
  /** The key of a label, with `by: 'label'`. */
  readonly label?: string;
  readonly state?: string;
  readonly category?: string;
  readonly minWait?: string;
  readonly focus?: string;
  /** Groups of each dump; 0: all. */
  readonly limit?: string;
  readonly json?: boolean;
}

/** Bytes, and what an error calls them. */
export interface NamedBytes {
  readonly bytes: Uint8Array;
  readonly origin: string;
}

const groupsShown = 25;

/**
 * `goroutines FILE`: who waits for what, in groups, the largest first. `bytes` are a goroutine dump (debug=2, a log with
 * dumps in it) or a goroutine profile, gzip or not; `origin` is what an error calls them. With a base, each capture is
 * compared with the last one of the base, and what changed most comes first.
 */
export function printGoroutines(
  bytes: Uint8Array,
  origin: string,
  options: GoroutinesOptions,
  out: Terminal,
  base?: NamedBytes,
): void {
  const by = groupingOf(options);
  const limit = groupLimit(options.limit);
  const filter = refusing(() => compileGoroutineFilter(filterOf(options)));
  const choose = (capture: Capture, name: string): ChosenCapture => {
    if (capture.dump === null && (by === 'label' || filter.minWaitMinutes !== undefined)) {
      const what = by === 'label' ? 'labels' : 'waits';
      throw new CliFailure('usage', `${escapeControl(name)} is a profile, which tells no ${what}; dumps do.`);
    }
    const { rows, unmatched } = filterGoroutines(capture.rows, filter);
    return { matched: goroutinesOf(rows), unmatched, all: groupGoroutines(rows, { by, label: options.label }) };
  };
  const { captures, losses } = capturesIn(bytes, origin);
  const last = base && capturesIn(base.bytes, base.origin).captures.at(-1);
  const before = last && base && choose(last, base.origin).all;
  const reports = captures.map((capture) => {
    const { all, ...chosen } = choose(capture, origin);
    const groups =
      before === undefined ? all.map(loneGroupAnswer) : diffGoroutineGroups(before, all).map(groupChangeAnswer);
    return { ...capture, ...chosen, groupCount: groups.length, groups: limit === 0 ? groups : groups.slice(0, limit) };
  });
  if (options.json) return out.print(JSON.stringify(answer(reports, by, losses), null, 2));
  out.print(reports.map((report, i) => captureText(shown(report, i, reports.length))).join('\n\n'));
  for (const name of goroutineFilterNames) {
    if (reports.every(({ unmatched }) => unmatched.includes(name))) out.remark(`--${name} matched nothing`);
  }
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
  readonly folded: readonly FoldedGoroutines[];
}

interface ChosenCapture {
  readonly matched: number;
  readonly unmatched: readonly GoroutineFilterName[];
  readonly all: readonly GoroutineGroup[];
}

interface Report extends Capture, Omit<ChosenCapture, 'all'> {
  readonly groupCount: number;
  readonly groups: readonly GroupChangeAnswer[];
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

/** @throws CliFailure */
export function groupingOf({ by, label }: GoroutinesOptions): GoroutineGrouping {
  const text = by ?? (label === undefined ? 'stack' : 'label');
  const grouping = goroutineGroupings.find((name) => name === text);
  if (grouping === undefined) {
    throw new CliFailure('usage', `--by is one of ${goroutineGroupings.join(', ')}, not ${escapeControl(text)}.`);
  }
  if (label !== undefined && grouping !== 'label') throw new CliFailure('usage', '--label goes with --by label.');
  return grouping;
}

/** How many groups are shown; 0: all. @throws CliFailure */
export function groupLimit(text: string | undefined): number {
  if (text === undefined) return groupsShown;
  return wholeNumber(text, 'a number of groups');
}

/** @throws CliFailure */
export function filterOf({ state, category: named, minWait, focus }: GoroutinesOptions): GoroutineFilterOptions {
  const category = stateCategories.find((name) => name === named);
  if (named !== undefined && category === undefined) {
    throw new CliFailure('usage', `--category is one of ${stateCategories.join(', ')}, not ${escapeControl(named)}.`);
  }
  const minWaitMinutes = minWait === undefined ? undefined : wholeNumber(minWait, 'a number of minutes');
  return { state, category, minWaitMinutes, focus };
}

function wholeNumber(text: string, what: string): number {
  const number = Number(text);
  if (text.trim() === '' || !Number.isInteger(number) || number < 0) {
    throw new CliFailure('usage', `${escapeControl(text)} is not ${what}.`);
  }
  return number;
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
      goroutines: allGoroutines(report),
      matched: report.matched,
      states: statesAnswer(report.rows, report.folded),
      folded: report.folded,
      unmatched: report.unmatched,
      group_count: report.groupCount,
      groups: report.groups,
    })),
    losses,
  };
}

function shown(report: Report, index: number, count: number): ShownCapture {
  const { kind, dump, capturedAtNanos, rows, folded, matched, groups, groupCount } = report;
  const goroutines = allGoroutines(report);
  return {
    title: count > 1 ? `Dump ${index + 1} of ${count}` : dump === null ? 'Profile' : 'Dump',
    kind,
    goroutines,
    matched: matched === goroutinesOf(rows) ? null : matched,
    lines: dump !== null && count > 1 ? [dump.startLine, dump.endLine] : null,
    at: capturedAtNanos === null ? null : timeText(capturedAtNanos),
    crash: dump?.crash ?? null,
    states: countStates(rows),
    folded,
    groups,
    groupCount,
  };
}

function allGoroutines({ rows, folded }: Capture): number {
  return folded.reduce((sum, { count }) => sum + count, 0) + goroutinesOf(rows);
}

function timeText(nanos: bigint): string {
  const at = new Date(Number(nanos / 1_000_000n));
  return Number.isNaN(at.getTime()) ? `${nanos} ns` : at.toISOString();
}
