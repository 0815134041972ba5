// npm run eval:leaks -- --api: some recordings through a whole Tidemark, embedded Postgres, uploads, index and HTTP, and
// the same recordings through the ranking alone. Both must say the same.
import { rankLeaks } from '../../dist/analysis/leaks/rank.js';
import { startServer } from '../server.mjs';
import { artefactsOf } from './artefacts.mjs';
import { ofKind } from './windows.mjs';

/** How many recordings of each suite. */
const perSuite = { leak: 8, healthy: 4, fixed: 2 };

/** @returns {Promise<number>} recordings of which the two differ */
export async function compareWithService(cases, say) {
  const chosen = Object.entries(perSuite).flatMap(([suite, count]) => {
    const usable = cases.filter(({ truth, evidence }) => truth.suite === suite && isListed(evidence));
    return Array.from(
      { length: Math.min(count, usable.length) },
      (_, i) => usable[Math.floor((i * usable.length) / count)],
    );
  });
  const server = await startServer();
  let different = 0;
  try {
    for (const { truth, evidence } of chosen) {
      const fresh = movedToToday(evidence);
      const artefacts = artefactsOf(fresh);
      for (const { instance, kind, atMillis, build, bytes } of artefacts) {
        const more = build === '' ? {} : { build };
        const captured = new Date(atMillis).toISOString();
        await server.push(truth.name, bytes, {
          instance,
          captured_at: captured,
          ...more,
          ...(kind === 'heap' ? { kind } : {}),
        });
      }
      await server.settled(truth.name, artefacts.length);
      const from = new Date(artefacts[0].atMillis - 1).toISOString();
      const to = new Date(artefacts.at(-1).atMillis + 1).toISOString();
      const answered = await server.post(`/api/v1/services/${truth.name}/suspects/explain`, { from, to, limit: 50 });
      const alone = rankLeaks(withoutMemory(fresh), { limit: 50 }).suspects;
      const difference = firstDifference(alone, answered.suspects);
      if (difference !== null) different++;
      say(
        `${truth.name.padEnd(44)} ${String(alone.length).padStart(3)} suspects  ${difference ?? scoresDiffer(alone, answered.suspects)}`,
      );
    }
  } finally {
    await server.stop();
  }
  return different;
}

function isListed(evidence) {
  return (
    evidence.instances.every((one) => {
      const goroutines = ofKind(one, 'goroutine');
      return goroutines.length > 1 && goroutines.every(({ members }) => members !== null);
    }) && evidence.instances.every((one) => ofKind(one, 'goroutineleak').length === 0)
  );
}

/** A service takes what was captured of late: the recording ends a minute ago. */
function movedToToday(evidence) {
  const last = Math.max(...evidence.instances.flatMap(({ snapshots }) => snapshots.map((one) => one.atMillis)));
  const by = Date.now() - 60_000 - last;
  return {
    ...evidence,
    instances: evidence.instances.map((instance) => ({
      ...instance,
      snapshots: instance.snapshots.map((snapshot) => ({ ...snapshot, atMillis: snapshot.atMillis + by })),
    })),
  };
}

function withoutMemory({ stacks, instances }) {
  return { stacks, instances: instances.map((instance) => ({ ...instance, memory: [] })) };
}

/** What is said of the ranks, or null where they are the same. */
function firstDifference(expected, found) {
  if (expected.length !== found.length) return `${found.length} suspects over HTTP`;
  for (const [i, suspect] of expected.entries()) {
    for (const field of ['rank', 'tier', 'kind', 'function', 'state', 'createdBy', 'fingerprint']) {
      if (suspect[field] !== found[i][field]) {
        return `rank ${i + 1}: ${field} ${suspect[field]}, over HTTP ${found[i][field]}`;
      }
    }
  }
  return null;
}

/** The service lists the goroutines of a few dumps of a process only, so it may know less of how long they live. */
function scoresDiffer(expected, found) {
  const most = expected.reduce(
    (max, { score }, i) => Math.max(max, Math.abs(score - found[i].score) / Math.max(score, found[i].score)),
    0,
  );
  return most < 1e-9 ? 'the same' : `the same ranks, scores differ by up to ${(100 * most).toFixed(0)} %`;
}
