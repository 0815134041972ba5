// Parts of recorded series: the last or the first snapshots of them, every n-th, or those of one process.

/** Of `length` things `count`, evenly spread, the first and the last among them. @returns {number[]} indices */
export function spread(length, count) {
  if (length <= count) return Array.from({ length }, (_, i) => i);
  if (count === 1) return [length - 1];
  return Array.from({ length: count }, (_, i) => Math.round((i * (length - 1)) / (count - 1)));
}

/** The moments of an instance: its snapshots of one kind, by time. */
export function ofKind(instance, kind) {
  return instance.snapshots.filter((one) => one.kind === kind).sort((a, b) => a.atMillis - b.atMillis);
}

/**
 * The evidence with `count` moments per instance, evenly spread over the whole, of each kind of snapshot. A kind that an
 * instance has fewer of stays as it is.
 */
export function thinned(evidence, count) {
  return mapKinds(evidence, (snapshots) => spread(snapshots.length, count).map((i) => snapshots[i]));
}

/**
 * The evidence between two shares of each instance's time, in snapshots: `between(evidence, 0, 3, 9)` has the first three
 * ninths. Every kind of snapshot is cut alike.
 */
export function between(evidence, from, to, of) {
  return mapKinds(evidence, (snapshots) =>
    snapshots.slice(Math.round((from * snapshots.length) / of), Math.round((to * snapshots.length) / of)),
  );
}

export function mapKinds(evidence, choose) {
  return {
    stacks: evidence.stacks,
    instances: evidence.instances.map((instance) => {
      const kinds = [...new Set(instance.snapshots.map((one) => one.kind))];
      const snapshots = kinds.flatMap((kind) => choose(ofKind(instance, kind)));
      const times = snapshots.map((one) => one.atMillis);
      const [first, last] = [Math.min(...times), Math.max(...times)];
      const memory = instance.memory.filter(({ atMillis }) => atMillis >= first && atMillis <= last);
      return { name: instance.name, snapshots, memory };
    }),
  };
}

/**
 * The longest series of an instance without a restart: one build, one process start, and neither the highest goroutine id
 * nor what was ever allocated goes down.
 */
export function longestLifetime(snapshots) {
  let best = [];
  let current = [];
  for (const one of snapshots) {
    const before = current.at(-1);
    const restarted =
      before !== undefined &&
      (before.processStartMillis !== one.processStartMillis ||
        before.build !== one.build ||
        progressOf(one) < progressOf(before));
    current = restarted ? [one] : [...current, one];
    if (current.length > best.length) best = current;
  }
  return best;
}

/** What only ever rises in a process; 0 where the snapshot shows nothing of the kind. */
function progressOf(snapshot) {
  if (snapshot.kind === 'heap') return snapshot.allocBytes.reduce((sum, bytes) => sum + bytes, 0);
  return snapshot.members === null ? 0 : snapshot.members.ids.reduce((max, id) => Math.max(max, id), 0);
}
