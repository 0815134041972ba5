import { buildHeapProfile } from '../builders/profile-builder.js';

/** A small heap profile of one stack. Another size or time makes other bytes. */
export function profileBytes({
  inuse_space,
  site = 'main.leak',
  at,
}: {
  inuse_space: bigint;
  site?: string;
  at?: Date;
}): Buffer {
  const sample = { stack: ['main.main main.go:10', `${site} leak.go:20`], values: [3n, 4096n, 1n, inuse_space] };
  const timeNanos = at === undefined ? {} : { timeNanos: BigInt(at.getTime()) * 1_000_000n };
  return Buffer.from(buildHeapProfile([sample], timeNanos));
}
