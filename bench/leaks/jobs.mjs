import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { linesOf, readCases } from './cases.mjs';
import { jobsOf } from './evaluation.mjs';
import { isStudyCase, readStudyCases } from './study.mjs';

const dataDir = fileURLToPath(new URL('data/', import.meta.url));

/** The recorded series of this repository. @returns {string[]} paths */
export function ownFiles() {
  const names = existsSync(dataDir) ? readdirSync(dataDir) : [];
  return names
    .filter((name) => name.endsWith('.jsonl.gz'))
    .sort()
    .map((name) => dataDir + name);
}

/**
 * @param {string[]} chosen.files of cases
 * @param {number} chosen.hostsPerProgram see injectedJobs
 */
export function chosenJobs({ files, ...chosen }) {
  const cases = files.flatMap((file) =>
    isStudyCase(JSON.parse(linesOf(file)[0])) ? readStudyCases(file) : readCases(file),
  );
  return { cases, jobs: jobsOf(cases, chosen) };
}
