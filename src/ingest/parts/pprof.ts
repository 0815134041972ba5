import { stackProfileOf } from '../../analysis/from-pprof.js';
import type { Budget } from '../../formats/budget.js';
import { FormatError } from '../../formats/format-error.js';
import type { Kind } from '../../formats/kind.js';
import { decodePprof } from '../../formats/pprof/decode.js';
import { isDelta, kindOf } from '../../formats/pprof/kind.js';
import type { Profile } from '../../formats/pprof/profile.js';
import type { ParsedPart } from '../parsed-part.js';
import { type Declared, KindMismatch } from './declared.js';

/** A pprof profile, not compressed, is one part. @throws FormatError, KindMismatch */
export function pprofParts(message: Uint8Array, declared: Declared, budget: Budget): ParsedPart[] {
  return [partOf(decodePprof(message, budget), declared, budget)];
}

function partOf(profile: Profile, { declaredKind, declaredDelta }: Declared, budget: Budget): ParsedPart {
  const kind = readKind(profile, declaredKind);
  const { stacks, notes, totals } = stackProfileOf(profile, budget);
  const losses = notes.filter((note) => note.loss).map(({ code, count, detail }) => ({ code, count, detail }));
  const remarks = notes.filter((note) => !note.loss).map(({ code, count, detail }) => ({ code, count, detail }));
  return {
    kind,
    capturedAtNanos: profile.timeNanos === 0n ? null : profile.timeNanos,
    delta: declaredDelta ?? isDelta(profile, kind),
    durationNanos: profile.durationNanos,
    stacks,
    totals,
    series: [],
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

function readKind(profile: Profile, declared: Kind | null): Kind {
  if (declared === null) return kindOf(profile);
  try {
    return kindOf(profile, declared);
  } catch (error) {
    if (error instanceof FormatError) throw new KindMismatch(error.fault, error.message, error.at, { cause: error });
    throw error;
  }
}
