import type { LabelSet } from './dump.js';
import type { GoroutineDumpLimits } from './limits.js';

/** Distinct label sets by number. */
export class LabelSets {
  readonly sets: LabelSet[] = [];
  /** Goroutines that lost their labels, or some of them, to a limit. */
  dropped = 0;
  readonly #numbers = new Map<string, number>();
  #characters = 0;

  constructor(private readonly limits: GoroutineDumpLimits) {}

  /** -1 where there is no room for the set. */
  intern(labels: LabelSet): number {
    const { labelsPerSet, nameBytes, labelSets, stringBytes } = this.limits;
    const long = labels.some(({ key, value }) => key.length > nameBytes || value.length > nameBytes);
    const kept =
      long || labels.length > labelsPerSet
        ? labels
            .slice(0, labelsPerSet)
            .map(({ key, value }) => ({ key: key.slice(0, nameBytes), value: value.slice(0, nameBytes) }))
        : labels;
    if (kept !== labels) this.dropped++;
    const text = JSON.stringify(kept.map(({ key, value }) => [key, value]));
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    if (this.sets.length >= labelSets || this.#characters + text.length > stringBytes) {
      if (kept === labels) this.dropped++;
      return -1;
    }
    this.#characters += text.length;
    this.#numbers.set(text, this.sets.length);
    return this.sets.push(kept) - 1;
  }
}
