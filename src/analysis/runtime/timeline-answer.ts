import type { Stat } from '../timeline-buckets.js';
import type { InstanceRuntime, RuntimeWindow } from './runtime-window.js';
import { type Basis, type Meaning, type RuntimeLine, runtimeLines } from './runtime-steps.js';
import { shown } from './scaled.js';

/** The shapes of the REST API and of `--json`: times are RFC 3339, integers decimal strings, fractions numbers. */
export interface RuntimeTimelineAnswer {
  readonly from: string;
  readonly to: string;
  readonly step_seconds: number;
  readonly stat: Stat;
  readonly instances: RuntimeInstanceAnswer[];
  readonly markers: RuntimeMarker[];
  readonly series: RuntimeSeriesAnswer[];
}

export interface RuntimeInstanceAnswer {
  readonly name: string;
  readonly sources: string[];
  readonly lifetimes: { readonly from: string; readonly to: string; readonly evidence: string | null }[];
}

export interface RuntimeMarker {
  readonly at: string;
  readonly type: 'restart' | 'build';
  readonly instance: string | null;
  /** What shows the restart, or the build. */
  readonly detail: string;
}

export interface RuntimeSeriesAnswer {
  readonly name: string;
  readonly unit: string;
  readonly meaning: Meaning;
  readonly state: string | null;
  readonly instance: string | null;
  readonly other: boolean;
  readonly sources: string[];
  readonly basis: Basis | null;
  readonly covered_seconds: number;
  readonly points: RuntimePointAnswer[];
}

export interface RuntimePointAnswer {
  readonly at: string;
  readonly value: string | number;
  readonly per_second: number | null;
  readonly covered_seconds: number;
}

export interface TimelineOptions {
  readonly edges: readonly number[];
  readonly stepSeconds: number;
  readonly stat: Stat;
  readonly byInstance?: boolean;
  /** Builds that appeared, from whoever knows of them. */
  readonly builds?: readonly { readonly atMillis: number; readonly build: string }[];
}

export function runtimeTimeline(window: RuntimeWindow, options: TimelineOptions): RuntimeTimelineAnswer {
  const { stepSeconds, stat, builds = [] } = options;
  return {
    from: moment(window.fromMillis),
    to: moment(window.toMillis),
    step_seconds: stepSeconds,
    stat,
    instances: window.instances.map(instanceAnswer),
    markers: markersOf(window, builds),
    series: runtimeLines(window, options).map(seriesAnswer),
  };
}

export function moment(millis: number): string {
  return new Date(millis).toISOString();
}

function instanceAnswer({ instance, sources, lifetimes }: InstanceRuntime): RuntimeInstanceAnswer {
  return {
    name: instance,
    sources: [...sources],
    lifetimes: lifetimes.map(({ firstAtMillis, lastAtMillis, evidence }) => ({
      from: moment(firstAtMillis),
      to: moment(lastAtMillis),
      evidence,
    })),
  };
}

/** More than these nobody can tell apart in a chart; the youngest stay. */
const maxMarkers = 1_000;

function markersOf(
  { fromMillis, toMillis, instances }: RuntimeWindow,
  builds: readonly { readonly atMillis: number; readonly build: string }[],
): RuntimeMarker[] {
  const inside = ({ atMillis }: { atMillis: number }): boolean => atMillis >= fromMillis && atMillis < toMillis;
  const restarts = instances.flatMap(({ instance, lifetimes }) =>
    lifetimes.flatMap(({ firstAtMillis, evidence }) =>
      evidence === null ? [] : [{ atMillis: firstAtMillis, type: 'restart' as const, instance, detail: evidence }],
    ),
  );
  const appeared = builds.map(({ atMillis, build }) => ({
    atMillis,
    type: 'build' as const,
    instance: null,
    detail: build,
  }));
  return [...restarts, ...appeared]
    .filter(inside)
    .sort((a, b) => a.atMillis - b.atMillis)
    .slice(-maxMarkers)
    .map(({ atMillis, ...marker }) => ({ at: moment(atMillis), ...marker }));
}

function seriesAnswer({ coveredMillis, points, ...line }: RuntimeLine): RuntimeSeriesAnswer {
  return {
    ...line,
    sources: [...line.sources],
    covered_seconds: coveredMillis / 1000,
    points: points.map((point) => ({
      at: moment(point.atMillis),
      value: shown(point.value, line.unit),
      per_second: point.perSecond,
      covered_seconds: point.coveredMillis / 1000,
    })),
  };
}
