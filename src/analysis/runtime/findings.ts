import { factsOf, type InstanceFacts } from './instance-facts.js';
import { levelPoints } from './growth.js';
import type { RuntimeWindow } from './runtime-window.js';
import { thresholdTable, type ThresholdName, type Thresholds } from './thresholds.js';
import { moment } from './timeline-answer.js';
import { bytes, bytesPerHour, count, hours, millis, named, percent, rate } from './words.js';

export const findingCodes = [
  'gc-cpu',
  'gc-pauses',
  'gc-frequency',
  'gc-assists',
  'gc-forced',
  'heap-nearly-full',
  'near-memory-limit',
  'near-container-limit',
  'memory-not-returned',
  'memory-returned',
  'off-heap-memory',
  'run-queue-lopsided',
  'threads-growing',
  'goroutines-growing',
  'goroutine-state-growing',
  'goroutine-state-dominating',
  'live-heap-growing',
] as const;
export type FindingCode = (typeof findingCodes)[number];

export const severities = ['critical', 'warning', 'info'] as const;
export type Severity = (typeof severities)[number];

/** Something that an engineer should look at, with the numbers that say so. */
export interface Finding {
  code: FindingCode;
  severity: Severity;
  /** Of the instance where it is worst. */
  sentence: string;
  /** Of each instance that it is true of, the worst first, at most 20 of them. */
  evidence: Evidence[];
  /** What was exceeded. */
  threshold: { name: ThresholdName; value: number; unit: string };
  /** How many instances it is true of. */
  instances: number;
}

export interface Evidence {
  series: string;
  instance: string;
  from: string;
  to: string;
  /** An integer as a decimal string, a ratio or rate as a number. */
  value: string | number;
  unit: string;
}

const instancesShown = 20;

/** What a rule found in one instance. */
interface Hit {
  readonly code: FindingCode;
  /** Tells findings of one code apart: a goroutine state. */
  readonly subject?: string;
  readonly threshold: ThresholdName;
  /** What exceeds the threshold, in its unit. */
  readonly measure: number;
  readonly severity: Severity;
  readonly sentence: string;
  readonly evidence: readonly Omit<Evidence, 'instance' | 'from' | 'to'>[];
}

type Rule = (facts: InstanceFacts, thresholds: Thresholds) => Hit | null | readonly Hit[];

/** All findings in a window, the most severe first. Which instance came first makes no difference. */
export function findings(window: RuntimeWindow, thresholds: Thresholds): Finding[] {
  const groups = new Map<string, { facts: InstanceFacts; hit: Hit }[]>();
  for (const facts of factsOf(window)) {
    for (const rule of rules) {
      for (const hit of [rule(facts, thresholds) ?? []].flat()) {
        const key = JSON.stringify([hit.code, hit.subject]);
        const group = groups.get(key);
        if (group === undefined) groups.set(key, [{ facts, hit }]);
        else group.push({ facts, hit });
      }
    }
  }
  const order = (code: FindingCode): number => findingCodes.indexOf(code);
  return [...groups.values()]
    .map((group) => findingOf(group, thresholds))
    .sort(
      (a, b) =>
        severities.indexOf(a.severity) - severities.indexOf(b.severity) ||
        order(a.code) - order(b.code) ||
        (a.sentence < b.sentence ? -1 : 1),
    );
}

function findingOf(group: { facts: InstanceFacts; hit: Hit }[], thresholds: Thresholds): Finding {
  group.sort((a, b) => b.hit.measure - a.hit.measure || (a.facts.instance < b.facts.instance ? -1 : 1));
  const [{ facts, hit }] = group;
  const others = group.length - 1;
  const where = others === 0 ? '' : `; the same on ${others} other ${others === 1 ? 'instance' : 'instances'}`;
  const { threshold: name } = hit;
  return {
    code: hit.code,
    severity: group.reduce(
      (worst, one) => (severities.indexOf(one.hit.severity) < severities.indexOf(worst) ? one.hit.severity : worst),
      hit.severity,
    ),
    sentence: `${named(facts.instance)}: ${hit.sentence}${where}.`,
    evidence: group.slice(0, instancesShown).flatMap((one) =>
      one.hit.evidence.map((evidence) => ({
        ...evidence,
        instance: one.facts.instance,
        from: moment(one.facts.fromMillis),
        to: moment(one.facts.toMillis),
      })),
    ),
    threshold: { name, value: thresholds[name], unit: thresholdTable[name].unit },
    instances: group.length,
  };
}

const ratio = (series: string, value: number) => ({ series, value, unit: 'ratio' });
const size = (series: string, value: number) => ({ series, value: String(Math.round(value)), unit: 'bytes' });

/** Twice a bound, or half of what was left above one that cannot exceed 1. */
function severe(measure: number, bound: number, most = Infinity): Severity {
  return measure > Math.min(bound * 2, most === Infinity ? Infinity : (bound + most) / 2) ? 'critical' : 'warning';
}

const gcCpu: Rule = (facts, { gc_cpu_share: bound }) => {
  const share = facts.value('gc_cpu_share');
  if (share === null || share <= bound) return null;
  const when = facts.basis('gc_cpu_share') === 'since-start' ? ' since the process started' : '';
  return {
    code: 'gc-cpu',
    threshold: 'gc_cpu_share',
    measure: share,
    severity: severe(share, bound),
    sentence: `the garbage collector takes ${percent(share)} of the CPU time${when}, more than ${percent(bound)}`,
    evidence: [ratio('gc_cpu_share', share)],
  };
};

const gcPauses: Rule = (facts, { gc_pause_p99_ms: bound }) => {
  const p99 = facts.value('gc_pause_p99');
  if (p99 === null || p99 / 1e6 <= bound) return null;
  const of = facts.basis('gc_pause_p99') === 'cycles' ? `of ${pausedCycles(facts)} cycles` : 'of the last 256 cycles';
  const pause = (series: string) => ({
    series,
    value: String(Math.round(facts.value(series) ?? 0)),
    unit: 'nanoseconds',
  });
  return {
    code: 'gc-pauses',
    threshold: 'gc_pause_p99_ms',
    measure: p99 / 1e6,
    severity: severe(p99 / 1e6, bound * 5),
    sentence: `99 % ${of} stop the world for up to ${millis(p99)}, more than ${rate(bound)} ms`,
    evidence: ['gc_pause_p99', 'gc_pause_p50', 'gc_pause_max'].filter((name) => facts.value(name) !== null).map(pause),
  };
};

function pausedCycles({ cycles }: InstanceFacts): number {
  return cycles.reduce((sum, cycle) => sum + cycle.count, 0);
}

const gcFrequency: Rule = (facts, { gc_cycles_per_minute: bound }) => {
  const perMinute = facts.value('gc_cycles_per_minute');
  if (perMinute === null || perMinute <= bound) return null;
  return {
    code: 'gc-frequency',
    threshold: 'gc_cycles_per_minute',
    measure: perMinute,
    severity: severe(perMinute, bound * 2),
    sentence: `${rate(perMinute)} garbage collections a minute, more than ${rate(bound)}: a larger GOGC would make them rarer`,
    evidence: [{ series: 'gc_cycles_per_minute', value: perMinute, unit: 'per_minute' }],
  };
};

const gcAssists: Rule = (facts, { gc_assist_share: bound }) => {
  const share = facts.value('gc_assist_share');
  if (share === null || share <= bound) return null;
  return {
    code: 'gc-assists',
    threshold: 'gc_assist_share',
    measure: share,
    severity: 'warning',
    sentence: `goroutines that allocate do ${percent(share)} of the collector's work (mark assists), more than ${percent(bound)}: requests wait for it`,
    evidence: [ratio('gc_assist_share', share)],
  };
};

const gcForced: Rule = (facts, { forced_gcs_per_hour: bound }) => {
  const counted = facts.perHour('gc_forced_count');
  const perHour = counted ?? forcedInLog(facts);
  if (perHour === null || perHour <= bound) return null;
  return {
    code: 'gc-forced',
    threshold: 'forced_gcs_per_hour',
    measure: perHour,
    severity: 'warning',
    sentence: `${rate(perHour)} collections an hour are forced by runtime.GC or debug.FreeOSMemory, more than ${rate(bound)}`,
    evidence: [{ series: 'gc_forced_count', value: perHour, unit: 'per_hour' }],
  };
};

function forcedInLog({ cycles }: InstanceFacts): number | null {
  const elapsed = cycles.length < 2 ? 0 : cycles[cycles.length - 1].atMillis - cycles[0].atMillis;
  return elapsed > 0 ? (cycles.reduce((sum, { forced }) => sum + forced, 0) * 3_600_000) / elapsed : null;
}

const heapNearlyFull: Rule = (facts, { heap_alloc_share: bound }) => {
  const [alloc, sys] = [facts.value('heap_alloc'), facts.value('heap_sys')];
  if (alloc === null || sys === null || sys === 0 || alloc / sys <= bound) return null;
  return {
    code: 'heap-nearly-full',
    threshold: 'heap_alloc_share',
    measure: alloc / sys,
    severity: 'info',
    sentence: `HeapAlloc is ${percent(alloc / sys)} of HeapSys (${bytes(alloc)} of ${bytes(sys)}), more than ${percent(bound)}: the heap has little room before it asks the system for more`,
    evidence: [size('heap_alloc', alloc), size('heap_sys', sys)],
  };
};

const nearMemoryLimit: Rule = (facts, { memory_limit_share: bound }) => {
  const [footprint, limit] = [facts.value('footprint'), facts.value('memory_limit')];
  if (footprint === null || limit === null || limit === 0 || footprint / limit <= bound) return null;
  return {
    code: 'near-memory-limit',
    threshold: 'memory_limit_share',
    measure: footprint / limit,
    severity: severe(footprint / limit, bound, 1),
    sentence: `the Go runtime holds ${bytes(footprint)}, ${percent(footprint / limit)} of GOMEMLIMIT (${bytes(limit)}): close to the limit it collects more and more often`,
    evidence: [size('footprint', footprint), size('memory_limit', limit)],
  };
};

const nearContainerLimit: Rule = (facts, { container_limit_share: bound }) => {
  const series = facts.value('container_usage') === null ? 'rss' : 'container_usage';
  const [used, limit] = [facts.value(series), facts.value('container_limit')];
  if (used === null || limit === null || limit === 0 || used / limit <= bound) return null;
  return {
    code: 'near-container-limit',
    threshold: 'container_limit_share',
    measure: used / limit,
    severity: severe(used / limit, bound, 1),
    sentence: `${bytes(used)} are in use, ${percent(used / limit)} of the container's limit (${bytes(limit)}): beyond it the kernel kills the process`,
    evidence: [size(series, used), size('container_limit', limit)],
  };
};

const notReturned: Rule = (facts, { idle_unreturned_bytes: bound }) => {
  const [idle, released] = [facts.value('heap_idle'), facts.value('heap_released')];
  if (idle === null || released === null || idle - released <= bound) return null;
  return {
    code: 'memory-not-returned',
    threshold: 'idle_unreturned_bytes',
    measure: idle - released,
    severity: 'info',
    sentence: `${bytes(idle - released)} of the heap are idle and have not been returned to the system (HeapIdle ${bytes(idle)}, HeapReleased ${bytes(released)}): they count as memory of the process, though nothing is in them`,
    evidence: [size('heap_idle', idle), size('heap_released', released)],
  };
};

const returned: Rule = (facts, { returned_bytes: bound }) => {
  const [released, sys] = [facts.value('heap_released'), facts.value('heap_sys')];
  if (released === null || released <= bound) return null;
  const of = sys === null ? '' : ` of ${bytes(sys)} that the heap once took`;
  return {
    code: 'memory-returned',
    threshold: 'returned_bytes',
    measure: released,
    severity: 'info',
    sentence: `${bytes(released)}${of} have been returned to the system: Sys still counts them, the RSS does not`,
    evidence: [size('heap_released', released), ...(sys === null ? [] : [size('heap_sys', sys)])],
  };
};

const offHeap: Rule = (facts, { off_heap_bytes: bound }) => {
  const [rss, footprint] = [facts.value('rss'), facts.value('footprint')];
  if (rss === null || footprint === null || rss - footprint <= bound) return null;
  return {
    code: 'off-heap-memory',
    threshold: 'off_heap_bytes',
    measure: rss - footprint,
    severity: 'warning',
    sentence: `the RSS (${bytes(rss)}) is ${bytes(rss - footprint)} above what the Go runtime holds (${bytes(footprint)}): memory of cgo, mapped files or the binary, which no heap profile shows`,
    evidence: [size('rss', rss), size('footprint', footprint)],
  };
};

const lopsided: Rule = ({ schedulerSamples }, { lopsided_share: bound }) => {
  const samples = schedulerSamples.reduce((sum, sample) => sum + sample.count, 0);
  const odd = schedulerSamples.reduce((sum, sample) => sum + sample.lopsided, 0);
  if (samples === 0 || odd / samples <= bound) return null;
  const longest = schedulerSamples.reduce((most, sample) => Math.max(most, sample.longestLocalQueue ?? 0), 0);
  return {
    code: 'run-queue-lopsided',
    threshold: 'lopsided_share',
    measure: odd / samples,
    severity: 'warning',
    sentence: `in ${percent(odd / samples)} of ${samples} scheduler samples one P has a long run queue (up to ${count(longest)} goroutines) while at least half of the Ps have none`,
    evidence: [
      ratio('lopsided_samples', odd / samples),
      { series: 'longest_local_run_queue', value: count(longest), unit: 'count' },
    ],
  };
};

/** Of something that is counted: threads, goroutines. */
function counting(code: FindingCode, threshold: ThresholdName, series: string, why: string): Rule {
  return (facts, thresholds) => {
    const growth = facts.growth(series);
    const bound = thresholds[threshold];
    if (growth === null || !growth.steady || growth.perHour <= bound) return null;
    return {
      code,
      threshold,
      measure: growth.perHour,
      severity: severe(growth.perHour, bound * 5),
      sentence: `${series} grow by ${rate(growth.perHour)} an hour, from ${count(growth.first)} to ${count(growth.last)} in ${hours(growth.hours)}${why}`,
      evidence: [
        { series, value: growth.perHour, unit: 'per_hour' },
        { series, value: count(growth.last), unit: 'count' },
      ],
    };
  };
}

const stateGrowing: Rule = (facts, { goroutine_state_per_hour: bound }) =>
  [...facts.states].flatMap(([state, series]) => {
    const growth = facts.trend(levelPoints(series));
    if (growth === null || !growth.steady || growth.perHour <= bound) return [];
    return [
      {
        code: 'goroutine-state-growing' as const,
        subject: state,
        threshold: 'goroutine_state_per_hour' as const,
        measure: growth.perHour,
        severity: severe(growth.perHour, bound * 5),
        sentence: `goroutines in “${named(state)}” grow by ${rate(growth.perHour)} an hour, from ${count(growth.first)} to ${count(growth.last)} in ${hours(growth.hours)}`,
        evidence: [{ series: `goroutine_state ${state}`, value: growth.perHour, unit: 'per_hour' }],
      },
    ];
  });

/** These do not block: nobody waits in them. */
const notBlocked = new Set(['running', 'runnable', 'idle']);

const stateDominating: Rule = (facts, { goroutine_state_share: bound, goroutine_state_count: least }) => {
  const inside = ({ atMillis }: { readonly atMillis: number }): boolean =>
    atMillis >= facts.fromMillis && atMillis < facts.toMillis;
  const last = [...facts.states].map(([state, series]) => ({
    state,
    held: levelPoints(series).filter(inside).at(-1)?.value ?? 0,
  }));
  const total = last.reduce((sum, { held }) => sum + held, 0);
  return last
    .filter(({ state, held }) => !notBlocked.has(state) && held > least && held / total > bound)
    .map(({ state, held }) => ({
      code: 'goroutine-state-dominating',
      subject: state,
      threshold: 'goroutine_state_share',
      measure: held / total,
      severity: 'info',
      sentence: `${count(held)} of ${count(total)} goroutines (${percent(held / total)}) wait in “${named(state)}”`,
      evidence: [
        ratio(`goroutine_state ${state}`, held / total),
        { series: `goroutine_state ${state}`, value: count(held), unit: 'count' },
      ],
    }));
};

const liveHeapGrowing: Rule = (facts, { live_heap_bytes_per_hour: bound }) => {
  const live = facts.liveHeap();
  if (live === null || !live.growth.steady || live.growth.perHour <= bound) return null;
  const { growth, basis } = live;
  const known = basis === 'heap_live' ? '' : ' (judged by what HeapAlloc comes down to after collections)';
  return {
    code: 'live-heap-growing',
    threshold: 'live_heap_bytes_per_hour',
    measure: growth.perHour,
    severity: severe(growth.perHour, bound * 5),
    sentence: `the live heap grows by ${bytesPerHour(growth.perHour)}, from ${bytes(growth.first)} to ${bytes(growth.last)} in ${hours(growth.hours)}${known}`,
    evidence: [
      {
        series: basis === 'heap_live' ? 'heap_live' : 'heap_alloc',
        value: Math.round(growth.perHour),
        unit: 'bytes_per_hour',
      },
    ],
  };
};

const rules: readonly Rule[] = [
  gcCpu,
  gcPauses,
  gcFrequency,
  gcAssists,
  gcForced,
  heapNearlyFull,
  nearMemoryLimit,
  nearContainerLimit,
  notReturned,
  returned,
  offHeap,
  lopsided,
  counting(
    'threads-growing',
    'threads_per_hour',
    'threads',
    ': each thread that blocks in a system call or in C takes one more',
  ),
  counting('goroutines-growing', 'goroutines_per_hour', 'goroutines', ''),
  stateGrowing,
  stateDominating,
  liveHeapGrowing,
];
