import { snapshotName, timeIn } from '../../src/cli/snapshot-names.js';

const at = (text: string): number => Date.parse(text);

describe('what the way to a file says', () => {
  it.each([
    ['000.heap.pb.gz', 'local', '000'],
    ['000.goroutine-debug2.txt', 'local', '000'],
    ['goroutine-000.debug=2.txt.gz', 'local', '000'],
    ['heap1.pb.gz', 'local', '1'],
    ['goroutineleak_12.pb', 'local', '12'],
    ['heap.pb.gz', 'local', ''],
    ['web-1.heap.007.pb.gz', 'local', 'web.1.007'],
    ['pprof.server.alloc_objects.alloc_space.inuse_objects.inuse_space.003.pb.gz', 'local', 'server.003'],
    ['preheap.001', 'local', 'preheap.001'],
  ])('%s is of instance %s and moment "%s"', (way, instance, moment) => {
    expect(snapshotName(way)).toMatchObject({ instance, moment });
  });

  it.each([
    ['pod-1/000.heap.pb.gz', 'pod-1', '000'],
    ['eu/pod-1/000.heap.pb.gz', 'eu/pod-1', '000'],
    ['pod-1/heap/000.pb.gz', 'pod-1', '000'],
    ['heap/pod-1/000.pb.gz', 'pod-1', '000'],
    ['heap/000.pb.gz', 'local', '000'],
    ['pod-1/2026-01-31_03-00-00/heap.pb.gz', 'pod-1', '2026.01.31.03.00.00'],
    ['20260131T0300/goroutine.txt', 'local', '20260131t0300'],
    ['0/000.heap', '0', '000'],
  ])('a folder is an instance, but for one of a kind or a time: %s', (way, instance, moment) => {
    expect(snapshotName(way)).toMatchObject({ instance, moment });
  });

  it('what was taken together has one moment, whatever it is of', () => {
    const names = ['000.heap', '000.goroutine', '000.memstats.json', '000.gctrace.log', '000.proc-status.txt'];
    expect(new Set(names.map((name) => snapshotName(name).moment))).toEqual(new Set(['000']));
  });

  it.each([
    ['heap-20260131T0300.pb.gz', '2026-01-31T03:00:00Z'],
    ['heap-1767139200.pb.gz', '2025-12-31T00:00:00Z'],
    ['heap-1767139200123', '2025-12-31T00:00:00.123Z'],
    ['heap-1767139200123456789', '2025-12-31T00:00:00.123Z'],
    ['2026-01-31_03-00-00.txt', '2026-01-31T03:00:00Z'],
    ['2026-01-31T03:00:05.250+02:00.heap', '2026-01-31T01:00:05.250Z'],
    ['20260131030005-heap', '2026-01-31T03:00:05Z'],
    ['heap_2026.01.31-03h00m07s', '2026-01-31T03:00:07Z'],
  ])('the time in %s is %s', (name, time) => {
    expect(timeIn(name)).toBe(at(time));
  });

  it.each([
    '000.heap',
    '2026-01-31.heap',
    '20261331T0300',
    '20260131T2500',
    'heap-9767139200',
    'f1767139200a',
    '17671392',
  ])('there is no time in %s', (name) => expect(timeIn(name)).toBeNull());

  it('a file says the time itself, or the folder of its moment does', () => {
    expect(snapshotName('pod-1/20260131T0300/heap.pb').namedMillis).toBe(at('2026-01-31T03:00Z'));
    expect(snapshotName('pod-1/20260131T0300/heap-20260131T0301.pb').namedMillis).toBe(at('2026-01-31T03:01Z'));
    expect(snapshotName('pod-1/heap.pb').namedMillis).toBeNull();
  });
});
