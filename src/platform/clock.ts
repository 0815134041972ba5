/** The wall clock, injected so that tests can say what time it is. Intervals are measured with performance.now(). */
export interface Clock {
  now(): Date;
}

export const CLOCK = Symbol('clock');

export const systemClock: Clock = { now: () => new Date() };
