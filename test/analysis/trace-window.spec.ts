import { TraceSummarizer } from '../../src/analysis/trace/summarizer.js';
import { TraceWindow, type TraceWindowResult } from '../../src/analysis/trace/window.js';
import { TraceReader } from '../../src/formats/exectrace/reader.js';
import { traceBytes } from '../formats/trace-fixtures.js';

const bytes = traceBytes('go1.26-cpusamples.trace');

function windowOf(query: ConstructorParameters<typeof TraceWindow>[0]): TraceWindowResult {
  const window = new TraceWindow(query);
  const reader = new TraceReader(window);
  reader.push(bytes);
  reader.end();
  return window.result();
}

const summarizer = new TraceSummarizer();
const whole = new TraceReader(summarizer);
whole.push(bytes);
whole.end();
const summary = summarizer.summary();
const everything = windowOf({ from: 0, to: summary.end, goroutines: null, limit: 1e6 });

describe('a window of an execution trace', () => {
  it('that is as long as the trace holds every event', () => {
    expect(everything.events).toHaveLength(summary.events);
    expect(everything.leftOut).toBe(0);
  });

  it('holds exactly the events from its beginning to its end, both included', () => {
    const { events } = everything;
    const [first, last] = [events[1000], events[1500]];
    const part = windowOf({ from: first.time, to: last.time, goroutines: null, limit: 1e6 });
    expect(part.events).toEqual(events.slice(1000, 1501));
  });

  it('keeps the last events when more happened than it may hold, and counts the rest', () => {
    const { events } = everything;
    const query = { from: events[100].time, to: events[600].time, goroutines: null };
    const few = windowOf({ ...query, limit: 30 });
    expect(few.events).toEqual(events.slice(571, 601));
    expect(few.leftOut).toBe(501 - 30);
  });

  it('of one goroutine ends with its block and shows who had woken it', () => {
    const goroutine = summary.goroutines.find(({ name }) => name === 'main.main')!;
    const { start } = goroutine.longestBlock!;
    const { events, atStart } = windowOf({ from: 0, to: start, goroutines: new Set([goroutine.id]), limit: 1e6 });
    expect(events.at(-1)).toMatchObject({ kind: 'goroutine', subject: goroutine.id, to: 'Waiting', time: start });
    expect(events.at(-1)!.stack.length).toBeGreaterThan(0);
    for (const { goroutine: context, subject, kind } of events) {
      expect(context === goroutine.id || (kind === 'goroutine' && subject === goroutine.id)).toBe(true);
    }
    const wakeUp = events.find(
      ({ from, to, subject }) => from === 'Waiting' && to === 'Runnable' && subject === goroutine.id,
    )!;
    expect(wakeUp.goroutine).not.toBe(goroutine.id);
    expect(wakeUp.goroutineName).not.toBe('');
    expect(atStart).toEqual([]);
  });

  it('says what a goroutine was doing when it opened', () => {
    const goroutine = summary.goroutines.find(({ name }) => name === 'main.main')!;
    const { start, nanos } = goroutine.longestBlock!;
    const { atStart, events } = windowOf({
      from: start + 1,
      to: start + nanos - 1,
      goroutines: new Set([goroutine.id]),
      limit: 10,
    });
    expect(events).toEqual([]);
    expect(atStart).toMatchObject([{ goroutine: goroutine.id, name: 'main.main', state: 'Waiting', since: start }]);
    expect(atStart[0].reason).not.toBe('');
  });

  it('is over once its end has passed, so that the rest need not be read', () => {
    const window = new TraceWindow({ from: 0, to: 1e6, goroutines: null, limit: 10 });
    const reader = new TraceReader(window);
    let pushed = 0;
    while (!window.isOver) reader.push(bytes.subarray(pushed, (pushed += 1000)));
    expect(pushed).toBeLessThan(bytes.length);
  });
});
