import { readFileSync } from 'node:fs';
import type { TestApp } from '../app.js';
import { buildHeapProfile } from '../builders/profile-builder.js';

export type Parameters = Readonly<Record<string, string | number | undefined>>;

/** The bytes of a fixture: `go1.25/heap.pb.gz`. */
export function fixture(name: string): Buffer {
  return readFileSync(new URL(`../fixtures/pprof/${name}`, import.meta.url));
}

/** Sends a profile, without waiting for it to be indexed. */
export async function send(
  app: TestApp,
  bytes: Uint8Array,
  parameters: Parameters & { service: string },
  key = app.keys.ci,
): Promise<string> {
  const response = await app
    .http(key)
    .post('/api/v1/snapshots')
    .query(parameters)
    .set('Content-Type', 'application/octet-stream')
    .send(Buffer.from(bytes));
  if (response.status !== 202) throw new Error(`upload was answered ${response.status}: ${response.text}`);
  return (response.body as { id: string }).id;
}

/** Sends a profile and waits until it is indexed. */
export async function upload(
  app: TestApp,
  bytes: Uint8Array,
  parameters: Parameters & { service: string },
  key = app.keys.ci,
): Promise<string> {
  const id = await send(app, bytes, parameters, key);
  const { body } = await app.http(key).get(`/api/v1/snapshots/${id}`).query({ wait: 30 });
  if (body.state !== 'indexed') throw new Error(`the snapshot is ${body.state}: ${JSON.stringify(body.problem)}`);
  return id;
}

/** A heap profile of one stack, `main.main` calling `site`, that holds so many bytes. */
export function heap(inuseBytes: number | bigint, at: Date, site = 'main.leak'): Uint8Array {
  const stack = ['main.main main.go:10', `${site} leak.go:20`];
  const values = [4n, BigInt(inuseBytes) * 2n, 1n, BigInt(inuseBytes)];
  return buildHeapProfile([{ stack, values }], { timeNanos: BigInt(at.getTime()) * 1_000_000n });
}
