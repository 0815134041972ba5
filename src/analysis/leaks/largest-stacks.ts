/** Which stack of a group, or of a place, has the most of a snapshot. Each snapshot is gone through once. */
export class LargestStacks<Snapshot extends { readonly stacks: Int32Array }> {
  readonly #known = new Map<Snapshot, Map<number, number>>();

  /** @param groupOf of each stack, below 0: none */
  constructor(
    private readonly groupOf: Int32Array,
    private readonly valuesOf: (snapshot: Snapshot) => Float64Array,
  ) {}

  /** By group; those without anything are not in it, and of equal ones the first stack is. */
  of(snapshot: Snapshot): ReadonlyMap<number, number> {
    let largest = this.#known.get(snapshot);
    if (largest === undefined) this.#known.set(snapshot, (largest = this.#find(snapshot)));
    return largest;
  }

  #find(snapshot: Snapshot): Map<number, number> {
    const values = this.valuesOf(snapshot);
    const most = new Map<number, number>();
    const largest = new Map<number, number>();
    snapshot.stacks.forEach((stack, row) => {
      const group = this.groupOf[stack];
      if (group < 0 || !(values[row] > (most.get(group) ?? 0))) return;
      most.set(group, values[row]);
      largest.set(group, stack);
    });
    return largest;
  }
}
