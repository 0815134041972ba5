import { rangeKind } from '../../formats/exectrace/events.js';
import { DurationHistogram, type DurationSummary } from './duration-histogram.js';
import { Longest } from './longest.js';

export interface GcCycle {
  readonly start: number;
  /** Of the concurrent mark phase. */
  readonly nanos: number;
}

export interface StopTheWorld {
  readonly start: number;
  readonly nanos: number;
  /** What for, such as `GC mark termination`. */
  readonly kind: string;
  /** Id of the goroutine that asked for it. */
  readonly goroutine: number;
}

export interface HeapSample {
  readonly time: number;
  readonly heapBytes: number;
  /** 0 before the goal is known, and while it is off. */
  readonly goalBytes: number;
}

export interface GcSummary {
  /** In the order of time; where there are more than fit, the longest. */
  readonly cycles: readonly GcCycle[];
  readonly stopTheWorlds: readonly StopTheWorld[];
  readonly cycleTimes: DurationSummary;
  readonly stopTheWorldTimes: DurationSummary;
  readonly markAssistTimes: DurationSummary;
  readonly sweepTimes: DurationSummary;
  readonly sweptBytes: number;
  readonly reclaimedBytes: number;
  /** Heap in use and the collector's goal over time, thinned so that the peaks stay. */
  readonly heap: readonly HeapSample[];
}

interface OpenStop {
  readonly goroutine: number;
  readonly kind: string;
  readonly start: number;
}

/** Collections, stops of the world, and the heap. */
export class GcTimeline {
  readonly #cycles: Longest<GcCycle>;
  readonly #stops: Longest<StopTheWorld>;
  readonly #heap: HeapSamples;
  readonly #cycleTimes = new DurationHistogram();
  readonly #stopTimes = new DurationHistogram();
  readonly #assistTimes = new DurationHistogram();
  readonly #sweepTimes = new DurationHistogram();
  #cycleStart: number | null = null;
  /** The world is stopped by one goroutine at a time; it may do so for two reasons. */
  #openStops: OpenStop[] = [];
  readonly #assists = new Map<number, number>();
  readonly #sweeps = new Map<number, number>();
  #sweptBytes = 0;
  #reclaimedBytes = 0;

  constructor(limits: { readonly gcCycles: number; readonly stopTheWorlds: number; readonly heapSamples: number }) {
    this.#cycles = new Longest(limits.gcCycles);
    this.#stops = new Longest(limits.stopTheWorlds);
    this.#heap = new HeapSamples(limits.heapSamples);
  }

  begin(kind: number, subject: number, time: number, name: string): void {
    if (kind === rangeKind.gcMark) this.#cycleStart ??= time;
    else if (kind === rangeKind.markAssist) this.#assists.set(subject, time);
    else if (kind === rangeKind.gcSweep) this.#sweeps.set(subject, time);
    else if (this.#openStops.length < 64) this.#openStops.push({ goroutine: subject, kind: name, start: time });
  }

  /** What goes on at the beginning of a generation began then at the latest. */
  active(kind: number, subject: number, time: number): void {
    if (kind === rangeKind.gcMark) this.#cycleStart ??= time;
    else if (kind === rangeKind.markAssist && !this.#assists.has(subject)) this.#assists.set(subject, time);
    else if (kind === rangeKind.gcSweep && !this.#sweeps.has(subject)) this.#sweeps.set(subject, time);
  }

  end(kind: number, subject: number, time: number, name: string): void {
    if (kind === rangeKind.gcMark) {
      if (this.#cycleStart === null) return;
      const cycle = { start: this.#cycleStart, nanos: time - this.#cycleStart };
      this.#cycleTimes.add(cycle.nanos);
      this.#cycles.add(cycle);
      this.#cycleStart = null;
    } else if (kind === rangeKind.stopTheWorld) {
      const index = this.#openStops.findIndex((stop) => stop.goroutine === subject && stop.kind === name);
      if (index < 0) return;
      const [{ start }] = this.#openStops.splice(index, 1);
      this.#stopTimes.add(time - start);
      this.#stops.add({ start, nanos: time - start, kind: name, goroutine: subject });
    } else {
      const open = kind === rangeKind.markAssist ? this.#assists : this.#sweeps;
      const start = open.get(subject);
      if (start === undefined) return;
      open.delete(subject);
      (kind === rangeKind.markAssist ? this.#assistTimes : this.#sweepTimes).add(time - start);
    }
  }

  swept(bytes: number, reclaimed: number): void {
    this.#sweptBytes += bytes;
    this.#reclaimedBytes += reclaimed;
  }

  heapBytes(time: number, bytes: number): void {
    this.#heap.add(time, bytes);
  }

  goalBytes(bytes: number): void {
    this.#heap.goalBytes = bytes;
  }

  summary(): GcSummary {
    return {
      cycles: this.#cycles.inOrder(),
      stopTheWorlds: this.#stops.inOrder(),
      cycleTimes: this.#cycleTimes.summary(),
      stopTheWorldTimes: this.#stopTimes.summary(),
      markAssistTimes: this.#assistTimes.summary(),
      sweepTimes: this.#sweepTimes.summary(),
      sweptBytes: this.#sweptBytes,
      reclaimedBytes: this.#reclaimedBytes,
      heap: this.#heap.list(),
    };
  }
}

/** A series that is thinned by half whenever it is full; of two neighbours the larger heap stays. */
class HeapSamples {
  goalBytes = 0;
  #samples: HeapSample[] = [];
  /** So many samples become one. */
  #stride = 1;
  #inStride = 0;
  #peak: HeapSample | null = null;
  #last: HeapSample | null = null;

  constructor(private readonly limit: number) {}

  add(time: number, heapBytes: number): void {
    const sample = { time, heapBytes, goalBytes: this.goalBytes };
    this.#last = sample;
    if (this.#peak === null || heapBytes > this.#peak.heapBytes) this.#peak = sample;
    if (++this.#inStride < this.#stride) return;
    this.#samples.push(this.#peak);
    this.#peak = null;
    this.#inStride = 0;
    if (this.#samples.length < this.limit) return;
    this.#samples = this.#samples.filter((sample, i, all) => {
      const other = all[i ^ 1];
      return (
        other === undefined ||
        sample.heapBytes > other.heapBytes ||
        (sample.heapBytes === other.heapBytes && i % 2 === 0)
      );
    });
    this.#stride *= 2;
  }

  /** The series, up to the last sample. */
  list(): HeapSample[] {
    const list = [...this.#samples];
    if (this.#peak !== null) list.push(this.#peak);
    if (this.#last !== null && list.at(-1) !== this.#last) list.push(this.#last);
    return list;
  }
}
