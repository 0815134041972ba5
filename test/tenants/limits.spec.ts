import { randomUUID } from 'node:crypto';
import type { TenantId } from '../../src/platform/database.js';
import {
  applyOverrides,
  checkLabels,
  defaultLimits,
  DoorLimits,
  limitNames,
  type Limits,
  TenantLimits,
} from '../../src/tenants/limits.js';
import { createTestDatabase, type TestDatabase } from '../database.js';
import { callerOf, countConnections, insertTenant, SetClock } from './fixture.js';

let database: TestDatabase;
let tenantId: TenantId;
let clock: SetClock;
let tenantLimits: TenantLimits;
let door: DoorLimits;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

beforeEach(async () => {
  ({ tenantId } = await insertTenant(database.db, randomUUID()));
  clock = new SetClock();
  tenantLimits = new TenantLimits(database.db, clock);
  door = new DoorLimits(tenantLimits, clock);
});

const set = (limits: Partial<Limits>) => tenantLimits.writeOverrides(tenantId, limits);

describe('limits', () => {
  it('are the defaults with the tenant’s own values over them; unknown names and non-numbers have no effect', () => {
    expect(applyOverrides({})).toEqual(defaultLimits);
    expect(applyOverrides({ labels: 7, bogus: 1, services: 'many' })).toEqual({ ...defaultLimits, labels: 7 });
    expect(Object.keys(defaultLimits)).toEqual(limitNames);
  });

  it('are read once in five seconds, however many ask, and a change here is effective at once', async () => {
    const { taken } = await countConnections(database.db, async () => {
      await Promise.all(Array.from({ length: 100 }, () => tenantLimits.get(tenantId)));
      clock.forward(4_999);
      await tenantLimits.get(tenantId);
    });
    expect(taken).toBe(1);
    await set({ labels: 3 });
    expect((await tenantLimits.get(tenantId)).labels).toBe(3);
    await set({});
    expect(await tenantLimits.get(tenantId)).toEqual(defaultLimits);
  });

  it('changed by another process are effective within five seconds', async () => {
    const elsewhere = new TenantLimits(database.db, clock);
    await elsewhere.get(tenantId);
    await set({ labels: 3 });
    clock.forward(5_000);
    expect((await elsewhere.get(tenantId)).labels).toBe(3);
  });
});

describe('labels', () => {
  const limits = applyOverrides({ labels: 2, label_name_bytes: 4, label_value_bytes: 6 });

  it('within the limits pass, to the byte', () => {
    checkLabels(limits, {});
    checkLabels(limits, { zone: 'europe', é: 'ééé' });
  });

  it.each([
    [{ a: '1', b: '2', c: '3' }, 'too-many-labels', 'labels', 3, 2],
    [{ zones: '1' }, 'label-too-long', 'label_name_bytes', 5, 4],
    [{ zone: 'europe1' }, 'label-too-long', 'label_value_bytes', 7, 6],
    [{ zone: 'éééé' }, 'label-too-long', 'label_value_bytes', 8, 6],
  ])('%j are refused as %s by %s', (labels, code, limit, actual, allowed) => {
    expect(() => checkLabels(limits, labels as Record<string, string>)).toThrow(
      expect.objectContaining({ code, options: { limit, actual, allowed } }),
    );
  });
});

describe('at the door', () => {
  it('the defaults let 150 uploads of 60 kB a second with one key through for ten minutes', async () => {
    const caller = callerOf(tenantId);
    for (let second = 0; second < 600; second++) {
      for (let upload = 0; upload < 150; upload++) {
        await door.beforeUpload(caller, 60_000);
        door.countBytes(caller, 60_000);
      }
      clock.forward(1_000);
    }
  });

  it('a body that says it is too large is refused by name, actual and allowed', async () => {
    await set({ body_bytes: 1_000 });
    await door.beforeUpload(callerOf(tenantId), 1_000);
    await expect(door.beforeUpload(callerOf(tenantId), 1_001)).rejects.toMatchObject({
      code: 'body-too-large',
      options: { limit: 'body_bytes', actual: 1_001, allowed: 1_000 },
    });
  });

  it('uploads beyond the rate wait as long as they are told, per key', async () => {
    await set({ uploads_per_minute: 6 });
    const [one, other] = [callerOf(tenantId, { keyId: 'one' }), callerOf(tenantId, { keyId: 'other' })];
    for (let i = 0; i < 6; i++) await door.beforeUpload(one, 10);
    const refusal = (retryAfterSeconds: number) => ({
      code: 'rate-limited',
      options: { limit: 'uploads_per_minute', actual: 7, allowed: 6, retryAfterSeconds },
    });
    await expect(door.beforeUpload(one, 10)).rejects.toMatchObject(refusal(10));
    await door.beforeUpload(other, 10);
    clock.forward(9_999);
    await expect(door.beforeUpload(one, 10)).rejects.toMatchObject(refusal(1));
    clock.forward(1);
    await door.beforeUpload(one, 10);
  });

  it('bytes beyond the rate wait, for all keys of the tenant and for no other tenant', async () => {
    await set({ upload_bytes_per_second: 100, upload_burst_bytes: 1_000 });
    const [one, other] = [callerOf(tenantId, { keyId: 'one' }), callerOf(tenantId, { keyId: 'other' })];
    await door.beforeUpload(one, 900);
    door.countBytes(one, 900);
    await expect(door.beforeUpload(other, 400)).rejects.toMatchObject({
      code: 'rate-limited',
      options: { limit: 'upload_burst_bytes', actual: 1_300, allowed: 1_000, retryAfterSeconds: 3 },
    });
    clock.forward(3_000);
    await door.beforeUpload(other, 400);

    const neighbour = await insertTenant(database.db, randomUUID());
    await door.beforeUpload(callerOf(neighbour.tenantId, { keyId: 'one' }), 30_000_000);
  });

  it('an upload of unknown length is admitted and never cut off; its debt delays the next one', async () => {
    await set({ upload_bytes_per_second: 100, upload_burst_bytes: 1_000 });
    const caller = callerOf(tenantId);
    await door.beforeUpload(caller, null);
    for (let i = 0; i < 30; i++) door.countBytes(caller, 100);
    await expect(door.beforeUpload(caller, null)).rejects.toMatchObject({ options: { retryAfterSeconds: 20 } });
    clock.forward(20_000);
    await door.beforeUpload(caller, null);
  });

  it('a body larger than the burst passes once the bucket is full', async () => {
    await set({ upload_bytes_per_second: 100, upload_burst_bytes: 1_000 });
    const caller = callerOf(tenantId);
    await door.beforeUpload(caller, 5_000);
    door.countBytes(caller, 5_000);
    await expect(door.beforeUpload(caller, 5_000)).rejects.toMatchObject({ options: { retryAfterSeconds: 50 } });
    clock.forward(50_000);
    await door.beforeUpload(caller, 5_000);
  });
});
