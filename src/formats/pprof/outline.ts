import type { Budget } from '../budget.js';
import { FormatError, overBudget } from '../format-error.js';
import { tagOf, wireType, WireReader } from './wire.js';

/** Field numbers of profile.proto's Profile. */
export const profileField = {
  sampleType: 1,
  sample: 2,
  mapping: 3,
  location: 4,
  function: 5,
  stringTable: 6,
  dropFrames: 7,
  keepFrames: 8,
  timeNanos: 9,
  durationNanos: 10,
  periodType: 11,
  period: 12,
  comment: 13,
  defaultSampleType: 14,
  docUrl: 15,
} as const;

/** The wire type that each field must have; comments may also come one by one, as varints. */
export const profileWireTypes: readonly number[] = [-1, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 2, 0, 2, 0, 0];

const limitOfField: readonly (keyof Budget)[] = profileWireTypes.map((_, field) => {
  switch (field) {
    case profileField.sampleType:
      return 'sampleTypes';
    case profileField.sample:
      return 'samples';
    case profileField.mapping:
      return 'mappings';
    case profileField.location:
      return 'locations';
    case profileField.function:
      return 'functions';
    case profileField.stringTable:
      return 'strings';
    case profileField.comment:
      return 'comments';
    default:
      return 'messages';
  }
});

/** Where messages of one kind lie: message i is `[start[i] .. end[i])`. */
export interface Ranges {
  readonly start: Uint32Array;
  readonly end: Uint32Array;
}

/** What the top level of a Profile message says, with its sub-messages still in bytes. */
export interface Outline {
  readonly sampleTypes: Ranges;
  readonly samples: Ranges;
  readonly mappings: Ranges;
  readonly locations: Ranges;
  readonly functions: Ranges;
  readonly strings: Ranges;
  /** One or none. */
  readonly periodType: Ranges;
  /** String indexes, unchecked. */
  readonly comments: readonly bigint[];
  /** Scalars by field number; the last one wins. */
  readonly scalars: BigInt64Array;
  /** Strings longer than `keptStringBytes`. */
  readonly longStrings: number;
}

/**
 * Reads the top level of a Profile message in two passes: the first counts, within the budget and before anything is
 * built from the input; the second notes where everything lies.
 *
 * Throws FormatError: `truncated` if the input ends inside a field or before its string table, `malformed` and
 * `over-budget` as the names say.
 */
export function outlineOf(bytes: Uint8Array, budget: Budget): Outline {
  const { counts, longStrings } = countFields(bytes, budget);
  if (counts[profileField.stringTable] === 0) {
    throw new FormatError('truncated', 'no string_table: the profile ends before it', { offset: bytes.length });
  }

  const starts: Uint32Array[] = [];
  const ends: Uint32Array[] = [];
  for (let field = 0; field < counts.length; field++) {
    // Of a single message that is given more than once, the last one counts.
    if (field === profileField.periodType) counts[field] = Math.min(counts[field], 1);
    const rows = profileWireTypes[field] === wireType.delimited ? counts[field] : 0;
    starts.push(new Uint32Array(rows));
    ends.push(new Uint32Array(rows));
  }
  const filled = new Int32Array(counts.length);
  const scalars = new BigInt64Array(counts.length);
  const comments: bigint[] = [];
  const reader = new WireReader(bytes, 'malformed');
  while (reader.position < bytes.length) {
    const tag = reader.tag();
    const field = tag >>> 3;
    if (field === 0 || field >= counts.length) {
      reader.skip(tag);
    } else if (field === profileField.comment) {
      readComments(reader, tag, comments, budget.comments);
    } else if ((tag & 7) === wireType.delimited) {
      const end = reader.delimited();
      const row = field === profileField.periodType ? 0 : filled[field]++;
      starts[field][row] = reader.position;
      ends[field][row] = end;
      reader.position = end;
    } else {
      reader.varint();
      scalars[field] = (BigInt(reader.high) << 32n) | BigInt(reader.low);
    }
  }

  const ranges = (field: number): Ranges => ({ start: starts[field], end: ends[field] });
  return {
    sampleTypes: ranges(profileField.sampleType),
    samples: ranges(profileField.sample),
    mappings: ranges(profileField.mapping),
    locations: ranges(profileField.location),
    functions: ranges(profileField.function),
    strings: ranges(profileField.stringTable),
    periodType: ranges(profileField.periodType),
    comments,
    scalars,
    longStrings,
  };
}

function countFields(bytes: Uint8Array, budget: Budget): { counts: Int32Array; longStrings: number } {
  const allowed = limitOfField.map((limit) => budget[limit]);
  const counts = new Int32Array(profileWireTypes.length);
  let messages = 0;
  let stringBytes = 0;
  let longStrings = 0;
  let timed = false;

  const reader = new WireReader(bytes, 'truncated');
  while (reader.position < bytes.length) {
    const offset = reader.position;
    const tag = reader.tag();
    const field = tag >>> 3;
    const type = tag & 7;
    if (++messages > budget.messages) throw overBudget('messages', messages, budget.messages, offset);
    if (field === 0 || field >= counts.length) {
      reader.skip(tag);
      continue;
    }
    if (type !== profileWireTypes[field] && !(field === profileField.comment && type === wireType.varint)) {
      // Skipping it first lets wire types that do not exist be named as such.
      reader.skip(tag);
      throw new FormatError('malformed', `type mismatch: profile field ${field} has wire type ${type}`, { offset });
    }
    if (++counts[field] > allowed[field]) {
      throw overBudget(limitOfField[field], counts[field], allowed[field], offset);
    }
    if (type === wireType.varint) {
      reader.varint();
      if (field === profileField.timeNanos) {
        if (timed) throw new FormatError('malformed', 'concatenated profiles detected', { offset });
        timed = reader.low !== 0 || reader.high !== 0;
      }
      continue;
    }
    const end = reader.delimited();
    if (field === profileField.stringTable) {
      const length = end - reader.position;
      if (counts[field] === 1 && length > 0) {
        throw new FormatError('malformed', "string_table[0] must be ''", { offset });
      }
      stringBytes += length;
      if (stringBytes > budget.stringTableBytes) {
        throw overBudget('stringTableBytes', stringBytes, budget.stringTableBytes, offset);
      }
      if (length > budget.keptStringBytes) {
        if (length > budget.stringBytes) throw overBudget('stringBytes', length, budget.stringBytes, offset);
        longStrings++;
      }
    }
    reader.position = end;
  }
  return { counts, longStrings };
}

function readComments(reader: WireReader, tag: number, comments: bigint[], limit: number): void {
  const packed = tag === tagOf(profileField.comment, wireType.delimited);
  const end = packed ? reader.delimited() : reader.position + 1;
  while (reader.position < end) {
    reader.varint();
    comments.push(BigInt.asIntN(64, (BigInt(reader.high) << 32n) | BigInt(reader.low)));
    if (comments.length > limit) throw overBudget('comments', comments.length, limit, reader.position);
  }
  if (packed && reader.position !== end) throw new FormatError('malformed', 'bad varint: cut off', { offset: end });
}
