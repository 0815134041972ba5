/**
 * A token bucket: holds up to `capacity`, refills with `perSecond`, starts full. What is taken may exceed what is there;
 * the level is then negative, a debt that the refill pays off first. Time is given, in milliseconds; a clock that is set
 * back adds nothing and takes nothing.
 */
export class TokenBucket {
  private tokens: number;

  constructor(
    readonly perSecond: number,
    readonly capacity: number,
    private refilledAt: number,
  ) {
    this.tokens = capacity;
  }

  /** Tokens at `now`; negative in debt. */
  level(now: number): number {
    if (now > this.refilledAt) {
      this.tokens = Math.min(this.capacity, this.tokens + ((now - this.refilledAt) / 1_000) * this.perSecond);
    }
    this.refilledAt = now;
    return this.tokens;
  }

  /** 0 if `wanted` tokens are there and the bucket is not in debt, else how long the refill takes until they are. */
  millisUntil(wanted: number, now: number): number {
    const missing = Math.max(wanted, 0) - this.level(now);
    return missing <= 0 ? 0 : (missing / this.perSecond) * 1_000;
  }

  take(tokens: number, now: number): void {
    this.tokens = this.level(now) - tokens;
  }
}
