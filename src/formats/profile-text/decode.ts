import { type Budget, defaultBudget } from '../budget.js';
import { FormatError, overBudget } from '../format-error.js';
import { sumOverflows } from '../int64.js';
import type { MappingTable, Profile } from '../pprof/profile.js';
import { FrameLines } from './frame-lines.js';
import { type Header, readHeader } from './header.js';
import { readLabels } from './labels.js';
import { MemStatsTrailer } from './memstats-trailer.js';
import { type MutexPeriod, mutexPeriodOf } from './mutex-period.js';
import type { ProfileText, ProfileTextWarning, ProfileTextWarningCode } from './profile-text.js';
import { RecordValues } from './record-values.js';
import { SampleRows } from './sample-rows.js';
import { afterBlanks, byte, isDigit, isHexDigit, LineScanner, startsWith } from './scan.js';
import { StringPool } from './string-pool.js';

/**
 * Decodes the text that Go writes for a profile with `debug=1`: heap, allocs, block, mutex, goroutine, goroutineleak,
 * threadcreate and profiles of the program's own, of all versions; tabs may have become spaces, lines may end in CR LF.
 *
 *     heap profile: 10: 46192 [168: 2574928] @ heap/1048576
 *     0: 0 [2: 256] @ 0x48676c 0x48b473 0x6d1306
 *     #	0x6d1305	main.(*Stack[...]).Push+0x45	/home/gopher/go/src/fx/generic_new.go:11
 *
 * Values are those of the protobuf of the same moment: heap records are scaled up by the rate of the header, cycles
 * become nanoseconds. Lines that cannot be read are left out and counted, and so is what is missing at the end.
 *
 * Throws nothing but FormatError: `unrecognized`, `truncated` (the text ends inside its header), `malformed` (numbers
 * beyond 64 bits, two profiles in one text, no record that can be read), or `over-budget` with the name of the limit.
 *
 * Sources: Go runtime/pprof/pprof.go (writeHeapInternal, printCountProfile, writeProfileInternal, printStackRecord);
 * google/pprof profile/legacy_profile.go, which reads the same text without its symbols.
 */
export function decodeProfileText(bytes: Uint8Array, budget: Budget = defaultBudget): ProfileText {
  if (bytes.length > budget.inflatedBytes) throw overBudget('inflatedBytes', bytes.length, budget.inflatedBytes);
  const start = startsWith(bytes, 0, bytes.length, '\u00ef\u00bb\u00bf') ? 3 : 0;
  if (bytes.length === start) throw new FormatError('truncated', 'empty input file', { offset: 0 });
  const header = readHeader(bytes, start);
  const text = new TextDecoding(bytes, header, budget);
  text.read();
  return text.finish();
}

/** One pass over the text behind its header. */
class TextDecoding {
  private readonly strings: StringPool;
  private readonly frames: FrameLines;
  private readonly rows: SampleRows;
  private readonly values: RecordValues;
  private readonly scanner: LineScanner;
  private readonly mutexPeriod: MutexPeriod;
  private trailer: MemStatsTrailer | null = null;

  /** Where the return addresses of the record that is being read stand; -1 between records. */
  private addressesStart = -1;
  private addressesEnd = -1;
  /** Frame lines of this record, and whether any record has one. */
  private frameLines = 0;
  private anyFrameLines = false;

  private unreadable = 0;
  private firstUnreadable = -1;
  private cut = false;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly header: Header,
    budget: Budget,
  ) {
    this.strings = new StringPool(budget);
    this.frames = new FrameLines(bytes, this.strings, budget);
    this.rows = new SampleRows(header.sampleTypes.length, this.strings, budget);
    this.mutexPeriod = mutexPeriodOf(bytes, header);
    this.values = new RecordValues(header, this.mutexPeriod.factor);
    this.scanner = new LineScanner(bytes);
  }

  read(): void {
    const { bytes } = this;
    let position = this.header.end;
    while (position < bytes.length) {
      const feed = bytes.indexOf(byte.lineFeed, position);
      let end = feed < 0 ? bytes.length : feed;
      if (end > position && bytes[end - 1] === byte.carriageReturn) end--;
      const start = afterBlanks(bytes, position, end);
      if (start === end) {
        this.endRecord();
      } else if (bytes[start] === byte.hash) {
        if (!this.comment(start, end)) this.skip(start, feed);
      } else if (isSectionStart(bytes, start, end)) {
        // The memory map of a C++ program, or what another tool has added.
        break;
      } else if (!this.record(start, end)) {
        this.skip(start, feed);
      }
      position = feed < 0 ? bytes.length : feed + 1;
    }
    this.endCutRecord();
    this.endRecord();
  }

  finish(): ProfileText {
    const { header } = this;
    if (this.rows.count === 0 && this.unreadable > 0 && this.trailer === null) {
      throw new FormatError('malformed', 'no record of the profile can be read', { offset: this.firstUnreadable });
    }
    const { samples, labels, programCounters } = this.rows.build();
    const profile: Profile = {
      sampleTypes: header.sampleTypes,
      samples,
      labels,
      mappings: noMappings,
      ...this.frames.build(),
      strings: this.strings.build(),
      dropFrames: '',
      keepFrames: '',
      timeNanos: 0n,
      durationNanos: header.durationNanos,
      periodType: header.periodType,
      // Of heap profiles. Elsewhere it counts what one event stands for, which the values say already.
      period: header.layout === 'heap' ? BigInt(header.period) : 1n,
      comments: [],
      defaultSampleType: '',
      docUrl: '',
      warnings: [],
    };
    return {
      kind: header.kind,
      profile,
      programCounters,
      memStats: this.trailer?.readings ?? null,
      warnings: this.warnings(profile),
    };
  }

  /** `10: 46192 [168: 2574928] @ 0x48676c 0x48b473` and its like. */
  private record(start: number, end: number): boolean {
    const { scanner, values, rows } = this;
    const isRecord = values.read(scanner.enter(start, end));
    if (scanner.overflow) throw new FormatError('malformed', 'a number exceeds 64 bits', { offset: start });
    if (!isRecord) {
      if (isHeaderLine(this.bytes, start, end)) {
        throw new FormatError('malformed', 'another profile begins: one text holds one profile', { offset: start });
      }
      return false;
    }
    this.endRecord();
    rows.begin(values.values);
    if (values.averageBytes) rows.numberLabel('bytes', values.averageBytes);
    this.addressesStart = scanner.position;
    this.addressesEnd = end;
    return true;
  }

  /** A line that begins with `#`: a frame, labels, a number of MemStats, or what a person has written. */
  private comment(start: number, end: number): boolean {
    const { bytes } = this;
    const content = afterBlanks(bytes, start + 1, end);
    if (bytes[content] === byte.zero && bytes[content + 1] === byte.x) return this.frame(content, end);
    if (startsWith(bytes, content, end, 'labels: ')) return this.labels(content + 'labels: '.length, end);
    if (startsWith(bytes, content, end, 'runtime.MemStats')) {
      this.endRecord();
      this.trailer ??= new MemStatsTrailer();
      return true;
    }
    return this.trailer === null || this.trailer.line(bytes, content, end);
  }

  private frame(start: number, end: number): boolean {
    if (this.addressesStart < 0) return false;
    const location = this.frames.ofLine(start, end);
    if (location < 0) return false;
    this.frameLines++;
    this.anyFrameLines = true;
    // `#\t0x0` is what threadcreate has in place of a stack (go.dev/issue/6104).
    if (!isZeroAddress(this.bytes, start, end)) this.rows.frame(location);
    return true;
  }

  private labels(start: number, end: number): boolean {
    if (this.addressesStart < 0) return false;
    return readLabels(this.bytes, start, end, (key, value) => {
      const { strings } = this;
      this.rows.stringLabel(strings.ofBytes(key, 0, key.length), strings.ofBytes(value, 0, value.length));
    });
  }

  private endRecord(): void {
    if (this.addressesStart < 0) return;
    const { bytes, rows } = this;
    let programCounters = 0;
    let programCountersMet = 0;
    for (let p = this.addressesStart; p < this.addressesEnd; p++) {
      if (bytes[p] !== byte.x || bytes[p - 1] !== byte.zero) continue;
      programCountersMet++;
      // Go pads stacks of threads with zeros.
      if (bytes[p + 1] !== byte.zero) programCounters = programCountersMet;
    }
    if (this.frameLines === 0) this.addressFrames(programCounters);
    rows.end(programCounters);
    this.addressesStart = -1;
    this.frameLines = 0;
  }

  /** The return addresses as frames, for want of better ones. */
  private addressFrames(count: number): void {
    const { bytes } = this;
    for (let p = this.addressesStart, met = 0; p < this.addressesEnd && met < count; p++) {
      if (bytes[p] !== byte.x || bytes[p - 1] !== byte.zero) continue;
      met++;
      let end = p + 1;
      while (end < this.addressesEnd && isHexDigit(bytes[end])) end++;
      const location = end === p + 1 ? -1 : this.frames.ofReturnAddress(p - 1, end);
      if (location < 0) this.skip(p - 1, 0);
      else this.rows.frame(location);
      p = end - 1;
    }
  }

  /**
   * A text may end inside the stack of its last record: in the middle of a frame, or ahead of all its frames where
   * other records have some. The record's values count; its stack hangs from a root that says what is missing.
   */
  private endCutRecord(): void {
    if (this.addressesStart < 0) return;
    if (!this.cut && (this.frameLines > 0 || !this.anyFrameLines)) return;
    this.cut = true;
    this.frameLines++;
    this.rows.frame(this.frames.ofCutRoot());
  }

  /** Passes over a line that cannot be read: the last one, if it has no end, was cut. */
  private skip(offset: number, feed: number): void {
    if (feed < 0) {
      this.cut = true;
      return;
    }
    this.unreadable++;
    if (this.firstUnreadable < 0) this.firstUnreadable = offset;
  }

  private warnings(profile: Profile): ProfileTextWarning[] {
    const warnings: ProfileTextWarning[] = [];
    const warn = (code: ProfileTextWarningCode, count: number, detail: string): void => {
      if (count > 0) warnings.push({ code, count, detail });
    };
    const { strings, header, values, mutexPeriod } = this;
    warn('text-cut', this.cut ? 1 : 0, 'the text breaks off: what followed is missing');
    const { totals } = header;
    const differs = totals.findIndex((total, i) => total !== values.sums[i]);
    if (differs >= 0) {
      const detail = `the first line says ${totals[differs]}, the records add up to ${values.sums[differs]}`;
      warn('total-mismatch', 1, detail);
    }
    warn('unreadable-lines', this.unreadable, `lines that cannot be read, the first at byte ${this.firstUnreadable}`);
    warn('sampling-period', mutexPeriod.detail === '' ? 0 : 1, mutexPeriod.detail);
    warn('string-cut', strings.cutStrings, 'strings are too long: they are cut');
    warn('invalid-utf8', strings.invalidStrings, 'strings are not UTF-8: U+FFFD stands for the wrong bytes');
    profile.sampleTypes.forEach(({ type }, column) => {
      warn('sum-overflow', sumOverflows(profile.samples.values[column]) ? 1 : 0, `the sum of ${type} exceeds 64 bits`);
    });
    return warnings;
  }
}

const noMappings: MappingTable = {
  count: 0,
  memoryStart: new BigUint64Array(0),
  memoryLimit: new BigUint64Array(0),
  fileOffset: new BigUint64Array(0),
  filename: new Uint32Array(0),
  buildId: new Uint32Array(0),
  flags: new Uint8Array(0),
};

function isSectionStart(bytes: Uint8Array, start: number, end: number): boolean {
  return (
    (startsWith(bytes, start, end, '---') && !isHeaderLine(bytes, start, end)) ||
    startsWith(bytes, start, end, 'MAPPED_LIBRARIES:')
  );
}

/** Whether another profile begins. Told from the bytes: a broken text may have millions of lines to ask about. */
function isHeaderLine(bytes: Uint8Array, start: number, end: number): boolean {
  if (headerStarts.some((text) => startsWith(bytes, start, end, text))) return true;
  let digits = end;
  while (digits > start && isDigit(bytes[digits - 1])) digits--;
  const total = digits - countHeader.length;
  return digits < end && total > start && startsWith(bytes, total, end, countHeader);
}

const headerStarts = ['heap profile: ', '--- contention', '--- mutex:'];
const countHeader = ' profile: total ';

/** Whether the frame line at its `0x` says `0x0` and nothing more. */
function isZeroAddress(bytes: Uint8Array, start: number, end: number): boolean {
  return end === start + 3 && bytes[start + 2] === byte.zero;
}
