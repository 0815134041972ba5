import { parse } from 'node:querystring';
import { readParameters } from '../../src/platform/query-parameters.js';
import { DiffQueryDto } from '../../src/query/diff.dto.js';
import { ServiceTopQueryDto } from '../../src/query/selection.dto.js';
import { SnapshotListQueryDto } from '../../src/query/snapshots.dto.js';

const read = (text: string) => readParameters(SnapshotListQueryDto, parse(text));

function refusal(text: string, dto: Parameters<typeof readParameters>[0] = SnapshotListQueryDto) {
  try {
    readParameters(dto, parse(text));
  } catch (error) {
    return error;
  }
  throw new Error('was not refused');
}

test('labels are gathered from their parameters, whatever their names are', () => {
  expect(read('label.region=eu&label.a.b=c%3Dd').labels).toEqual({ region: 'eu', 'a.b': 'c=d' });
  const diff = readParameters(DiffQueryDto, parse('base_label.x=1&target_label.x=2'));
  expect(diff).toMatchObject({ base_labels: { x: '1' }, target_labels: { x: '2' } });
  expect(Object.keys(read('label.__proto__=x').labels ?? {})).toEqual(['__proto__']);
});

test('an empty parameter counts as not given, and defaults stand', () => {
  expect(read('kind=&env=')).toEqual({ limit: 100 });
  expect(readParameters(ServiceTopQueryDto, {})).toMatchObject({ by: 'function', sort: 'flat', limit: 100 });
});

test('a parameter given twice is refused with 400', () => {
  expect(refusal('kind=heap&kind=cpu')).toMatchObject({
    code: 'duplicate-parameter',
    status: 400,
    options: { errors: [{ pointer: '?kind', code: 'duplicate-parameter' }] },
  });
});

test.each([
  ['nonsense=1', '?nonsense'],
  ['__proto__=1', '?__proto__'],
  ['constructor=1', '?constructor'],
  ['limit=0', '?limit'],
  ['limit=5001', '?limit'],
  ['limit=ten', '?limit'],
  ['kind=heaps', '?kind'],
  ['state=lost', '?state'],
  ['from=yesterday', '?from'],
  ['service=../etc/passwd', '?service'],
  ['instance=a%00b', '?instance'],
  ['label.=x', '?labels'],
  ['label.x=' + 'y'.repeat(1025), '?labels'],
  ['labels=x', '?labels'],
])('%s is refused with 422, naming the parameter', (text, pointer) => {
  expect(refusal(text)).toMatchObject({ code: 'validation-failed', status: 422 });
  expect(refusal(text)).toMatchObject({
    options: { errors: expect.arrayContaining([expect.objectContaining({ pointer })]) },
  });
});
