import { type GoroutineContent, rowsOfContent } from '../analysis/goroutine-content.js';
import type { InstanceEvidence, LeakEvidence, StackEvidence } from '../analysis/leaks/evidence.js';
import { EvidenceBuilder } from '../analysis/leaks/evidence-builder.js';
import { lastRowsOfSteps, memoryEvidence, saidStarts, startAt } from '../analysis/leaks/memory-evidence.js';
import type { RuntimeSource } from '../analysis/runtime/runtime-window.js';
import type { PartBuild, ParsedPart, ParsedSeries } from '../ingest/parsed-part.js';
import { goroutineStatesSource } from '../ingest/parts/goroutines.js';
import { CliFailure } from './failure.js';
import {
  filesThat,
  localFiles,
  type ReadFile,
  readFiles,
  remarkOnBroken,
  some,
  timeNotes,
  type UnreadFile,
} from './local-files.js';
import { runtimeSources, windowAround } from './local-runtime.js';
import { snapshotTimes, type SnapshotTime, type TimeClues, unitMillis } from './snapshot-times.js';
import type { Terminal } from './terminal.js';

/** What files say of the leaks of one service. */
export interface LocalEvidence {
  readonly evidence: LeakEvidence;
  /** What whoever reads the ranking has to know of its times. */
  readonly notes: readonly string[];
  /** Instances of whose snapshots the order is all that is known, and the milliseconds from one to the next. */
  readonly untimed: ReadonlyMap<string, number>;
}

/** Unix milliseconds, half open. */
export interface TimeRange {
  readonly fromMillis: number;
  readonly toMillis: number;
}

/**
 * Reads the snapshots of one service file by file, keeping only what tells of leaks: goroutines, heaps and numbers about
 * memory. Profiles over a duration are left out.
 *
 * @param chosenRange which part of them counts, by the time of the last one
 * @throws CliFailure if a file that was named cannot be read, or there is nothing that tells of leaks
 */
export function readEvidence(
  arguments_: readonly string[],
  chosenRange: (lastMillis: number) => TimeRange,
  out: Terminal,
): LocalEvidence {
  const files = localFiles(arguments_);
  if (files.length === 0) throw new CliFailure('failed', 'There are no files to read.');
  const collected = new Collected();
  const unread: UnreadFile[] = [];
  let read = 0;
  for (const file of readFiles(files, unread)) {
    collected.add(file);
    out.progress(`${++read} of ${files.length} files`);
  }
  out.progress(null);
  remarkOnBroken(unread, out);
  const unknown = unread.filter(({ isUnknown }) => isUnknown);
  if (unknown.length > 0) {
    out.remark(`${filesThat(unknown.length, 'is', 'are')} nothing that Go writes: ${some(unknown)}`);
  }
  remarkOnLeftOut(collected, out);
  if (collected.isEmpty()) {
    throw new CliFailure('failed', 'There is no snapshot of goroutines, of a heap or of memory in these files.');
  }
  return collected.placed(chosenRange);
}

interface FoundStacks {
  readonly snapshot: number;
  readonly isAllocs: boolean;
}

interface FoundSeries {
  readonly snapshot: number;
  readonly series: readonly ParsedSeries[];
}

interface FoundBuild {
  readonly snapshot: number;
  readonly build: string;
}

/** Moments of memory per instance. */
const mostMoments = 64;
/** Of a log the last row of each such step is kept. */
const logStepMillis = 1_000;

/** What was found in the files. When each snapshot was taken is known once all of them have been seen. */
class Collected {
  readonly deltas: { readonly path: string }[] = [];
  readonly useless: { readonly path: string; readonly kind: ParsedPart['kind'] }[] = [];
  /** One of each snapshot, also of those that tell nothing of leaks: they may know the time. */
  readonly #clues: TimeClues[] = [];
  readonly #builder = new EvidenceBuilder();
  readonly #stacks = new Map<string, FoundStacks>();
  readonly #series: FoundSeries[] = [];
  readonly #builds: FoundBuild[] = [];

  add({ path, instance, parts, clues }: ReadFile): void {
    parts.forEach((part, index) => {
      const rows = part.kind === 'goroutine-dump' ? rowsOfContent(part.content as GoroutineContent) : null;
      const waits = rows?.id == null ? undefined : { ids: rows.id, minutes: rows.waitMinutes };
      const snapshot = this.#clues.push({ ...clues[index], waits }) - 1;
      const numbers = part.series.filter(({ source }) => source !== goroutineStatesSource);
      if (numbers.length > 0) this.#series.push({ snapshot, series: numbers.map(thinned) });
      if (part.build !== undefined) this.#builds.push({ snapshot, build: buildName(part.build) });
      const kind = evidenceKindOf(part);
      if (kind === null) {
        if (numbers.length === 0 && part.build === undefined) this.useless.push({ path, kind: part.kind });
        return;
      }
      if (part.delta) {
        this.deltas.push({ path });
        return;
      }
      const id = parts.length === 1 ? path : `${path}#${index + 1}`;
      this.#stacks.set(id, { snapshot, isAllocs: part.kind === 'allocs' });
      const facts = { id, kind, atMillis: 0, build: '', processStartMillis: null };
      this.#builder.addStacks(instance, facts, part.stacks!, {
        rows,
        sampleBytes: part.details.period === undefined ? undefined : Number(part.details.period),
      });
    });
  }

  isEmpty(): boolean {
    return this.#stacks.size + this.#series.length === 0;
  }

  placed(chosenRange: (lastMillis: number) => TimeRange): LocalEvidence {
    const times = snapshotTimes(this.#clues);
    const used = [...this.#stacks.values(), ...this.#series].map(({ snapshot }) => snapshot);
    const range = chosenRange(used.reduce((last, snapshot) => Math.max(last, times[snapshot].atMillis), -Infinity));
    const isInside = (snapshot: number): boolean =>
      times[snapshot].atMillis >= range.fromMillis && times[snapshot].atMillis < range.toMillis;
    const sources = this.#sources(times);
    this.#addMemory(sources, range);
    const starts = saidStarts(sources);
    const { stacks, instances } = this.#builder.build();
    const placed = instances.map(({ name, snapshots, memory }): InstanceEvidence => {
      const builds = this.#buildsOf(name, times);
      const hasHeaps = snapshots.some(({ id, kind }) => kind === 'heap' && !this.#stacks.get(id)!.isAllocs);
      const kept = snapshots.filter(({ id }) => {
        const { snapshot, isAllocs } = this.#stacks.get(id)!;
        // An allocs profile says the same as a heap profile.
        return isInside(snapshot) && !(isAllocs && hasHeaps);
      });
      const timed = kept.map((snapshot): StackEvidence => {
        const { atMillis } = times[this.#stacks.get(snapshot.id)!.snapshot];
        const processStartMillis = startAt(starts.get(name) ?? [], atMillis);
        return { ...snapshot, atMillis, build: buildAt(builds, atMillis), processStartMillis };
      });
      return { name, snapshots: withoutRepeats(timed), memory };
    });
    const seen = used.filter(isInside);
    if (seen.length === 0) {
      throw new CliFailure('failed', 'No snapshot is in this range. tidemark inspect shows from when each one is.');
    }
    return {
      evidence: { stacks, instances: placed.filter(({ snapshots, memory }) => snapshots.length + memory.length > 0) },
      notes: timeNotes(seen.map((snapshot) => times[snapshot])),
      untimed: this.#untimed(seen, times),
    };
  }

  #sources(times: readonly SnapshotTime[]): RuntimeSource[] {
    return runtimeSources(
      this.#series.map(({ snapshot, series }) => ({
        instance: this.#clues[snapshot].instance,
        atMillis: times[snapshot].atMillis,
        series,
      })),
    );
  }

  #addMemory(sources: readonly RuntimeSource[], { fromMillis, toMillis }: TimeRange): void {
    if (sources.length === 0) return;
    const whole = windowAround(sources);
    const window = {
      ...whole,
      fromMillis: Math.max(whole.fromMillis, fromMillis),
      toMillis: Math.min(whole.toMillis, toMillis),
    };
    const stepMillis = Math.max(1, Math.ceil((window.toMillis - window.fromMillis) / mostMoments));
    for (const [instance, moments] of memoryEvidence(window, stepMillis)) this.#builder.addMemory(instance, moments);
  }

  #untimed(seen: readonly number[], times: readonly SnapshotTime[]): Map<string, number> {
    const ordered = new Map<string, Set<number>>();
    for (const snapshot of seen) {
      const { atMillis, from } = times[snapshot];
      if (from !== 'order') continue;
      const { instance } = this.#clues[snapshot];
      ordered.set(instance, (ordered.get(instance) ?? new Set()).add(atMillis));
    }
    return new Map(
      [...ordered].map(([instance, moments]) => {
        const sorted = [...moments].sort((a, b) => a - b);
        const gaps = sorted.length - 1;
        return [instance, gaps === 0 ? unitMillis : (sorted[gaps] - sorted[0]) / gaps];
      }),
    );
  }

  /** Ascending. */
  #buildsOf(instance: string, times: readonly SnapshotTime[]): KnownBuild[] {
    return this.#builds
      .filter(({ snapshot, build }) => build !== '' && this.#clues[snapshot].instance === instance)
      .map(({ snapshot, build }) => ({ atMillis: times[snapshot].atMillis, build }))
      .sort((a, b) => a.atMillis - b.atMillis || (a.build < b.build ? -1 : 1));
  }
}

interface KnownBuild {
  readonly atMillis: number;
  readonly build: string;
}

/** The build that was told last by then, else the first that is told later; empty: none is. */
function buildAt(builds: readonly KnownBuild[], atMillis: number): string {
  return (builds.findLast((each) => each.atMillis <= atMillis) ?? builds.at(0))?.build ?? '';
}

function buildName({ version, gitSha }: PartBuild): string {
  return [version, gitSha].filter((part) => part !== '').join(' ');
}

function evidenceKindOf({ kind, stacks }: ParsedPart): StackEvidence['kind'] | null {
  if (stacks === null) return null;
  switch (kind) {
    case 'goroutine':
    case 'goroutine-dump':
      return 'goroutine';
    case 'goroutineleak':
    case 'heap':
      return kind;
    case 'allocs':
      return stacks.sampleTypes.some(({ type }) => type === 'inuse_space') ? 'heap' : null;
    default:
      return null;
  }
}

/** A log of a week has a row per collection. */
function thinned(series: ParsedSeries): ParsedSeries {
  return { ...series, table: lastRowsOfSteps(series.table, logStepMillis) };
}

/** What is there twice, as of the same time with the same stacks and values, counts once. */
function withoutRepeats(snapshots: readonly StackEvidence[]): StackEvidence[] {
  const kept: StackEvidence[] = [];
  for (const snapshot of snapshots) {
    if (!kept.some((other) => other.atMillis === snapshot.atMillis && saysTheSame(other, snapshot)))
      kept.push(snapshot);
  }
  return kept;
}

function saysTheSame(one: StackEvidence, other: StackEvidence): boolean {
  if (one.kind !== other.kind || !areEqual(one.stacks, other.stacks)) return false;
  if (one.kind === 'heap') {
    return (
      other.kind === 'heap' &&
      areEqual(one.inuseBytes, other.inuseBytes) &&
      areEqual(one.allocObjects, other.allocObjects)
    );
  }
  if (other.kind === 'heap' || !areEqual(one.counts, other.counts)) return false;
  return one.members === null || other.members === null
    ? one.members === other.members
    : areEqual(one.members.ids, other.members.ids);
}

function areEqual(one: Int32Array | Float64Array, other: Int32Array | Float64Array): boolean {
  return one.length === other.length && one.every((value, index) => value === other[index]);
}

function remarkOnLeftOut({ deltas, useless }: Collected, out: Terminal): void {
  const paths = (files: readonly { readonly path: string }[]) =>
    [...new Set(files.map(({ path }) => path))].map((path) => ({ path }));
  const covering = paths(deltas);
  if (covering.length > 0) {
    const what = `${filesThat(covering.length, 'covers', 'cover')} a duration (?seconds=) and no moment`;
    out.remark(`${what}, and no leak shows in that: ${some(covering)}`);
  }
  const others = paths(useless);
  if (others.length > 0) {
    const kinds = [...new Set(useless.map(({ kind }) => kind))].sort().join(', ');
    out.remark(`${filesThat(others.length, 'says', 'say')} nothing of leaks (${kinds}): ${some(others)}`);
  }
}
