import { readFileSync } from 'node:fs';
import { stackProfileOf } from '../../src/analysis/from-pprof.js';
import type { StackProfile } from '../../src/analysis/stack-profile.js';
import { delayProfileNames } from '../../src/analysis/trace/delay-profiles.js';
import { TraceSummarizer } from '../../src/analysis/trace/summarizer.js';
import {
  eventKind,
  goStateNames,
  procStateNames,
  type TraceEvent,
  type TraceGeneration,
} from '../../src/formats/exectrace/events.js';
import { TraceReader } from '../../src/formats/exectrace/reader.js';
import { decodePprof } from '../../src/formats/pprof/decode.js';
import { goldenTraces } from '../formats/trace-fixtures.js';
import { delayProfileByGo, describeWithTraceTool, eventsByGo } from '../oracle/trace.js';

/** `contentions delay` by stack. */
function rows({ nodes, tree, symbols, values }: StackProfile): Map<string, string> {
  const map = new Map<string, string>();
  nodes.forEach((leaf, row) => {
    const frames: string[] = [];
    for (let node = leaf; node > 0; node = tree.parent[node]) {
      const frame = tree.frame[node];
      const [name, file] = [symbols.functions[symbols.frameFunction[frame]], symbols.files[symbols.frameFile[frame]]];
      frames.push(`${name} ${file}:${symbols.frameLine[frame]}`);
    }
    map.set(frames.join(';'), values.map((column) => column[row]).join(' '));
  });
  return map;
}

/** An event in the words of `go tool trace -d=parsed`, up to where kinds differ. */
function inGoWords(event: TraceEvent, generation: TraceGeneration | null): string {
  const kinds = {
    sync: 'Sync',
    goroutine: 'StateTransition',
    proc: 'StateTransition',
    rangeBegin: 'RangeBegin',
    rangeActive: 'RangeActive',
    rangeEnd: 'RangeEnd',
    metric: 'Metric',
    label: 'Label',
    taskBegin: 'TaskBegin',
    taskEnd: 'TaskEnd',
    regionBegin: 'RegionBegin',
    regionEnd: 'RegionEnd',
    log: 'Log',
    cpuSample: 'StackSample',
    experimental: 'Experimental',
  };
  const { kind, thread, proc, goroutine, subject, from, to, time } = event;
  const name = (Object.keys(eventKind) as (keyof typeof eventKind)[])[kind];
  const absolute = (generation?.baseNanos ?? 0n) + BigInt(time);
  let words = `M=${thread} P=${proc} G=${goroutine} ${kinds[name]} Time=${absolute}`;
  if (kind === eventKind.goroutine) {
    const reason = JSON.stringify(generation!.string(event.text));
    words += ` GoID=${subject} ${goStateNames[from]}->${goStateNames[to]} Reason=${reason}`;
  }
  if (kind === eventKind.proc) words += ` ProcID=${subject} ${procStateNames[from]}->${procStateNames[to]} Reason=""`;
  if (kind === eventKind.metric) words += ` Name=`;
  return words;
}

// A few are enough for every run; all of them together take minutes.
const traces = goldenTraces().filter(({ path }) => !path.includes('conformance') && !path.includes('net-http'));

describeWithTraceTool('against go tool trace', () => {
  it.each(traces.slice(0, 9))('the delay profiles of $name are those of -pprof', ({ path }) => {
    const summarizer = new TraceSummarizer();
    const reader = new TraceReader(summarizer);
    reader.push(readFileSync(path));
    reader.end();
    const { profiles } = summarizer.summary();
    for (const name of delayProfileNames) {
      const theirs = rows(stackProfileOf(decodePprof(delayProfileByGo(name, path))).stacks);
      expect(rows(profiles[name])).toEqual(theirs);
    }
  });

  it.each(traces.slice(0, 9))(
    'the events of $name are those of -d=parsed, with their contexts and times',
    ({ path }) => {
      const theirs = eventsByGo(path);
      let generation: TraceGeneration | null = null;
      let count = 0;
      const reader = new TraceReader({
        generation: (next) => void (generation = next),
        event: (event) => {
          const expected = theirs[count++];
          const words = inGoWords(event, generation);
          if (!expected.startsWith(words)) expect(expected).toBe(words);
        },
      });
      reader.push(readFileSync(path));
      reader.end();
      expect(count).toBe(theirs.length);
    },
  );
});
