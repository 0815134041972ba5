// What one ranking of one window was worth.
import { Labels, labelText } from './labels.mjs';
import { ofKind } from './windows.mjs';

const tierValue = { confirmed: 3, probable: 2, watch: 1 };

/** @returns {boolean} whether the ranking stands by it: a baseline, which has no tiers, stands by nothing */
export function alarming(suspect) {
  return (tierValue[suspect.tier] ?? 0) >= tierValue.probable;
}

/** Tier, then score: by what suspects of different services compare. */
export function weight(suspect) {
  return (tierValue[suspect.tier] ?? 0) * 1e6 + Math.min(suspect.score, 1e6 - 1);
}

const compiled = new WeakMap();

function labelsOf(truth) {
  let labels = compiled.get(truth);
  if (labels === undefined) compiled.set(truth, (labels = new Labels(truth)));
  return labels;
}

/**
 * The labels of goroutines that happen in the window: of at least one group there are more at the end than at the start,
 * in one instance or another.
 */
export function labelsThatGrow(evidence, truth) {
  const labels = labelsOf(truth);
  const byStack = evidence.stacks.map((stack) =>
    stack.state === null ? [] : labels.ofGoroutines({ kind: 'goroutine', state: stack.state, stack: stack.frames }),
  );
  const grown = new Set();
  for (const instance of evidence.instances) {
    const snapshots = ofKind(instance, 'goroutine');
    if (snapshots.length === 0) continue;
    const totals = new Map();
    const add = (snapshot, sign) =>
      snapshot.stacks.forEach((stack, row) => {
        for (const label of byStack[stack]) totals.set(label, (totals.get(label) ?? 0) + sign * snapshot.counts[row]);
      });
    add(snapshots.at(-1), 1);
    if (snapshots.length > 1) add(snapshots[0], -1);
    for (const [label, total] of totals) if (total > 0) grown.add(label);
  }
  return grown;
}

/**
 * @param suspects best first
 * @param grown numbers of the labels of goroutines that can be found
 * @returns ranks (0: not found) and weights of the labelled suspects, per kind
 */
export function outcomeOf(suspects, truth, grown) {
  const labels = labelsOf(truth);
  const goroutines = suspects.filter((one) => one.kind === 'goroutine');
  const heap = suspects.filter((one) => one.kind === 'heap');
  const goroutine = kindOutcome(goroutines, (one) => labels.ofGoroutines(one), grown);
  const ofHeap = new Set(labels.heap.map((_, i) => i));
  return {
    goroutine,
    heap: kindOutcome(heap, (one) => labels.ofHeap(one), ofHeap),
    heapStack: kindOutcome(heap, (one) => labels.ofHeapStack(one), ofHeap),
    /** Of any kind, by the function or any frame. */
    overallRank: 1 + suspects.findIndex((one) => labels.ofGoroutines(one).length + labels.ofHeapStack(one).length > 0),
    alarms: suspects.filter(alarming).length,
    goroutineAlarms: goroutines.filter(alarming).length,
    heapAlarms: heap.filter(alarming).length,
    top: suspects.reduce((most, one) => Math.max(most, weight(one)), 0),
    topGoroutine: goroutines.reduce((most, one) => Math.max(most, weight(one)), 0),
    topHeap: heap.reduce((most, one) => Math.max(most, weight(one)), 0),
  };
}

function kindOutcome(suspects, labelsOfSuspect, findable) {
  let rank = 0;
  let weightOfBest = 0;
  let probable = false;
  const early = new Set();
  suspects.forEach((suspect, i) => {
    const matched = labelsOfSuspect(suspect);
    if (matched.length === 0) return;
    if (rank === 0) rank = i + 1;
    weightOfBest = Math.max(weightOfBest, weight(suspect));
    probable ||= alarming(suspect);
    if (i < 5) for (const label of matched) early.add(label);
  });
  const found = [...findable].filter((label) => early.has(label)).length;
  return { rank, recall5: findable.size === 0 ? 0 : found / findable.size, weight: weightOfBest, probable };
}

/** A suspect in one line, with what its score is made of. */
export function described(suspect, truth) {
  const labels = labelsOf(truth);
  const mark = labels.ofGoroutines(suspect).length + labels.ofHeapStack(suspect).length > 0 ? '*' : ' ';
  const what = suspect.kind === 'goroutine' ? labelText(suspect) : suspect.function;
  const factors = (suspect.factors ?? []).map(({ name, value, detail }) => `${name} ${round(value)} (${detail})`);
  const tier = suspect.tier ?? '';
  return `${mark} ${round(suspect.score)} ${tier} ${what} < ${suspect.createdBy ?? '-'}\n        ${factors.join(', ')}`;
}

function round(value) {
  return Number(value.toPrecision(3));
}
