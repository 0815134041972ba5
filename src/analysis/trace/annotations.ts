import { DurationHistogram, type DurationSummary } from './duration-histogram.js';
import type { GoroutineTimes } from './goroutine.js';
import { Longest } from './longest.js';
import { Names } from './names.js';

export interface TaskGroup {
  readonly name: string;
  readonly begun: number;
  /** Latencies of those that began and ended in the trace. */
  readonly latency: DurationSummary;
  /** Begun and not ended. */
  readonly open: number;
  /** Ended, but begun before the trace. */
  readonly endOnly: number;
}

export interface SlowTask {
  readonly id: number;
  readonly name: string;
  readonly start: number;
  readonly nanos: number;
  /** Goroutine that began it. */
  readonly goroutine: number;
}

export interface RegionGroup extends GoroutineTimes {
  readonly name: string;
  readonly latency: DurationSummary;
}

export interface LogEntry {
  readonly time: number;
  readonly goroutine: number;
  readonly task: number;
  readonly category: string;
  readonly message: string;
}

export interface AnnotationSummary {
  /** Distinct tasks, also those that are only mentioned. */
  readonly taskCount: number;
  readonly tasks: readonly TaskGroup[];
  readonly slowestTasks: readonly SlowTask[];
  readonly regions: readonly RegionGroup[];
  /** The last ones. */
  readonly logs: readonly LogEntry[];
  readonly logCounts: readonly { readonly category: string; readonly count: number }[];
  /** Tasks or regions that were open beyond the limit and left out. */
  readonly notFollowed: number;
}

export interface AnnotationLimits {
  readonly taskNames: number;
  readonly regionNames: number;
  readonly openTasks: number;
  readonly slowestTasks: number;
  readonly logs: number;
  readonly logCategories: number;
}

interface OpenTask {
  readonly name: number;
  readonly start: number;
  readonly goroutine: number;
}

class TaskTally {
  begun = 0;
  endOnly = 0;
  readonly latency = new DurationHistogram();
}

class RegionTally {
  readonly latency = new DurationHistogram();
  execNanos = 0;
  schedWaitNanos = 0;
  blockNanos = 0;
  syscallNanos = 0;
  syscallBlockNanos = 0;
}

/** Tasks, regions and logs of runtime/trace's user annotations. */
export class Annotations {
  readonly #taskNames: Names;
  readonly #regionNames: Names;
  readonly #categories: Names;
  readonly #tasks: TaskTally[] = [];
  readonly #regions: RegionTally[] = [];
  readonly #open = new Map<number, OpenTask>();
  readonly #slowest: Longest<SlowTask>;
  readonly #seen = new Set<number>();
  readonly #logs: LogEntry[] = [];
  readonly #logCounts: number[] = [];
  #logCount = 0;
  notFollowed = 0;

  constructor(private readonly limits: AnnotationLimits) {
    this.#taskNames = new Names(limits.taskNames);
    this.#regionNames = new Names(limits.regionNames);
    this.#categories = new Names(limits.logCategories);
    this.#slowest = new Longest(limits.slowestTasks);
  }

  /** A task is mentioned. Beyond the limit, tasks are not counted. */
  mention(task: number): void {
    if (this.#seen.size < 2 * this.limits.openTasks) this.#seen.add(task);
  }

  taskBegin(task: number, name: string, time: number, goroutine: number): void {
    const number = this.#taskNames.number(name);
    this.#task(number).begun++;
    if (this.#open.size >= this.limits.openTasks) this.notFollowed++;
    else this.#open.set(task, { name: number, start: time, goroutine });
  }

  taskEnd(task: number, name: string, time: number): void {
    const open = this.#open.get(task);
    if (open === undefined) {
      this.#task(this.#taskNames.number(name)).endOnly++;
      return;
    }
    this.#open.delete(task);
    const nanos = time - open.start;
    this.#task(open.name).latency.add(nanos);
    const { start, goroutine } = open;
    this.#slowest.add({ id: task, name: this.#taskNames.values[open.name], start, nanos, goroutine });
  }

  regionName(name: string): number {
    return this.#regionNames.number(name);
  }

  region(name: number, nanos: number, times: GoroutineTimes): void {
    const tally = (this.#regions[name] ??= new RegionTally());
    tally.latency.add(nanos);
    tally.execNanos += times.execNanos;
    tally.schedWaitNanos += times.schedWaitNanos;
    tally.blockNanos += times.blockNanos;
    tally.syscallNanos += times.syscallNanos;
    tally.syscallBlockNanos += times.syscallBlockNanos;
  }

  log(entry: LogEntry): void {
    const category = this.#categories.number(entry.category);
    this.#logCounts[category] = (this.#logCounts[category] ?? 0) + 1;
    this.#logs[this.#logCount++ % this.limits.logs] = entry;
  }

  summary(): AnnotationSummary {
    const open = new Map<number, number>();
    for (const { name } of this.#open.values()) open.set(name, (open.get(name) ?? 0) + 1);
    const first = this.#logCount % this.limits.logs;
    const logs =
      this.#logCount <= this.limits.logs ? this.#logs : [...this.#logs.slice(first), ...this.#logs.slice(0, first)];
    return {
      taskCount: this.#seen.size,
      tasks: this.#tasks
        .map(({ begun, endOnly, latency }, number) => {
          const name = this.#taskNames.values[number];
          return { name, begun, latency: latency.summary(), open: open.get(number) ?? 0, endOnly };
        })
        .filter((group) => group !== undefined)
        .sort((a, b) => b.latency.totalNanos - a.latency.totalNanos),
      slowestTasks: this.#slowest.ranked(),
      regions: this.#regions
        .map(({ latency, ...times }, name) => ({
          name: this.#regionNames.values[name],
          latency: latency.summary(),
          ...times,
        }))
        .filter((group) => group !== undefined)
        .sort((a, b) => b.latency.totalNanos - a.latency.totalNanos),
      logs,
      logCounts: this.#logCounts
        .map((count, category) => ({ category: this.#categories.values[category], count }))
        .filter((entry) => entry !== undefined)
        .sort((a, b) => b.count - a.count),
      notFollowed: this.notFollowed,
    };
  }

  #task(name: number): TaskTally {
    return (this.#tasks[name] ??= new TaskTally());
  }
}
