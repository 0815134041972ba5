import { readFileSync } from 'node:fs';
import { eventKind, type TraceSink } from '../../src/formats/exectrace/events.js';
import { TraceReader } from '../../src/formats/exectrace/reader.js';
import { FormatError } from '../../src/formats/format-error.js';
import { goldenTraces, readerGoldens } from './trace-fixtures.js';

function read(bytes: Uint8Array): { events: number; syncs: number; fault: FormatError | null; generations: number } {
  let syncs = 0;
  let events = 0;
  const sink: TraceSink = {
    generation() {},
    event({ kind }) {
      events++;
      if (kind === eventKind.sync) syncs++;
    },
  };
  const reader = new TraceReader(sink);
  let fault: FormatError | null = null;
  try {
    reader.push(bytes);
    reader.end();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    fault = error;
  }
  return { events, syncs, fault, generations: reader.generations };
}

describe('the reader of execution traces', () => {
  it.each(goldenTraces())('gives the events of Go for $name', ({ path, golden }) => {
    const { events, syncs, fault, generations } = read(readFileSync(path));
    expect({ events, syncs, fault }).toEqual({ events: golden.Events, syncs: golden.Syncs, fault: null });
    expect(generations).toBe(syncs - 1);
  });

  // Format versions that Go's reader has given up.
  const isOld = (path: string): boolean => /^go 1\.(?:\d|10) /.test(readFileSync(path).toString('latin1', 0, 16));
  const goldens = readerGoldens();
  const old = goldens.filter(({ path }) => isOld(path));

  // Those are in the larger collection beside the repository, where there is one.
  if (goldens.length > 0) {
    it('stops where Go stops, after the same events', () => {
      for (const { name, path, events, syncs, error } of goldens) {
        const ours = read(readFileSync(path));
        expect({ name, events: ours.events, syncs: ours.syncs }).toEqual({ name, events, syncs });
        expect({ name, isFault: ours.fault !== null }).toEqual({ name, isFault: error !== '' });
      }
    });
  }

  it('refuses traces of Go 1.10 and older by their version', () => {
    const made = ['1.5', '1.7', '1.10'].map((version) => Buffer.from(`go ${version} trace`.padEnd(16, '\0'), 'latin1'));
    for (const bytes of [...made, ...old.map(({ path }) => readFileSync(path))]) {
      const { fault, events } = read(bytes);
      expect(events).toBe(0);
      expect(fault).toMatchObject({ fault: 'unrecognized' });
      expect(fault!.message).toMatch(/format go 1\.\d+ \(Go 1\.10 or older\)/);
    }
  });
});
