// Whether a place is what a case is labelled with.

/** Runtime frames below the function that a `go` statement started, which only profiles show. */
const belowAll = /^runtime\.(goexit\d*|main)$/;

/** What the labels of goroutines are written for: `outermost function() [state]`, `main.` left out. */
export function labelText({ state, stack }) {
  let last = stack.length - 1;
  while (last > 0 && belowAll.test(stack[last].function)) last--;
  const outermost = stack[last]?.function ?? '';
  return `${outermost.replace(/^main\./, '')}() [${state}]`;
}

export class Labels {
  constructor({ labels, heapLabels }) {
    this.goroutine = labels.map((text) => new RegExp(text));
    this.heap = heapLabels.map((text) => new RegExp(text));
  }

  /** @returns {number[]} the labels that the place matches */
  ofGoroutines(suspect) {
    if (suspect.kind !== 'goroutine') return [];
    const text = labelText(suspect);
    return indicesOf(this.goroutine, (label) => label.test(text));
  }

  /** By the function that the ranking tells to open. */
  ofHeap(suspect) {
    if (suspect.kind !== 'heap') return [];
    return indicesOf(this.heap, (label) => label.test(suspect.function));
  }

  /** By any frame of the stack. */
  ofHeapStack(suspect) {
    if (suspect.kind !== 'heap') return [];
    return indicesOf(this.heap, (label) => suspect.stack.some((frame) => label.test(frame.function)));
  }
}

function indicesOf(list, test) {
  return list.flatMap((one, i) => (test(one) ? [i] : []));
}
