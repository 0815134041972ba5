import {
  eventKind,
  goState,
  goStateNames,
  metricKind,
  metricNames,
  none,
  procState,
  procStateNames,
  rangeKind,
  type TraceEvent,
  type TraceGeneration,
  type TraceSink,
} from '../../formats/exectrace/events.js';
import type { StackProfile } from '../stack-profile.js';
import { type AnnotationSummary, Annotations } from './annotations.js';
import { Blocking, type BlockingTable, RuntimeWakers } from './blocking.js';
import { blockProfileOf, delayProfile, type DelayProfileName, delayProfileNames, StackSums } from './delay-profiles.js';
import { DurationHistogram, type DurationSummary, type HistogramBucket } from './duration-histogram.js';
import { GcTimeline, type GcSummary } from './gc-timeline.js';
import { type GoroutineEntry, type GoroutineGroup, GoroutineGroups } from './goroutine-groups.js';
import { difference, Goroutine, isSystemGoroutine, unset } from './goroutine.js';
import { Names } from './names.js';
import { traceSummaryLimits, type TraceSummaryLimits } from './trace-limits.js';
import { TraceStacks } from './trace-stacks.js';
import { type Utilisation, UtilisationTally } from './utilisation.js';
import { WallClock } from './wall-clock.js';

export interface TraceSummary {
  readonly events: number;
  readonly generations: number;
  /** What all times are relative to, on the clock of the trace. */
  readonly baseNanos: bigint;
  /** Of the first and of the last event. */
  readonly start: number;
  readonly end: number;
  readonly wallClock: WallClock;
  readonly eventsByKind: readonly NamedCount[];
  /** `G Runnable->Running` and so on, as internal/trace's events say them. */
  readonly transitions: readonly NamedCount[];
  /** Blocks by what the trace gives as their reason. */
  readonly blockReasons: readonly NamedCount[];
  /** Last value of each metric. */
  readonly metrics: readonly { readonly name: string; readonly value: number }[];
  readonly goroutineCount: number;
  readonly groups: readonly GoroutineGroup[];
  /** Goroutines one by one; where there are more than fit, those that did the most. */
  readonly goroutines: readonly GoroutineEntry[];
  readonly blocking: BlockingTable;
  /** From runnable to running. */
  readonly schedulerLatency: DurationSummary & { readonly buckets: readonly HistogramBucket[] };
  readonly gc: GcSummary;
  readonly utilisation: Utilisation;
  readonly annotations: AnnotationSummary;
  /** As `go tool trace -pprof` makes them. */
  readonly profiles: Readonly<Record<DelayProfileName, StackProfile>>;
  readonly cpuSamples: number;
  /** samples/count of the CPU profiler, where it ran during the trace. */
  readonly cpuProfile: StackProfile;
}

export interface NamedCount {
  readonly name: string;
  readonly count: number;
}

const kindNames = Object.keys(eventKind);
const goStates = goStateNames.length;
const procStates = procStateNames.length;

/**
 * Folds the events of a trace into a summary of bounded size. Feed it as the sink of a TraceReader and call `summary`
 * at the end, also after a fault: it then tells what was read until there.
 *
 * The times of goroutines are those of Go's internal/trace Summarizer (summary.go).
 */
export class TraceSummarizer implements TraceSink {
  readonly #stacks: TraceStacks;
  readonly #names: Names;
  readonly #reasons: Names;
  readonly #rangeNames: Names;
  readonly #blocking: Blocking;
  readonly #runtimeWakers: RuntimeWakers;
  readonly #latency = new DurationHistogram();
  readonly #gc: GcTimeline;
  readonly #utilisation: UtilisationTally;
  readonly #annotations: Annotations;
  readonly #groups: GoroutineGroups;
  readonly #wallClock: WallClock;
  readonly #sums = delayProfileNames.map(() => new StackSums());
  readonly #cpuSums = new StackSums();
  readonly #goroutines = new Map<number, Goroutine>();
  /** By P: the goroutine in a system call that holds it. */
  readonly #syscalling = new Map<number, Goroutine>();
  /** By P: the goroutine on which its sweep began. */
  readonly #sweeping = new Map<number, Goroutine>();
  readonly #kinds = new Float64Array(kindNames.length);
  readonly #goTransitions = new Float64Array(goStates * goStates);
  readonly #procTransitions = new Float64Array(procStates * procStates);
  readonly #metrics = new Float64Array(metricNames.length).fill(-1);
  readonly #reasonCounts: number[] = [];
  readonly #reasonProfiles: number[] = [];
  readonly #ranges: { readonly gcMark: number; readonly gcSweep: number; readonly markAssist: number };
  #forever: number;
  #generation: TraceGeneration | null = null;
  /** Numbers of the names of goroutines, by their stacks in this generation. */
  #nameOf: number[] = [];
  /** Numbers of reasons and range names, by string of this generation. */
  #reasonOf: number[] = [];
  #stopNameOf: number[] = [];
  #generations = 0;
  #openRegions = 0;
  #cpuSamples = 0;
  #events = 0;
  #start = unset;
  #syncTime = 0;
  #lastTime = 0;

  /** @param always goroutines that are listed one by one whatever they did */
  constructor(
    private readonly limits: TraceSummaryLimits = traceSummaryLimits,
    always: ReadonlySet<number> = new Set(),
  ) {
    this.#stacks = new TraceStacks(limits.stackNodes, limits.symbolCharacters);
    this.#names = new Names(limits.goroutineNames);
    this.#reasons = new Names(limits.waitReasons);
    this.#rangeNames = new Names(limits.rangeNames);
    this.#forever = this.#reasons.number('forever');
    this.#runtimeWakers = new RuntimeWakers(this.#names, this.#reasons);
    this.#blocking = new Blocking(this.#reasons, this.#names, limits);
    this.#gc = new GcTimeline(limits);
    this.#utilisation = new UtilisationTally(limits);
    this.#annotations = new Annotations(limits);
    this.#groups = new GoroutineGroups(this.#names, this.#reasons, this.#rangeNames, limits.goroutines, always);
    this.#wallClock = new WallClock(limits.clockSnapshots);
    this.#ranges = {
      gcMark: this.#rangeNames.number('GC concurrent mark phase'),
      gcSweep: this.#rangeNames.number('GC incremental sweep'),
      markAssist: this.#rangeNames.number('GC mark assist'),
    };
  }

  generation(generation: TraceGeneration): void {
    this.#generation = generation;
    this.#generations++;
    this.#stacks.begin(generation);
    this.#nameOf = [];
    this.#reasonOf = [];
    this.#stopNameOf = [];
    if (generation.clock !== null) this.#wallClock.add(generation.clock);
  }

  event(event: TraceEvent): void {
    const { time, kind } = event;
    if (this.#start === unset) this.#start = this.#syncTime = time;
    this.#lastTime = time;
    this.#events++;
    this.#kinds[kind]++;
    switch (kind) {
      case eventKind.goroutine:
        return this.#goroutine(event);
      case eventKind.proc:
        return this.#proc(event);
      case eventKind.rangeBegin:
      case eventKind.rangeActive:
        return this.#rangeBegin(event);
      case eventKind.rangeEnd:
        return this.#rangeEnd(event);
      case eventKind.metric:
        return this.#metric(event);
      case eventKind.regionBegin:
        return this.#regionBegin(event);
      case eventKind.regionEnd:
        return this.#regionEnd(event);
      case eventKind.taskBegin:
      case eventKind.taskEnd:
        return this.#task(event);
      case eventKind.log:
        return this.#log(event);
      case eventKind.cpuSample:
        this.#cpuSamples++;
        return this.#cpuSums.add(this.#stacks.node(event.stack), 0);
      case eventKind.sync:
        this.#syncTime = time;
    }
  }

  /** What the events so far amount to. It closes the books: no event may follow. */
  summary(): TraceSummary {
    for (const goroutine of this.#goroutines.values()) {
      if (goroutine.waitingSince !== unset) {
        const { reason, name, blockStack, waitingSince } = goroutine;
        this.#blocking.addOpen(reason, name, blockStack, this.#lastTime - waitingSince);
      }
      if (goroutine.runningSince !== unset) {
        this.#utilisation.ran(goroutine.proc, goroutine.thread, this.#lastTime - goroutine.runningSince);
      }
      this.#retire(goroutine);
    }
    this.#goroutines.clear();
    return {
      events: this.#events,
      generations: this.#generations,
      baseNanos: this.#generation?.baseNanos ?? 0n,
      start: Math.max(0, this.#start),
      end: this.#lastTime,
      wallClock: this.#wallClock,
      eventsByKind: kindNames
        .map((name, kind) => ({ name, count: this.#kinds[kind] }))
        .filter(({ count }) => count > 0),
      transitions: [
        ...transitionCounts('G', goStateNames, this.#goTransitions),
        ...transitionCounts('P', procStateNames, this.#procTransitions),
      ],
      blockReasons: this.#reasonCounts
        .map((count, reason) => ({ name: this.#reasons.values[reason], count }))
        .filter(({ count }) => count > 0)
        .sort((a, b) => b.count - a.count),
      metrics: metricNames.flatMap((name, i) => (this.#metrics[i] < 0 ? [] : [{ name, value: this.#metrics[i] }])),
      goroutineCount: this.#groups.count,
      groups: this.#groups.groups(),
      goroutines: this.#groups.entries(),
      blocking: this.#blocking.table(this.#stacks),
      schedulerLatency: { ...this.#latency.summary(), buckets: this.#latency.doublings() },
      gc: this.#gc.summary(),
      utilisation: this.#utilisation.summary(this.#lastTime),
      annotations: this.#annotations.summary(),
      profiles: {
        net: this.#sums[delayProfile.net].delays(this.#stacks),
        sync: this.#sums[delayProfile.sync].delays(this.#stacks),
        syscall: this.#sums[delayProfile.syscall].delays(this.#stacks),
        sched: this.#sums[delayProfile.sched].delays(this.#stacks),
      },
      cpuSamples: this.#cpuSamples,
      cpuProfile: this.#cpuSums.samples(this.#stacks),
    };
  }

  #goroutine(event: TraceEvent): void {
    const { subject, from, to, time } = event;
    this.#goTransitions[from * goStates + to]++;
    // The goroutine goes on as before; it is only announced again.
    if (from === to) return;
    let goroutine = this.#goroutines.get(subject);
    if (goroutine === undefined || from === goState.undetermined || from === goState.notExist) {
      goroutine = this.#appears(event);
    } else {
      this.#leaves(goroutine, event);
    }
    if (goroutine.name === 0 && event.subjectStack !== 0) {
      goroutine.name = this.#nameOf[event.subjectStack] ??= this.#names.number(
        this.#stacks.rootFunction(event.subjectStack),
      );
    }
    switch (to) {
      case goState.running:
        goroutine.runningSince = time;
        goroutine.proc = event.proc;
        goroutine.thread = event.thread;
        if (goroutine.firstRun === unset) {
          goroutine.firstRun = time;
          goroutine.pendingProfile = unset;
        }
        return;
      case goState.runnable:
        goroutine.runnableSince = time;
        if (from !== goState.undetermined) goroutine.readySince = time;
        return this.#startProfile(goroutine, delayProfile.sched, event);
      case goState.waiting:
        return this.#blocks(goroutine, event);
      case goState.syscall:
        this.#syscalling.set(event.proc, goroutine);
        goroutine.syscallProc = event.proc;
        goroutine.syscallSince = time;
        return this.#startProfile(goroutine, delayProfile.syscall, event);
      case goState.notExist:
        goroutine.end = time;
        goroutine.finish(time);
        this.#goroutines.delete(subject);
        this.#retire(goroutine);
    }
  }

  /** It is created, or first heard of. */
  #appears(event: TraceEvent): Goroutine {
    const isKnownLater = event.from === goState.undetermined;
    const goroutine = new Goroutine(event.subject, isKnownLater ? this.#syncTime : event.time);
    this.#goroutines.set(event.subject, goroutine);
    if (!isKnownLater) return goroutine;
    // It has been in this state since the generation began.
    const nanos = event.time - this.#syncTime;
    if (event.to === goState.running) {
      goroutine.exec += nanos;
      this.#utilisation.ran(event.proc, event.thread, nanos);
    } else if (event.to === goState.waiting) {
      goroutine.blocked.add(this.#reason(event.text), nanos);
    } else if (event.to === goState.runnable) {
      goroutine.schedWait += nanos;
    } else if (event.to === goState.syscall) {
      if (event.proc === none) goroutine.syscallBlock += nanos;
      else goroutine.syscall += nanos;
    }
    return goroutine;
  }

  #leaves(goroutine: Goroutine, event: TraceEvent): void {
    const { time, from } = event;
    if (goroutine.profile !== unset) this.#endProfile(goroutine, time);
    if (from === goState.running) {
      if (goroutine.runningSince === unset) return;
      const nanos = time - goroutine.runningSince;
      goroutine.exec += nanos;
      goroutine.runningSince = unset;
      this.#utilisation.ran(event.proc, event.thread, nanos);
    } else if (from === goState.waiting) {
      if (goroutine.blockedSince !== unset) {
        goroutine.blocked.add(goroutine.reason, time - goroutine.blockedSince);
        goroutine.blockedSince = unset;
      }
      if (goroutine.waitingSince !== unset) this.#wakes(goroutine, event);
    } else if (from === goState.runnable) {
      if (goroutine.runnableSince !== unset) {
        goroutine.schedWait += time - goroutine.runnableSince;
        goroutine.runnableSince = unset;
      }
      if (goroutine.readySince !== unset) {
        this.#latency.add(time - goroutine.readySince);
        goroutine.readySince = unset;
      }
    } else if (from === goState.syscall) {
      this.#leavesSyscall(goroutine, time);
    }
  }

  #leavesSyscall(goroutine: Goroutine, time: number): void {
    if (goroutine.syscallSince === unset) return;
    if (goroutine.syscallBlockedSince !== unset) {
      goroutine.syscallBlock += time - goroutine.syscallBlockedSince;
      goroutine.syscall += goroutine.syscallBlockedSince - goroutine.syscallSince;
    } else {
      goroutine.syscall += time - goroutine.syscallSince;
    }
    goroutine.syscallSince = goroutine.syscallBlockedSince = unset;
    this.#syscalling.delete(goroutine.syscallProc);
  }

  #blocks(goroutine: Goroutine, event: TraceEvent): void {
    const { time, from } = event;
    const reason = this.#reason(event.text);
    goroutine.reason = reason;
    goroutine.blockStack = this.#stacks.node(event.subjectStack);
    goroutine.waitingSince = from === goState.undetermined ? this.#syncTime : time;
    if (from === goState.running) this.#reasonCounts[reason] = (this.#reasonCounts[reason] ?? 0) + 1;
    if (reason === this.#forever) {
      // It is as good as gone.
      goroutine.end = time;
      goroutine.finish(time);
      return;
    }
    goroutine.blockedSince = time;
    const profile = (this.#reasonProfiles[reason] ??= blockProfileOf(this.#reasons.values[reason]));
    if (profile !== unset) this.#startProfile(goroutine, profile, event);
  }

  #wakes(goroutine: Goroutine, event: TraceEvent): void {
    const { reason, name, blockStack, waitingSince } = goroutine;
    const nanos = event.time - waitingSince;
    const waker = event.goroutine === none ? undefined : this.#goroutines.get(event.goroutine);
    const wakerName = waker === undefined ? this.#runtimeWakers.nameFor(reason, event.proc) : waker.name;
    const wakerStack = event.stack === 0 ? 0 : this.#stacks.node(event.stack);
    this.#blocking.add(reason, name, blockStack, waitingSince, nanos, wakerName, wakerStack);
    if (nanos > goroutine.longestBlock) {
      goroutine.longestBlock = nanos;
      goroutine.longestBlockStart = waitingSince;
    }
    goroutine.waitingSince = unset;
  }

  #startProfile(goroutine: Goroutine, profile: number, event: TraceEvent): void {
    goroutine.profile = profile;
    goroutine.profileSince = event.time;
    goroutine.profileStack = this.#stacks.node(event.stack);
  }

  /** `go tool trace` counts what lies between a goroutine's first run and its end; all of it if it never runs. */
  #endProfile(goroutine: Goroutine, time: number): void {
    const { profile, profileSince, profileStack, firstRun } = goroutine;
    goroutine.profile = unset;
    if (firstRun !== unset) {
      this.#sums[profile].add(profileStack, time - profileSince);
      return;
    }
    goroutine.pendingProfile = profile;
    goroutine.pendingStack = profileStack;
    goroutine.pendingNanos = time - profileSince;
  }

  #retire(goroutine: Goroutine): void {
    goroutine.finish(this.#lastTime);
    const { pendingProfile, pendingStack, pendingNanos, regions } = goroutine;
    if (pendingProfile !== unset && goroutine.firstRun === unset)
      this.#sums[pendingProfile].add(pendingStack, pendingNanos);
    if (regions !== null) {
      this.#openRegions -= regions.length;
      // What a region of the runtime's own goroutines means nobody knows.
      if (!isSystemGoroutine(this.#names.values[goroutine.name])) {
        while (regions.length > 0) this.#closeRegion(goroutine, this.#lastTime);
      }
      goroutine.regions = null;
    }
    this.#groups.add(goroutine);
  }

  #proc(event: TraceEvent): void {
    const { subject, from, to, time } = event;
    this.#procTransitions[from * procStates + to]++;
    if (from === to) return;
    if (to === procState.running) {
      this.#utilisation.procRuns(subject, from === procState.undetermined ? this.#syncTime : time);
    } else if (to === procState.idle) {
      this.#utilisation.procIdles(subject, time);
      // A P that is taken away from a goroutine in a system call: from now on the call blocks.
      const goroutine = this.#syscalling.get(subject);
      if (goroutine === undefined) return;
      goroutine.syscallBlockedSince = time;
      this.#syscalling.delete(subject);
    }
  }

  #rangeBegin(event: TraceEvent): void {
    const { what, subject, kind, time } = event;
    const isBegin = kind === eventKind.rangeBegin;
    const name = this.#rangeName(event);
    if (isBegin) this.#gc.begin(what, subject, time, this.#generation!.string(event.text));
    else this.#gc.active(what, subject, this.#syncTime);
    let goroutine: Goroutine | undefined;
    if (what === rangeKind.markAssist || what === rangeKind.stopTheWorld) {
      goroutine = this.#goroutines.get(subject);
    } else if (what === rangeKind.gcSweep) {
      // It belongs to the P; as long as the goroutine stays there, it is the goroutine's too.
      goroutine = this.#goroutines.get(event.goroutine);
      if (goroutine !== undefined) this.#sweeping.set(subject, goroutine);
    }
    if (isBegin) goroutine?.rangeBegin(name, time);
    else goroutine?.rangeActive(name, this.#syncTime);
  }

  #rangeEnd(event: TraceEvent): void {
    const { what, subject, time } = event;
    const name = this.#rangeName(event);
    this.#gc.end(what, subject, time, this.#generation!.string(event.text));
    if (what === rangeKind.markAssist || what === rangeKind.stopTheWorld) {
      this.#goroutines.get(subject)?.rangeEnd(name, time);
    } else if (what === rangeKind.gcSweep) {
      this.#gc.swept(event.value, event.value2);
      const goroutine = this.#sweeping.get(subject);
      if (goroutine !== undefined && goroutine.id === event.goroutine) goroutine.rangeEnd(name, time);
      this.#sweeping.delete(subject);
    }
  }

  #rangeName({ what, text }: TraceEvent): number {
    if (what === rangeKind.gcMark) return this.#ranges.gcMark;
    if (what === rangeKind.gcSweep) return this.#ranges.gcSweep;
    if (what === rangeKind.markAssist) return this.#ranges.markAssist;
    return (this.#stopNameOf[text] ??= this.#rangeNames.number(`stop-the-world (${this.#generation!.string(text)})`));
  }

  #metric({ what, value, time }: TraceEvent): void {
    this.#metrics[what] = value;
    if (what === metricKind.heapObjectsBytes) this.#gc.heapBytes(time, value);
    else if (what === metricKind.heapGoalBytes) this.#gc.goalBytes(value);
  }

  #task({ kind, subject, text, time, goroutine, value }: TraceEvent): void {
    const name = this.#generation!.string(text);
    this.#annotations.mention(subject);
    if (value !== none) this.#annotations.mention(value);
    if (kind === eventKind.taskBegin) this.#annotations.taskBegin(subject, name, time, goroutine);
    else this.#annotations.taskEnd(subject, name, time);
  }

  #log({ subject, text, text2, time, goroutine }: TraceEvent): void {
    const generation = this.#generation!;
    const [category, message] = [generation.string(text), generation.string(text2)];
    this.#annotations.mention(subject);
    this.#annotations.log({ time, goroutine, task: subject, category, message });
  }

  #regionBegin({ goroutine: id, subject, text, time }: TraceEvent): void {
    this.#annotations.mention(subject);
    const goroutine = this.#goroutines.get(id);
    if (goroutine === undefined) return;
    if (this.#openRegions >= this.limits.openRegions) {
      this.#annotations.notFollowed++;
      return;
    }
    this.#openRegions++;
    const name = this.#annotations.regionName(this.#generation!.string(text));
    (goroutine.regions ??= []).push({ task: subject, name, start: time, before: goroutine.times(time) });
  }

  /** The innermost region ends. One that began before the trace has no beginning, and no latency. */
  #regionEnd({ goroutine: id, subject, time }: TraceEvent): void {
    this.#annotations.mention(subject);
    const goroutine = this.#goroutines.get(id);
    if (goroutine?.regions == null || goroutine.regions.length === 0) return;
    this.#openRegions--;
    this.#closeRegion(goroutine, time);
  }

  #closeRegion(goroutine: Goroutine, time: number): void {
    const { name, start, before } = goroutine.regions!.pop()!;
    this.#annotations.region(name, time - start, difference(goroutine.times(time), before));
  }

  #reason(text: number): number {
    return (this.#reasonOf[text] ??= this.#reasons.number(this.#generation!.string(text)));
  }
}

function transitionCounts(resource: string, states: readonly string[], counts: Float64Array): NamedCount[] {
  const list: NamedCount[] = [];
  for (const [from, fromName] of states.entries()) {
    for (const [to, toName] of states.entries()) {
      const count = counts[from * states.length + to];
      if (count > 0) list.push({ name: `${resource} ${fromName}->${toName}`, count });
    }
  }
  return list;
}
