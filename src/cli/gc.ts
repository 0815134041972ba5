import {
  cyclePhases,
  type GcPhase,
  type GcSummary,
  gcSummary,
  gcTimeline,
  rowOfCycle,
} from '../analysis/gc-summary.js';
import { escapeControl } from '../analysis/text-escape.js';
import type { GcTrace } from '../formats/gctrace/gc-trace.js';
import type { GoLog } from '../formats/log/go-log.js';
import { CliFailure } from './failure.js';
import { type LogOptions, readLog, windowOf } from './log-input.js';
import { bytes, field, logAnswer, lossText, nanos, number, share, snakeCase, wallTime } from './log-text.js';
import { table, type Terminal } from './terminal.js';

export interface GcOptions extends LogOptions {
  /** Also the phases of the cycle with this number. */
  readonly cycle?: string;
}

/** Rows of the table over time. */
const windows = 12;
/** Processes shown; a crash loop has thousands. */
const shownLifetimes = 20;

/** `gc LOG`: what the gctrace lines of a log say, process by process. */
export async function printGc(path: string, options: GcOptions, out: Terminal): Promise<void> {
  const cycle = cycleNumber(options.cycle);
  const log = await readLog(path, options);
  const trace = log.gctrace;
  if (trace === null) throw new CliFailure('failed', `${escapeControl(path)} holds no gctrace lines.`);
  if (options.json) return out.print(JSON.stringify(answer(log, trace, options, cycle), null, 2));
  const { cycles, repaired, missing, periodic } = trace.counts;
  const facts = [
    field('Cycles', `${cycles} in ${trace.lifetimes.length} process${trace.lifetimes.length === 1 ? '' : 'es'}`),
    field(
      'Lines',
      `${log.lines}, ${repaired} put together again, ${missing} missing, ${periodic} after two idle minutes`,
    ),
    field('Clock', `${log.clock}${log.wrappers.length > 0 ? ` (${log.wrappers.join(', ')})` : ''}`),
  ];
  if (trace.cyclesPerRow > 1)
    facts.push(field('Merged', `up to ${trace.cyclesPerRow} cycles in a row: the log has many`));
  out.print([...facts, ...trace.losses.map(lossText)].join('\n'));
  const first = Math.max(0, trace.lifetimes.length - shownLifetimes);
  if (first > 0) out.remark(`${first} earlier processes are not shown`);
  for (let lifetime = first; lifetime < trace.lifetimes.length; lifetime++) {
    out.print(lifetimeText(trace, lifetime, options));
    if (cycle !== null) out.print(cycleText(trace, lifetime, cycle));
  }
}

function lifetimeText(trace: GcTrace, lifetime: number, options: LogOptions): string {
  const life = trace.lifetimes[lifetime];
  const started = wallTime(life.startedAtNanos);
  const head = `\nProcess ${lifetime + 1}: cycles ${life.firstNumber} to ${life.lastNumber}${started === null ? '' : `, started about ${started}`}`;
  const window = windowOf(options, lifeEnd(trace, lifetime));
  const summary = gcSummary(trace, lifetime, window);
  if (summary === null) return `${head}\n  no cycle in this window`;
  const lines = [head, ...summaryLines(summary).map((line) => `  ${line}`)];
  if (window === undefined && summary.cycles >= windows) lines.push('', timelineText(trace, lifetime));
  return lines.join('\n');
}

function summaryLines(s: GcSummary): string[] {
  const { pause, live, processors } = s;
  const slope = live.slopeBytesPerHour;
  const from = processors.min === processors.max ? '' : ` (${processors.min} to ${processors.max})`;
  return [
    field('Elapsed', `${nanos(s.fromNanos)} to ${nanos(s.toNanos)}, ${s.cycles} cycles`),
    field('GC per minute', s.cyclesPerMinute === null ? '-' : number(s.cyclesPerMinute)),
    field(
      'Pause',
      `p50 ${nanos(pause.p50Nanos)}, p99 ${nanos(pause.p99Nanos)}, max ${nanos(pause.maxNanos)}; ${share(pause.share)} of the time`,
    ),
    field(
      'GC CPU',
      `${share(s.cpuShare)} of ${processors.last} P${from}, idle workers ${share(s.idleCpuShare)}, since start ${s.cpuPercentSinceStart}%`,
    ),
    field('Assists', `${share(s.assistShare)} of GC CPU`),
    field(
      'Live heap',
      `${bytes(live.firstBytes)} to ${bytes(live.lastBytes)} (min ${bytes(live.minBytes)}, max ${bytes(live.maxBytes)}), ${slope === null ? '-' : `${slope < 0 ? '-' : '+'}${bytes(Math.abs(Math.round(slope)))}`} per hour`,
    ),
    field(
      'Goal',
      `${bytes(s.goalLastBytes)}; heap at the end of cycles ${share(s.goalRatio)} of it, ${share(s.overGoalShare)} of cycles above`,
    ),
    field('Forced', share(s.forcedShare)),
  ];
}

function timelineText(trace: GcTrace, lifetime: number): string {
  const rows = gcTimeline(trace, lifetime, windows).map((s) =>
    s === null
      ? null
      : [
          nanos(s.fromNanos),
          String(s.cycles),
          nanos(s.pause.p50Nanos),
          nanos(s.pause.maxNanos),
          share(s.cpuShare),
          share(s.assistShare),
          bytes(s.live.lastBytes),
          bytes(s.heapMaxBytes),
        ],
  );
  const header = ['from', 'cycles', 'p50', 'max', 'GC CPU', 'assists', 'live', 'heap max'];
  return indented(
    table(
      header,
      rows.filter((row) => row !== null),
      [0, 1, 2, 3, 4, 5, 6, 7],
    ),
  );
}

function cycleText(trace: GcTrace, lifetime: number, cycle: number): string {
  const row = rowOfCycle(trace, lifetime, cycle);
  if (row < 0) return `  cycle ${cycle} is not in the log`;
  const rows = cyclePhases(trace.cycles, row).map((phase) => [
    phase.phase,
    phase.stopTheWorld ? 'stop' : '',
    nanos(phase.startNanos),
    nanos(phase.durationNanos),
    nanos(phase.cpuNanos),
    phase.cpu === undefined ? '' : workers(phase.cpu),
  ]);
  const several = trace.cycles.count[row] > 1 ? `, means of ${trace.cycles.count[row]} merged cycles` : '';
  return `\n  Cycle ${cycle}${several}\n${indented(table(['phase', 'world', 'from', 'wall', 'CPU', ''], rows, [2, 3, 4]))}`;
}

function workers(cpu: NonNullable<GcPhase['cpu']>): string {
  return `assists ${nanos(cpu.assistNanos)}, workers ${nanos(cpu.backgroundNanos)}, idle ${nanos(cpu.idleNanos)}`;
}

function answer(log: GoLog, trace: GcTrace, options: GcOptions, cycle: number | null) {
  return {
    ...logAnswer(log),
    counts: trace.counts,
    losses: trace.losses,
    cycles_per_row: trace.cyclesPerRow,
    processes: trace.lifetimes.map((life, lifetime) => ({
      first_number: life.firstNumber,
      last_number: life.lastNumber,
      first_line: life.firstLine,
      last_line: life.lastLine,
      started_at: wallTime(life.startedAtNanos),
      summary: snakeCase(gcSummary(trace, lifetime, windowOf(options, lifeEnd(trace, lifetime)))),
      ...(cycle === null ? {} : { cycle: cycleAnswer(trace, lifetime, cycle) }),
    })),
  };
}

function cycleAnswer(trace: GcTrace, lifetime: number, cycle: number) {
  const row = rowOfCycle(trace, lifetime, cycle);
  if (row < 0) return null;
  const { count, firstLine } = trace.cycles;
  return {
    number: cycle,
    cycles: count[row],
    line: firstLine[row],
    phases: snakeCase(cyclePhases(trace.cycles, row)),
  };
}

/** Just behind the last cycle. */
function lifeEnd({ lifetimes, cycles }: GcTrace, lifetime: number): number {
  return cycles.lastEndNanos[lifetimes[lifetime].endRow - 1] + 1;
}

function cycleNumber(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^\d{1,15}$/.test(text)) throw new CliFailure('usage', `${escapeControl(text)} is not the number of a cycle.`);
  return Number(text);
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}
