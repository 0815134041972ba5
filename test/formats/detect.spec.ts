import fc from 'fast-check';
import { gzipSync } from 'node:zlib';
import { describeSniffed, sniff } from '../../src/formats/detect.js';
import { decodePprof } from '../../src/formats/pprof/decode.js';
import { buildHeapProfile } from '../builders/profile-builder.js';
import { goldenProfiles, plain, profileFixture } from './profile-fixtures.js';

const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1');

describe('the first bytes', () => {
  const protobufs = goldenProfiles().filter(({ name }) => /^(go1|real|synthetic|go-src)/.test(name));

  it.each(protobufs)('$name is a profile, by 512 bytes of it', ({ bytes }) => {
    const gzip = bytes[0] === 0x1f;
    expect(sniff(bytes.subarray(0, 512))).toEqual({ format: 'pprof', ownClock: true, gzip });
    expect(sniff(plain(bytes).subarray(0, 512))).toEqual({ format: 'pprof', ownClock: true, gzip: false });
  });

  it.each([
    ['go 1.26 trace\0\0\0', 'exectrace', true],
    ['<!DOCTYPE html>\n<title>502</title>', 'html-error', false],
    ['\n  <HTML><body>', 'html-error', false],
    ['\xef\xbb\xbf<html lang=en>', 'html-error', false],
    ['404 page not found\n', 'http-error', false],
    ['Unknown profile\n', 'http-error', false],
    ['Could not enable CPU profiling: cpu profiling already in use\n', 'http-error', false],
    ['Client sent an HTTP request to an HTTPS server.\n', 'http-error', false],
    ['heap profile: 7: 1048 [9: 2048] @ heap/524288\n', 'profile-text', false],
    ['goroutine profile: total 31\n4 @ 0x43', 'profile-text', false],
    ['--- mutex:\ncycles/second=2400000000\n', 'profile-text', false],
    ['goroutine 1 [running]:\nmain.main()\n', 'log', false],

    ['panic: boom\n\ngoroutine 7 gp=0xc000 m=3 mp=0xc001 [chan receive, 3 minutes]:\n', 'log', false],
    ['gc 1 @0.012s 2%: 0.02+0.3', 'log', false],
    ['app-1  | SCHED 0ms: gomaxprocs=2 idleprocs=0', 'log', false],
    ['{"log":"SIGQUIT: quit\\n","stream":"stderr"}\n', 'log', false],
    ['{"Alloc": 1, "HeapAlloc": 1', 'memstats', false],
    ['{"cmdline": ["x"], "memstats": {', 'expvar', false],
    ['{"LastGC":"2026-11-23T15:19:47Z","NumGC":40,"PauseTotal":3', 'gcstats', false],
    ['# HELP go_goroutines Number of goroutines\n', 'prometheus', false],
    ['Name:\tcheckout\nUmask:\t0022\nState:\tR (running)\n', 'process-memory', false],
    ['', 'empty', false],
  ] as const)('%j', (text, format, ownClock) => {
    expect(sniff(ascii(text))).toEqual({ format, ownClock, gzip: false });
    if (text !== '') expect(sniff(gzipSync(ascii(text)))).toEqual({ format, ownClock, gzip: true });
  });

  it.each(['\nHello', 'hello world', '{"heap": 1}', 'gcc 1 @0.012s', 'Rm9v', '\0\0\0\0', 'PK\x03\x04'])(
    '%j is nothing that we know',
    (text) => {
      expect(sniff(ascii(text))).toBeNull();
    },
  );

  it('gzip inside gzip is named, and not opened', () => {
    expect(sniff(gzipSync(gzipSync('x')))).toEqual({ format: 'nested-gzip', ownClock: false, gzip: true });
  });

  it('zlib without gzip is named', () => {
    expect(sniff(profileFixture('malformed/zlib-not-gzip.pb.zz'))?.format).toBe('zlib');
  });

  it('a profile is one whatever field comes first', () => {
    const heap = buildHeapProfile([{ stack: ['main.main'], values: [1, 1, 1, 1] }]);
    expect(sniff(heap)?.format).toBe('pprof');
  });

  it('any bytes at all get an answer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const head of [bytes, gzipSync(bytes), Buffer.concat([Uint8Array.of(0x1f, 0x8b), bytes])]) {
          const sniffed = sniff(head);
          if (sniffed !== null) expect(describeSniffed(sniffed)).toMatch(/./);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

it('a decoder says what it was given instead of a profile', () => {
  expect(() => decodePprof(ascii('404 page not found\n'))).toThrow(
    /unrecognized profile format: this is the text of an HTTP error/,
  );
  expect(() => decodePprof(ascii('goroutine 1 [running]:\n'))).toThrow(
    /unrecognized profile format: this is the log of a Go process/,
  );
  expect(() => decodePprof(ascii('hello world, this is no profile'))).toThrow(/^unrecognized profile format$/);
});
