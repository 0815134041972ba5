import fc from 'fast-check';
import { TokenBucket } from '../../src/tenants/token-bucket.js';

describe('a token bucket', () => {
  it('starts full, refills at its rate and never holds more than its capacity', () => {
    const bucket = new TokenBucket(10, 50, 1_000);
    expect(bucket.level(1_000)).toBe(50);
    bucket.take(50, 1_000);
    expect(bucket.level(1_000)).toBe(0);
    expect(bucket.level(2_500)).toBe(15);
    expect(bucket.level(1_000_000)).toBe(50);
  });

  it('tells how long to wait: that long is enough, and less is not', () => {
    const bucket = new TokenBucket(4, 100, 0);
    bucket.take(100, 0);
    expect(bucket.millisUntil(1, 0)).toBe(250);
    expect(bucket.millisUntil(1, 249)).toBeGreaterThan(0);
    expect(bucket.millisUntil(1, 250)).toBe(0);
  });

  it('pays a debt off before it gives again, even to one who wants nothing', () => {
    const bucket = new TokenBucket(10, 10, 0);
    bucket.take(30, 0);
    expect(bucket.level(0)).toBe(-20);
    expect(bucket.millisUntil(0, 0)).toBe(2_000);
    expect(bucket.millisUntil(0, 2_000)).toBe(0);
    expect(bucket.millisUntil(5, 2_000)).toBe(500);
  });

  it('gives nothing for a clock that is set back', () => {
    const bucket = new TokenBucket(10, 10, 10_000);
    bucket.take(10, 10_000);
    expect(bucket.level(4_000)).toBe(0);
    expect(bucket.level(4_500)).toBe(5);
  });

  it('never lets through more than capacity + rate × time, whoever asks in whatever rhythm', () => {
    const rhythm = fc.array(fc.tuple(fc.nat(5_000), fc.integer({ min: 1, max: 20 })), { maxLength: 200 });
    fc.assert(
      fc.property(rhythm, (asks) => {
        const bucket = new TokenBucket(7, 20, 0);
        let now = 0;
        let given = 0;
        for (const [pause, wanted] of asks) {
          now += pause;
          if (bucket.millisUntil(wanted, now) > 0) continue;
          bucket.take(wanted, now);
          given += wanted;
        }
        expect(given).toBeLessThanOrEqual(20 + (7 * now) / 1_000 + 1e-6);
      }),
    );
  });
});
