import type {
  EvidenceFrame,
  EvidenceStack,
  GoroutineMembers,
  InstanceEvidence,
  LeakEvidence,
  MemoryEvidence,
  StackEvidence,
} from './evidence.js';

/**
 * The same evidence in the one order that everything else relies on: stacks by state, frames from the leaf and creator,
 * rows by stack, snapshots by time, instances by name. So sums of fractions, and which of two equals comes first, do not
 * depend on how it came. What is in order already, as EvidenceBuilder leaves it, is looked through and not copied.
 */
export function inOrder({ stacks, instances }: LeakEvidence): LeakEvidence {
  const order = orderOf(stacks);
  const numberOf = order === null ? null : inverse(order);
  return {
    stacks: order === null ? stacks : Array.from(order, (stack) => stacks[stack]),
    instances: merged(instances).map(({ name, snapshots, memory }) => ({
      name,
      snapshots: snapshots.map((snapshot) => renumbered(snapshot, numberOf)).sort(compareSnapshots),
      memory: memory.toSorted(compareMoments),
    })),
  };
}

export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Null: they are in order. */
function orderOf(stacks: readonly EvidenceStack[]): Int32Array | null {
  const isSorted = stacks.every((stack, i) => i === 0 || compareStacks(stacks[i - 1], stack) <= 0);
  if (isSorted) return null;
  return Int32Array.from(stacks.keys()).sort((a, b) => compareStacks(stacks[a], stacks[b]) || a - b);
}

function compareStacks(a: EvidenceStack, b: EvidenceStack): number {
  return compareKnown(a.state, b.state) || compareFrames(a.frames, b.frames) || compareKnown(a.createdBy, b.createdBy);
}

function compareKnown(a: string | null, b: string | null): number {
  if (a === null || b === null) return Number(a !== null) - Number(b !== null);
  return compare(a, b);
}

function compareFrames(a: readonly EvidenceFrame[], b: readonly EvidenceFrame[]): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    if (a[i] === b[i]) continue;
    const difference = compare(a[i].function, b[i].function) || compare(a[i].file, b[i].file) || a[i].line - b[i].line;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function inverse(order: Int32Array): Int32Array {
  const places = new Int32Array(order.length);
  order.forEach((stack, place) => (places[stack] = place));
  return places;
}

/** Instances by name; what is said of one in several places is of one instance. */
function merged(instances: readonly InstanceEvidence[]): InstanceEvidence[] {
  const byName = new Map<string, InstanceEvidence>();
  for (const instance of instances) {
    const known = byName.get(instance.name);
    byName.set(
      instance.name,
      known === undefined
        ? instance
        : {
            name: instance.name,
            snapshots: [...known.snapshots, ...instance.snapshots],
            memory: [...known.memory, ...instance.memory],
          },
    );
  }
  return [...byName.values()].sort((a, b) => compare(a.name, b.name));
}

/**
 * The same snapshot with other numbers for its stacks, its rows in their order.
 *
 * @param numberOf the new number of each stack; null: as they are
 */
export function renumbered(snapshot: StackEvidence, numberOf: Int32Array | null): StackEvidence {
  const stacks = numberOf === null ? snapshot.stacks : snapshot.stacks.map((stack) => numberOf[stack]);
  if (stacks.every((stack, row) => row === 0 || stacks[row - 1] < stack)) return { ...snapshot, stacks };
  const order = rowsByStack(stacks);
  const sorted = (column: Float64Array): Float64Array => {
    const values = new Float64Array(order.length);
    for (let row = 0; row < values.length; row++) values[row] = column[order[row]];
    return values;
  };
  const inOrder = Int32Array.from(order, (row) => stacks[row]);
  if (snapshot.kind === 'heap') {
    return {
      ...snapshot,
      stacks: inOrder,
      inuseObjects: sorted(snapshot.inuseObjects),
      inuseBytes: sorted(snapshot.inuseBytes),
      allocObjects: sorted(snapshot.allocObjects),
      allocBytes: sorted(snapshot.allocBytes),
    };
  }
  return {
    ...snapshot,
    stacks: inOrder,
    counts: sorted(snapshot.counts),
    leaked: snapshot.leaked && sorted(snapshot.leaked),
    members: snapshot.members && reorderedMembers(snapshot.members, order),
  };
}

/** Numbers sort by themselves many times as fast as by a function. */
function rowsByStack(stacks: Int32Array): Int32Array {
  const keys = Float64Array.from(stacks, (stack, row) => stack * stacks.length + row).sort();
  return Int32Array.from(keys, (key) => key % stacks.length);
}

/** The members of a snapshot's rows in another order. */
export function reorderedMembers({ start, ids, waitMinutes }: GoroutineMembers, order: Int32Array): GoroutineMembers {
  const sorted = {
    start: new Int32Array(start.length),
    ids: new Float64Array(ids.length),
    waitMinutes: new Int32Array(waitMinutes.length),
  };
  order.forEach((row, place) => {
    const at = sorted.start[place];
    sorted.ids.set(ids.subarray(start[row], start[row + 1]), at);
    sorted.waitMinutes.set(waitMinutes.subarray(start[row], start[row + 1]), at);
    sorted.start[place + 1] = at + start[row + 1] - start[row];
  });
  return sorted;
}

/** Of one moment a heap comes first: it tells by its counters whether the process is a new one. */
const kinds = ['heap', 'goroutine', 'goroutineleak'];

export function compareSnapshots(a: StackEvidence, b: StackEvidence): number {
  return (
    a.atMillis - b.atMillis ||
    kinds.indexOf(a.kind) - kinds.indexOf(b.kind) ||
    compare(a.id, b.id) ||
    compare(a.build, b.build) ||
    total(a) - total(b)
  );
}

function total(snapshot: StackEvidence): number {
  return (snapshot.kind === 'heap' ? snapshot.inuseBytes : snapshot.counts).reduce((sum, value) => sum + value, 0);
}

export function compareMoments(a: MemoryEvidence, b: MemoryEvidence): number {
  return a.atMillis - b.atMillis || compare(memoryKey(a), memoryKey(b));
}

function memoryKey(moment: MemoryEvidence): string {
  return JSON.stringify(Object.entries(moment).sort(([a], [b]) => compare(a, b)));
}
