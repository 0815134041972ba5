import { readFileSync } from 'node:fs';
import { startTestApp, type TestApp } from '../app.js';

let app: TestApp;
beforeAll(async () => { app = await startTestApp({ logger: (await import('pino')).pino({ level: 'debug' }, (await import('pino')).destination('/tmp/tm/q/log')) }); });
afterAll(() => app?.close());

test('x', async () => {
  const bytes = readFileSync('/work/shared/fixtures/pprof/go1.26/heap.pb.gz');
  const up = await app.http().post('/api/v1/snapshots?service=shop').set('Content-Type', 'application/octet-stream').send(bytes);
  console.log(up.status, up.body);
  const g = await app.http().get(`/api/v1/snapshots/${up.body.id}?wait=10`);
  console.log(g.status, JSON.stringify(g.body, null, 1));
  for (const path of ['top?limit=3', 'flamegraph?max_nodes=5', 'folded', 'profile.pb.gz', 'raw']) {
    const r = await app.http().get(`/api/v1/snapshots/${up.body.id}/${path}`);
    console.log(path, r.status, r.headers, JSON.stringify(r.body), r.text?.slice(0, 200));
  }
  for (const path of ['snapshots', 'services', 'services/shop', 'services/shop/builds', 'services/shop/instances', 'services/shop/top?from=2026-11-23', 'services/shop/flamegraph?from=2026-11-23', 'services/shop/trends?from=-2d', 'teams/default/trends?from=-2d', 'teams/default/services', `diff?base=${up.body.id}&target=${up.body.id}&limit=2&share=true`,`diff?base=${up.body.id}&target_service=shop&target_from=2026-11-23&limit=2&share=true`, `diff/flamegraph?base=${up.body.id}&target=${up.body.id}&max_nodes=3`]) {
    const r = await app.http().get(`/api/v1/${path}`);
    console.log(path, r.status, JSON.stringify(r.body).slice(0,1500));
  }
});
