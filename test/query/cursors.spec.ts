import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { type CursorScope, Cursors } from '../../src/platform/cursor.js';
import { asTenantId } from '../../src/platform/database.js';

const now = new Date('2026-11-23T12:00:00Z');
const cursors = new Cursors('a secret that is thirty-two characters long');
const scope: CursorScope = {
  tenantId: asTenantId(randomUUID()),
  endpoint: 'snapshots',
  filters: { kind: 'heap', env: undefined },
};
const position = { capturedAt: '2026-11-23T11:00:00.123456Z', id: 'x' };
const badCursor = expect.objectContaining({ code: 'bad-cursor', status: 400 });

function opening(given: CursorScope, cursor: string, at = now) {
  return () => cursors.open(given, cursor, at);
}

test('what was sealed is opened with the same scope, its filters in any order', () => {
  const cursor = cursors.seal({ ...scope, filters: { a: 1, b: 2 } }, position, now);
  expect(cursors.open({ ...scope, filters: { b: 2, a: 1, c: undefined } }, cursor, now)).toEqual(position);
});

test('a cursor is of no use to another tenant, on another list or with other filters', () => {
  const cursor = cursors.seal(scope, position, now);
  expect(opening({ ...scope, tenantId: asTenantId(randomUUID()) }, cursor)).toThrow(badCursor);
  expect(opening({ ...scope, endpoint: 'services' }, cursor)).toThrow(badCursor);
  expect(opening({ ...scope, filters: { kind: 'cpu' } }, cursor)).toThrow(badCursor);
  expect(opening({ ...scope, filters: {} }, cursor)).toThrow(badCursor);
});

test('a cursor ends after 24 hours', () => {
  const cursor = cursors.seal(scope, position, now);
  const day = 24 * 3600 * 1000;
  expect(opening(scope, cursor, new Date(now.getTime() + day))()).toEqual(position);
  expect(opening(scope, cursor, new Date(now.getTime() + day + 1))).toThrow(badCursor);
});

test('a secret of its own makes cursors of its own', () => {
  const other = new Cursors('another secret, also thirty-two characters');
  expect(opening(scope, other.seal(scope, position, now))).toThrow(badCursor);
});

test('no change to a cursor goes unnoticed', () => {
  const cursor = cursors.seal(scope, position, now);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  fc.assert(
    fc.property(fc.nat(cursor.length - 1), fc.constantFrom(...alphabet), (at, letter) => {
      fc.pre(cursor[at] !== letter);
      expect(opening(scope, cursor.slice(0, at) + letter + cursor.slice(at + 1))).toThrow(badCursor);
    }),
  );
  for (const text of ['', 'x', cursor.slice(0, -1), `${cursor}A`, `${cursor}=`, ` ${cursor}`, `${cursor}!`]) {
    expect(opening(scope, text)).toThrow(badCursor);
  }
});
