import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { linesOf, readCases } from './cases.mjs';
import { jobsOf } from './evaluation.mjs';
import { subsets } from './figures.mjs';
import { isStudyCase, readStudyCases } from './study.mjs';

const recordings = fileURLToPath(new URL('recordings/', import.meta.url));

/** The recorded series of this repository. @returns {string[]} paths */
export function ownFiles() {
  const names = existsSync(recordings) ? readdirSync(recordings) : [];
  return names
    .filter((name) => name.endsWith('.jsonl.gz'))
    .sort()
    .map((name) => recordings + name);
}

/**
 * @param {string[]} chosen.files of cases
 * @param {number} chosen.hostsPerProgram see injectedJobs
 * @param {'quick' | 'spec'} [chosen.subset] instead
 */
export function chosenJobs({ files, subset, hostsPerProgram }) {
  const cases = files.flatMap((file) =>
    isStudyCase(JSON.parse(linesOf(file)[0])) ? readStudyCases(file) : readCases(file),
  );
  if (subset === undefined) return { cases, jobs: jobsOf(cases, { hostsPerProgram }) };
  const { keep, ...chosen } = subsets[subset];
  return { cases, jobs: jobsOf(cases, chosen).filter(keep) };
}
