import { readFileSync } from 'node:fs';
import { rankLeaks } from '../dist/analysis/leaks/rank.js';
import { readLeakEvidence } from '../dist/catalog/leak-evidence.js';
import { StackStore } from '../dist/catalog/stack-store.js';
import { Database } from '../dist/platform/database.js';
const { databaseUrl, superuserUrl, tenantId, series, ...window } = JSON.parse(readFileSync('/tmp/lr.json','utf8'));
const db = await Database.open(databaseUrl, { poolSize: 1 });
const store = new StackStore();
let found;
for (let i=0;i<4;i++) {
  let c=process.cpuUsage(); let b=performance.now();
  found = await db.readTenant(tenantId, async (tx) => {
    const q = tx.query.bind(tx);
    const log=[];
    tx.query = async (sql, p) => { const t=performance.now(); const r = await q(sql,p); log.push([Math.round(performance.now()-t), r.length, sql.replace(/\s+/g,' ').slice(0,60)]); return r; };
    const r = await readLeakEvidence(tx, store, tenantId, window);
    if (i===3) for (const l of log) console.log(l.join(' '));
    return r;
  });
  let u=process.cpuUsage(c);
  console.log('evidence wall', Math.round(performance.now()-b), 'cpu', (u.user+u.system)/1000|0);
  c=process.cpuUsage(); b=performance.now();
  const r=rankLeaks(found.evidence);
  u=process.cpuUsage(c);
  console.log('rank wall', Math.round(performance.now()-b), 'cpu', (u.user+u.system)/1000|0, 'json', JSON.stringify(r).length);
}
await db.close();
