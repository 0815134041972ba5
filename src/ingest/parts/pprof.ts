import { stackProfileOf } from '../../analysis/from-pprof.js';
import type { Budget } from '../../formats/budget.js';
import { decodePprof } from '../../formats/pprof/decode.js';
import { isDelta, kindOf } from '../../formats/pprof/kind.js';
import type { Profile } from '../../formats/pprof/profile.js';
import type { ParsedPart } from '../parsed-part.js';
import { type Declared, refusingKind } from './declared.js';
import { goroutineFacts } from './goroutines.js';
import { stackFacts } from './stacks.js';

/** A pprof profile, not compressed, is one part. @throws FormatError, KindMismatch */
export function pprofParts(message: Uint8Array, declared: Declared, budget: Budget): ParsedPart[] {
  return [partOf(decodePprof(message, budget), declared, budget)];
}

function partOf(profile: Profile, { declaredKind, declaredDelta }: Declared, budget: Budget): ParsedPart {
  const kind = refusingKind(() => kindOf(profile, declaredKind ?? undefined));
  const { totals, losses, remarks, ...whole } = stackFacts(stackProfileOf(profile, budget));
  const capturedAtNanos = profile.timeNanos === 0n ? null : profile.timeNanos;
  const delta = declaredDelta ?? isDelta(profile, kind);
  const { stacks, series } = goroutineFacts(kind, whole.stacks, delta);
  return {
    kind,
    capturedAtNanos,
    delta,
    durationNanos: profile.durationNanos,
    stacks,
    totals,
    series,
    content: null,
    details: {
      format: 'pprof',
      ...(profile.period === 0n ? {} : { period: profile.period.toString() }),
      ...(profile.periodType.type === '' ? {} : { periodType: { ...profile.periodType } }),
      ...(profile.defaultSampleType === '' ? {} : { defaultSampleType: profile.defaultSampleType }),
      counts: {
        samples: profile.samples.count,
        stacks: stacks.nodes.length,
        locations: profile.locations.count,
        functions: profile.functions.count,
        mappings: profile.mappings.count,
      },
      warnings: [...profile.warnings, ...remarks],
      losses,
    },
  };
}
