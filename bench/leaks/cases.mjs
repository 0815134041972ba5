// Recorded series: a case per line of JSON, gzip. A case is what is known of one service over a while (LeakEvidence) and
// what is true of it.
//
//   { truth, functions: [text], files: [text],
//     frames: [[function, file, line]…],
//     stacks: [[state | null, created-by (function) | -1, [frame…]]…],
//     instances: [{ name, memory: [MemoryEvidence…], snapshots: [Snapshot…] }…] }
//
// Snapshot: { kind, id, at, build, start, stacks } with `stacks` ascending and delta-coded, and
//   goroutines: counts, leaked (absent: the snapshot does not say), ids and waits (absent: the snapshot does not list them)
//   heap: inuseObjects, inuseBytes, allocObjects, allocBytes, sampleBytes
//
// `ids` and `waits` are runs [value, times, value, times…] over all rows: of the differences between one id and the one
// before it (each row starts anew from the first id of the row before), and of the minutes themselves.
import { gunzipSync, gzipSync } from 'node:zlib';
import { readFileSync, writeFileSync } from 'node:fs';

/**
 * What is true of a case.
 *
 * @typedef {object} Truth
 * @property {string} name
 * @property {string} project the family: cases of one project never stand on both sides of tuning and judging
 * @property {'leak' | 'fixed' | 'healthy'} suite
 * @property {string} kind of the leak or of the load, in words
 * @property {string} go version
 * @property {string[]} labels regular expressions on `outermost function( [state]`, `main.` left out
 * @property {string[]} heapLabels regular expressions on functions
 * @property {'labelled'} [injected] of the program only what is labelled is put into other services; else all of it
 * @property {string} [twin] of a fixed case: the name of its buggy twin
 * @property {string} note
 */

/** @returns {{ truth: Truth, evidence: import('../../dist/analysis/leaks/evidence.js').LeakEvidence }[]} */
export function readCases(path) {
  return linesOf(path).map((line) => decodeCase(JSON.parse(line)));
}

export function writeCases(path, cases) {
  const text = cases.map((one) => JSON.stringify(encodeCase(one)) + '\n').join('');
  writeFileSync(path, gzipSync(text, { level: 9 }));
}

export function linesOf(path) {
  const bytes = readFileSync(path);
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  return text.split('\n').filter((line) => line !== '');
}

export function encodeCase({ truth, evidence }) {
  const functions = new Numbering();
  const files = new Numbering();
  const frames = new Numbering();
  const stacks = evidence.stacks.map(({ state, createdBy, frames: list }) => [
    state,
    createdBy === null ? -1 : functions.of(createdBy),
    list.map((frame) => frames.of(`${functions.of(frame.function)} ${files.of(frame.file)} ${frame.line}`)),
  ]);
  const instances = evidence.instances.map(({ name, memory, snapshots }) => ({
    name,
    memory,
    snapshots: snapshots.map(encodeSnapshot),
  }));
  return {
    truth,
    functions: functions.all,
    files: files.all,
    frames: frames.all.map((text) => text.split(' ').map(Number)),
    stacks,
    instances,
  };
}

export function decodeCase({ truth, functions, files, frames, stacks, instances }) {
  const table = frames.map(([f, file, line]) => ({ function: functions[f], file: files[file], line }));
  const evidence = {
    stacks: stacks.map(([state, createdBy, list]) => ({
      state,
      frames: list.map((frame) => table[frame]),
      createdBy: createdBy < 0 ? null : functions[createdBy],
    })),
    instances: instances.map(({ name, memory, snapshots }) => ({
      name,
      memory,
      snapshots: snapshots.map(decodeSnapshot),
    })),
  };
  return { truth, evidence };
}

function encodeSnapshot(snapshot) {
  const order = Array.from(snapshot.stacks, (_, row) => row).sort((a, b) => snapshot.stacks[a] - snapshot.stacks[b]);
  const column = (values) => order.map((row) => values[row]);
  const facts = {
    kind: snapshot.kind,
    id: snapshot.id,
    at: snapshot.atMillis,
    build: snapshot.build,
    start: snapshot.processStartMillis,
    stacks: deltas(column(snapshot.stacks)),
  };
  if (snapshot.kind === 'heap') {
    const { inuseObjects, inuseBytes, allocObjects, allocBytes, sampleBytes } = snapshot;
    return {
      ...facts,
      inuseObjects: column(inuseObjects),
      inuseBytes: column(inuseBytes),
      allocObjects: column(allocObjects),
      allocBytes: column(allocBytes),
      sampleBytes,
    };
  }
  const { counts, leaked, members } = snapshot;
  return {
    ...facts,
    counts: column(counts),
    ...(leaked === null ? {} : { leaked: column(leaked) }),
    ...(members === null ? {} : encodeMembers(members, order)),
  };
}

function encodeMembers({ start, ids, waitMinutes }, order) {
  const steps = [];
  const waits = [];
  let first = 0;
  for (const row of order) {
    let before = first;
    for (let i = start[row]; i < start[row + 1]; i++) {
      steps.push(ids[i] - before);
      waits.push(waitMinutes[i]);
      before = ids[i];
    }
    if (start[row] < start[row + 1]) first = ids[start[row]];
  }
  // The listed members of a row may be fewer than its count: goroutines beyond a limit of the dump.
  return { listed: order.map((row) => start[row + 1] - start[row]), ids: runs(steps), waits: runs(waits) };
}

function decodeSnapshot(snapshot) {
  const facts = {
    kind: snapshot.kind,
    id: snapshot.id,
    atMillis: snapshot.at,
    build: snapshot.build,
    processStartMillis: snapshot.start,
    stacks: Int32Array.from(sums(snapshot.stacks)),
  };
  if (snapshot.kind === 'heap') {
    return {
      ...facts,
      inuseObjects: Float64Array.from(snapshot.inuseObjects),
      inuseBytes: Float64Array.from(snapshot.inuseBytes),
      allocObjects: Float64Array.from(snapshot.allocObjects),
      allocBytes: Float64Array.from(snapshot.allocBytes),
      sampleBytes: snapshot.sampleBytes,
    };
  }
  return {
    ...facts,
    counts: Float64Array.from(snapshot.counts),
    leaked: snapshot.leaked === undefined ? null : Float64Array.from(snapshot.leaked),
    members: snapshot.ids === undefined ? null : decodeMembers(snapshot),
  };
}

function decodeMembers({ listed, ids: idRuns, waits }) {
  const start = Int32Array.from([0, ...sums(listed)]);
  const steps = unrun(idRuns);
  const ids = new Float64Array(steps.length);
  let first = 0;
  for (let row = 0; row < listed.length; row++) {
    let before = first;
    for (let i = start[row]; i < start[row + 1]; i++) ids[i] = before += steps[i];
    if (start[row] < start[row + 1]) first = ids[start[row]];
  }
  return { start, ids, waitMinutes: Int32Array.from(unrun(waits)) };
}

class Numbering {
  all = [];
  #numbers = new Map();

  of(key) {
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.all.push(key) - 1;
      this.#numbers.set(key, number);
    }
    return number;
  }
}

function deltas(values) {
  return values.map((value, i) => (i === 0 ? value : value - values[i - 1]));
}

function sums(values) {
  let sum = 0;
  return values.map((value) => (sum += value));
}

function runs(values) {
  const out = [];
  for (let i = 0; i < values.length;) {
    let end = i + 1;
    while (end < values.length && values[end] === values[i]) end++;
    out.push(values[i], end - i);
    i = end;
  }
  return out;
}

function unrun(list) {
  const out = [];
  for (let i = 0; i < list.length; i += 2) for (let n = 0; n < list[i + 1]; n++) out.push(list[i]);
  return out;
}
