import { parentPort, workerData } from 'node:worker_threads';
import { evaluate } from './evaluation.mjs';
import { chosenJobs } from './jobs.mjs';
import { own, rankerOf } from './rankers.mjs';
import { isForTuning, tuningOutcome } from './tune.mjs';

const { number, threads } = workerData;
const { jobs } = chosenJobs(workerData);
const mine = jobs.map((job, window) => ({ job, window })).filter(({ window }) => window % threads === number);

/** The windows of tuning are ranked again and again: their evidence is made once. */
let forTuning = null;

parentPort.on('message', (message) => {
  parentPort.postMessage(message.task === 'evaluate' ? evaluated(message) : tried(message));
});

function evaluated({ specs, windows }) {
  const rankers = specs.map(rankerOf);
  const wanted = windows === null ? null : new Set(windows);
  return mine
    .filter(({ window }) => wanted === null || wanted.has(window))
    .flatMap(({ job, window }) => evaluate(job, rankers).map((row) => ({ ...row, window })));
}

function tried({ constants }) {
  forTuning ??= mine
    .filter(({ job, window }) => isForTuning(job, window))
    .map(({ job, window }) => {
      const evidence = job.evidence();
      return { window, job: { ...job, evidence: () => evidence } };
    });
  const ranker = rankerOf({ name: own, constants });
  return forTuning.flatMap(({ job, window }) =>
    evaluate(job, [ranker]).map((row) => ({ window, ...tuningOutcome(row) })),
  );
}
