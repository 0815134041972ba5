import {
  ZStream,
  Z_BUF_ERROR,
  Z_NO_FLUSH,
  Z_OK,
  Z_STREAM_END,
  zlibInflate,
  zlibInflateInit2,
  zlibInflateReset,
} from 'pako';
import type { Budget } from './budget.js';
import { FormatError, overBudget } from './format-error.js';

/**
 * Decompresses a whole gzip file (RFC 1952) of one or several members, as Go's `compress/gzip` reads it.
 *
 * Throws FormatError: `over-budget` (limit `inflatedBytes`) as soon as more than `maxBytes` come out, `truncated` when
 * the input ends inside a member, `malformed` for broken data, a wrong CRC or length, or bytes after the last member.
 */
export type Inflate = (bytes: Uint8Array, maxBytes: number) => Uint8Array;

const GZIP_ONLY = 16 + 15;
const SMALLEST_MEMBER = 18;

export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** `Inflate` in plain JavaScript (pako), for wherever zlib is not at hand. Memory: never over twice `maxBytes`. */
export const inflateGzip: Inflate = (bytes, maxBytes) => {
  const stream = new ZStream();
  zlibInflateInit2(stream, GZIP_ONLY);
  stream.input = bytes;
  stream.next_in = 0;
  stream.avail_in = bytes.length;
  let output = new Uint8Array(firstGuess(bytes, maxBytes));
  stream.output = output;
  stream.next_out = 0;
  stream.avail_out = output.length;

  for (;;) {
    const status = zlibInflate(stream, Z_NO_FLUSH);
    if (stream.next_out > maxBytes) throw overBudget('inflatedBytes', stream.next_out, maxBytes);
    if (isEndOfInflate(stream, status, bytes)) return output.subarray(0, stream.next_out);
    if (stream.avail_out === 0) {
      const larger = new Uint8Array(Math.min(output.length * 2, maxBytes + 1));
      larger.set(output);
      output = larger;
      stream.output = output;
      stream.avail_out = output.length - stream.next_out;
    }
  }
};

/**
 * The bytes as they are, or what they decompress to if they are gzip, within `inflatedBytes` and `inflateRatio`.
 * Throws what `inflate` throws, and `malformed` for gzip inside gzip: no tool of Go writes it, and it hides bombs.
 */
export function inflateWithin(bytes: Uint8Array, budget: Budget, inflate: Inflate): Uint8Array {
  if (!isGzip(bytes)) {
    if (bytes.length > budget.inflatedBytes) throw overBudget('inflatedBytes', bytes.length, budget.inflatedBytes);
    return bytes;
  }
  const byRatio = Math.max(budget.inflateRatioFromBytes, budget.inflateRatio * bytes.length);
  const inflated =
    byRatio < budget.inflatedBytes
      ? inflateByRatio(bytes, byRatio, budget.inflateRatio, inflate)
      : inflate(bytes, budget.inflatedBytes);
  if (isGzip(inflated)) throw nestedGzip();
  return inflated;
}

/**
 * The bytes without what `Content-Encoding: gzip` has put around an artefact that is gzip itself; around any other the
 * two layers are one, and stay. Throws what `inflate` throws, and `malformed` if there is no gzip.
 */
export function withoutEncoding(bytes: Uint8Array, budget: Budget, inflate: Inflate): Uint8Array {
  if (!isGzip(bytes)) throw new FormatError('malformed', 'sent with Content-Encoding: gzip, but the body is not gzip');
  if (!isGzip(inflateHead(bytes, magicBytes))) return bytes;
  const byRatio = Math.max(budget.inflateRatioFromBytes, budget.inflateRatio * bytes.length);
  return inflate(bytes, Math.min(budget.inflatedBytes, byRatio));
}

const magicBytes = 16;
const pieceBytes = 256 * 1024;

/**
 * The bytes as they are, or what they decompress to if they are gzip, piece by piece: more than a piece is never in
 * memory. A piece is valid during the call only.
 *
 * Throws what `inflateWithin` throws, but only when it gets there: what stands before the damage, or before the limit, has
 * then been given away.
 *
 * @param maxBytes of all pieces together, refused by the name `limit`
 * @param take tells whether it wants more
 */
export function inflatePieces(
  bytes: Uint8Array,
  { maxBytes, limit, inflateRatio, inflateRatioFromBytes }: PieceLimits,
  take: (piece: Uint8Array) => boolean,
): void {
  if (!isGzip(bytes)) {
    const allowed = bytes.subarray(0, maxBytes);
    for (let start = 0; start < allowed.length; start += pieceBytes) {
      if (!take(allowed.subarray(start, start + pieceBytes))) return;
    }
    if (bytes.length > maxBytes) throw overBudget(limit, bytes.length, maxBytes);
    return;
  }
  const stream = new ZStream();
  zlibInflateInit2(stream, GZIP_ONLY);
  stream.input = bytes;
  stream.next_in = 0;
  stream.avail_in = bytes.length;
  const output = new Uint8Array(pieceBytes);
  stream.output = output;
  let total = 0;
  for (let isFirst = true, isOver = false; !isOver; isFirst = false) {
    stream.next_out = 0;
    stream.avail_out = output.length;
    const status = zlibInflate(stream, Z_NO_FLUSH);
    const piece = output.subarray(0, stream.next_out);
    total += piece.length;
    if (total > maxBytes) {
      if (!take(piece.subarray(0, piece.length - (total - maxBytes)))) return;
      throw overBudget(limit, total, maxBytes);
    }
    if (total > inflateRatioFromBytes && total > inflateRatio * bytes.length) {
      throw overBudget('inflateRatio', Math.ceil(total / bytes.length), inflateRatio);
    }
    if (isFirst && isGzip(piece)) throw nestedGzip();
    if (piece.length > 0 && !take(piece)) return;
    isOver = isEndOfInflate(stream, status, bytes);
  }
}

export interface PieceLimits extends Pick<Budget, 'inflateRatio' | 'inflateRatioFromBytes'> {
  readonly maxBytes: number;
  readonly limit: string;
}

/** Whether all was read, once a call of `zlibInflate` has filled the output or come to an end. Throws FormatError. */
function isEndOfInflate(stream: ZStream, status: number, bytes: Uint8Array): boolean {
  if (status === Z_STREAM_END) {
    if (stream.avail_in === 0) return true;
    if (!isGzip(bytes.subarray(stream.next_in)) && !isCutMagic(bytes, stream.next_in)) {
      throw new FormatError('malformed', 'decompressing profile: gzip: trailing bytes after the last member', {
        offset: stream.next_in,
      });
    }
    zlibInflateReset(stream);
    return false;
  }
  if (status !== Z_OK && status !== Z_BUF_ERROR) {
    throw new FormatError('malformed', `decompressing profile: ${reason(stream.msg)}`, { offset: stream.next_in });
  }
  if (stream.avail_out === 0) return false;
  throw new FormatError('truncated', 'decompressing profile: unexpected EOF', { offset: bytes.length });
}

function nestedGzip(): FormatError {
  return new FormatError('malformed', 'nested compression: a gzip file inside a gzip file');
}

/** Names the ratio as the limit where it is the one that was hit: then no larger file would have passed either. */
function inflateByRatio(bytes: Uint8Array, maxBytes: number, ratio: number, inflate: Inflate): Uint8Array {
  try {
    return inflate(bytes, maxBytes);
  } catch (error) {
    if (!(error instanceof FormatError) || error.fault !== 'over-budget') throw error;
    throw overBudget('inflateRatio', Math.ceil((error.at.actual ?? maxBytes) / bytes.length), ratio);
  }
}

/** The first bytes of what `head`, the head of a gzip file, holds: at most `maxBytes`, fewer if it breaks off. */
export function inflateHead(head: Uint8Array, maxBytes: number): Uint8Array {
  const stream = new ZStream();
  zlibInflateInit2(stream, GZIP_ONLY);
  const output = new Uint8Array(maxBytes);
  stream.input = head;
  stream.next_in = 0;
  stream.avail_in = head.length;
  stream.output = output;
  stream.next_out = 0;
  stream.avail_out = output.length;
  zlibInflate(stream, Z_NO_FLUSH);
  return output.subarray(0, stream.next_out);
}

/** The length that the last member claims, if it can be true: with one honest member nothing has to grow. */
function firstGuess(bytes: Uint8Array, maxBytes: number): number {
  const n = bytes.length;
  const claimed =
    n < SMALLEST_MEMBER ? 0 : (bytes[n - 4] | (bytes[n - 3] << 8) | (bytes[n - 2] << 16) | (bytes[n - 1] << 24)) >>> 0;
  // Deflate cannot exceed a ratio of 1032:1. One byte more than claimed lets the end be seen without growing.
  const plausible = claimed <= n * 1032 ? claimed : n * 4;
  return Math.min(Math.max(plausible, 4096) + 1, maxBytes + 1);
}

function isCutMagic(bytes: Uint8Array, offset: number): boolean {
  return bytes.length - offset === 1 && bytes[offset] === 0x1f;
}

/** zlib's words for a wrong trailer, in Go's. */
function reason(message: string): string {
  switch (message) {
    case 'incorrect data check':
    case 'incorrect length check':
      return 'gzip: invalid checksum';
    case 'incorrect header check':
    case 'unknown compression method':
    case 'unknown header flags set':
    case 'header crc mismatch':
      return 'gzip: invalid header';
    default:
      return `flate: corrupt input (${message})`;
  }
}
