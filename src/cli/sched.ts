import { type SchedSummary, schedSummary, type Spread } from '../analysis/sched-summary.js';
import { escapeControl } from '../analysis/text-escape.js';
import type { GoLog } from '../formats/log/go-log.js';
import {
  goroutineStatus,
  processorStatus,
  type SchedBlock,
  type SchedTrace,
} from '../formats/schedtrace/sched-trace.js';
import { CliFailure } from './failure.js';
import { type LogOptions, readLog, windowOf } from './log-input.js';
import { field, logAnswer, lossText, nanos, number, share, snakeCase, wallTime } from './log-text.js';
import { table, type Terminal } from './terminal.js';

/** Processes and Ps shown. */
const shownLifetimes = 20;
const shownProcessors = 64;

/** `sched LOG`: what the SCHED lines of a log say, process by process, and the last block of scheddetail. */
export async function printSched(path: string, options: LogOptions, out: Terminal): Promise<void> {
  const log = await readLog(path, options);
  const trace = log.schedtrace;
  if (trace === null) throw new CliFailure('failed', `${escapeControl(path)} holds no schedtrace lines.`);
  if (options.json) return out.print(JSON.stringify(answer(log, trace, options), null, 2));
  const { samples, repaired } = trace.counts;
  const facts = [
    field('Samples', `${samples} in ${trace.lifetimes.length} process${trace.lifetimes.length === 1 ? '' : 'es'}`),
    field('Lines', `${log.lines}, ${repaired} put together again`),
    field('Clock', `${log.clock}${log.wrappers.length > 0 ? ` (${log.wrappers.join(', ')})` : ''}`),
  ];
  if (trace.samplesPerRow > 1)
    facts.push(field('Merged', `up to ${trace.samplesPerRow} samples in a row: the log has many`));
  out.print([...facts, ...trace.losses.map(lossText)].join('\n'));
  const first = Math.max(0, trace.lifetimes.length - shownLifetimes);
  if (first > 0) out.remark(`${first} earlier processes are not shown`);
  for (let lifetime = first; lifetime < trace.lifetimes.length; lifetime++) {
    const started = wallTime(trace.lifetimes[lifetime].startedAtNanos);
    out.print(`\nProcess ${lifetime + 1}${started === null ? '' : `, first traced about ${started}`}`);
    const summary = schedSummary(trace, lifetime, windowOf(options, Infinity));
    out.print(summary === null ? '  no sample in this window' : summaryText(summary));
  }
  const block = trace.detail?.kept.at(-1);
  if (block !== undefined) out.print(blockText(block));
}

function summaryText(s: SchedSummary): string {
  const lines = [
    field('Elapsed', `${nanos(s.fromNanos)} to ${nanos(s.toNanos)}, ${s.samples} samples`),
    field('Ps', `${range(s.gomaxprocs)}, idle ${share(s.idleShare)}`),
    field('Global queue', `mean ${number(s.runqueue.mean)}, max ${s.runqueue.max}`),
    field(
      'Threads',
      `${s.threads.first} to ${s.threads.last} (max ${s.threads.max}), spinning mean ${number(s.spinningthreads.mean)}, parked mean ${number(s.idlethreads.mean)}`,
    ),
    field('Spinning', `max ${s.spinningthreads.max}, needed in ${share(s.needspinningShare)} of samples`),
    field('Queued', `mean ${number(s.queuedMean)}; while a P is idle in ${share(s.queuedWhileIdleShare)} of samples`),
  ];
  if (s.localLongest !== null) {
    const uneven = s.queueImbalance === null ? 'nothing queued' : `${number(s.queueImbalance)} x the mean`;
    const calls = s.tickImbalance === null ? '' : `; scheduler calls ${number(s.tickImbalance)} x the mean`;
    lines.push(
      field(
        'Local queues',
        `longest ${s.localLongest.max}, ${uneven} on the busiest P, lopsided in ${share(s.lopsidedShare)} of samples${calls}`,
      ),
    );
  }
  const rows = s.processors
    .slice(0, shownProcessors)
    .map((p, index) => [`P${index}`, number(p.queueMean), String(p.queueMax), String(p.ticks)]);
  if (rows.length > 0) lines.push('', table(['P', 'queue mean', 'queue max', 'calls'], rows, [1, 2, 3]));
  return lines.join('\n').replace(/^(?=.)/gm, '  ');
}

function blockText(block: SchedBlock): string {
  const { goroutines, threads, processors } = block;
  const counts = new Map<string, number>();
  for (let i = 0; i < goroutines.rows; i++) {
    const reason = goroutines.waitReason[i];
    const what = `${goroutineStatus(goroutines.status[i])}${reason === null ? '' : `: ${escapeControl(reason)}`}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  const rows = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([what, n]) => [String(n), what]);
  const states = Array.from(processors.status, processorStatus);
  const blocked = threads.blocked.reduce((a, b) => a + b, 0);
  return [
    `\nLast block, line ${block.line}, at ${nanos(block.nanos)}`,
    field(
      'Ps',
      states
        .map((state, i) => `P${processors.id[i]} ${state}`)
        .slice(0, shownProcessors)
        .join(', '),
    ),
    field('Ms', `${threads.rows}, ${blocked} parked`),
    table(['Gs', 'status'], rows, [0]),
  ].join('\n');
}

function range({ min, max }: Spread): string {
  return min === max ? String(min) : `${min} to ${max}`;
}

function answer(log: GoLog, trace: SchedTrace, options: LogOptions) {
  const { detail } = trace;
  return {
    ...logAnswer(log),
    counts: snakeCase(trace.counts),
    losses: trace.losses,
    samples_per_row: trace.samplesPerRow,
    processes: trace.lifetimes.map((life, lifetime) => ({
      first_line: life.firstLine,
      last_line: life.lastLine,
      started_at: wallTime(life.startedAtNanos),
      summary: snakeCase(schedSummary(trace, lifetime, windowOf(options, Infinity))),
    })),
    detail:
      detail === null
        ? null
        : {
            blocks: detail.blocks,
            goroutines: [...detail.goroutinesByStatus].map(([status, { sum, max }]) => ({
              status: goroutineStatus(status),
              mean: sum / detail.blocks,
              max,
            })),
            waiting: [...detail.waiting].map(([reason, { sum, max }]) => ({ reason, mean: sum / detail.blocks, max })),
          },
  };
}
