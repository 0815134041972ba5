import type { Goroutine, GoroutineTimes } from './goroutine.js';
import { Amounts, type NamedNanos, type Names } from './names.js';

/** All goroutines that were started with one function, as on the goroutine page of `go tool trace`. */
export interface GoroutineGroup extends GoroutineTimes {
  readonly name: string;
  readonly count: number;
  /** Those that ended in the trace. */
  readonly ended: number;
  readonly blockByReason: readonly NamedNanos[];
  readonly ranges: readonly NamedNanos[];
  /** How long they were in the trace, added up. */
  readonly totalNanos: number;
}

export interface GoroutineEntry extends GoroutineTimes {
  readonly id: number;
  readonly name: string;
  readonly creation: number;
  /** When it first ran in the trace; null if it never did. */
  readonly firstRun: number | null;
  readonly end: number | null;
  readonly blockByReason: readonly NamedNanos[];
  readonly ranges: readonly NamedNanos[];
  readonly totalNanos: number;
  readonly longestBlock: { readonly start: number; readonly nanos: number } | null;
}

class Group {
  count = 0;
  ended = 0;
  execNanos = 0;
  schedWaitNanos = 0;
  blockNanos = 0;
  syscallNanos = 0;
  syscallBlockNanos = 0;
  totalNanos = 0;
  readonly blocked = new Amounts();
  readonly ranges = new Amounts();
}

/** Takes goroutines whose books are closed: adds them to their group, and keeps those that did the most. */
export class GoroutineGroups {
  readonly #groups: Group[] = [];
  #kept: Goroutine[] = [];
  #count = 0;
  /** What is below this is not kept. */
  #least = 0;

  constructor(
    private readonly names: Names,
    private readonly reasons: Names,
    private readonly rangeNames: Names,
    private readonly limit: number,
    /** These are kept whatever they did. */
    private readonly always: ReadonlySet<number>,
  ) {}

  add(goroutine: Goroutine): void {
    const group = (this.#groups[goroutine.name] ??= new Group());
    group.count++;
    if (goroutine.end >= 0) group.ended++;
    group.execNanos += goroutine.exec;
    group.schedWaitNanos += goroutine.schedWait;
    group.syscallNanos += goroutine.syscall;
    group.syscallBlockNanos += goroutine.syscallBlock;
    group.totalNanos += goroutine.total;
    goroutine.blocked.forEach((reason, nanos) => {
      group.blocked.add(reason, nanos);
      group.blockNanos += nanos;
    });
    goroutine.ranges?.forEach((range, nanos) => group.ranges.add(range, nanos));
    this.#count++;
    if (this.#weight(goroutine) < this.#least) return;
    this.#kept.push(goroutine);
    if (this.#kept.length >= 2 * this.limit) this.#prune();
  }

  get count(): number {
    return this.#count;
  }

  /** Groups with the most running time first, as go tool trace sorts them. */
  groups(): GoroutineGroup[] {
    return this.#groups
      .map(({ blocked, ranges, ...times }, name) => ({
        name: this.names.values[name],
        ...times,
        blockByReason: blocked.named(this.reasons),
        ranges: ranges.named(this.rangeNames),
      }))
      .filter((group) => group.count > 0)
      .sort((a, b) => b.execNanos - a.execNanos || b.count - a.count || (a.name < b.name ? -1 : 1));
  }

  /** The goroutines that were kept, by id. */
  entries(): GoroutineEntry[] {
    this.#prune();
    return this.#kept.toSorted((a, b) => a.id - b.id).map((goroutine) => this.#entry(goroutine));
  }

  #entry(goroutine: Goroutine): GoroutineEntry {
    const { id, creation, firstRun, end, longestBlock, longestBlockStart } = goroutine;
    return {
      id,
      name: this.names.values[goroutine.name],
      creation,
      firstRun: firstRun < 0 ? null : firstRun,
      end: end < 0 ? null : end,
      execNanos: goroutine.exec,
      schedWaitNanos: goroutine.schedWait,
      blockNanos: goroutine.blocked.sum,
      syscallNanos: goroutine.syscall,
      syscallBlockNanos: goroutine.syscallBlock,
      blockByReason: goroutine.blocked.named(this.reasons),
      ranges: goroutine.ranges?.named(this.rangeNames) ?? [],
      totalNanos: goroutine.total,
      longestBlock: longestBlockStart < 0 ? null : { start: longestBlockStart, nanos: longestBlock },
    };
  }

  #prune(): void {
    const kept = this.#kept;
    kept.sort((a, b) => compare(this.#weight(b), this.#weight(a)) || b.total - a.total || a.id - b.id);
    if (kept.length <= this.limit) return;
    // All of those that are kept always stand at the front.
    const pinned = kept.findIndex(({ id }) => !this.always.has(id));
    kept.length = Math.max(this.limit, pinned);
    this.#least = this.#weight(kept[kept.length - 1]);
  }

  #weight({ exec, schedWait, syscall, id }: Goroutine): number {
    return this.always.size > 0 && this.always.has(id) ? Infinity : exec + schedWait + syscall;
  }
}

/** Infinity minus itself is no number. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a - b;
}
