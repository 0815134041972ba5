/**
 * Places where a process can be made to die at once, as if the power had gone, so that tests can prove what survives.
 * Nothing is armed unless the configuration says so, and then a failpoint can do nothing but kill its own process.
 */
export const failpoints = {
  /** One upload in the API, in the order of its way. */
  api: [
    'archive-half-written',
    'archive-written-before-rename',
    'archive-renamed-before-folder-sync',
    'after-archive-before-commit',
    'after-commit-before-announce',
    'after-announce-before-answer',
  ],
  /** One upload in the worker, in the order of its way. */
  worker: [
    'after-claim-before-parse',
    'after-parse-before-dictionary',
    'after-dictionary-before-result',
    'after-result-before-commit',
    'after-commit-before-next',
  ],
  /** The ranking of one service in the worker, in the order of its way. */
  ranking: ['after-claim-before-ranking', 'after-ranking-before-outcome', 'after-outcome-before-commit'],
} as const;

export type Failpoint = (typeof failpoints)[keyof typeof failpoints][number];

const allFailpoints: readonly string[] = Object.values(failpoints).flat();

let armed: { name: Failpoint; passes: number } | null = null;

/**
 * Arms one failpoint for this process; `setting` is `name` or `name:n`, which dies when it is reached the n-th time.
 *
 * @throws Error when there is no failpoint of that name.
 */
export function armFailpoint(setting: string): void {
  const [name, nth = '1'] = setting.split(':', 2);
  if (!isFailpoint(name) || !/^[1-9]\d{0,5}$/.test(nth)) {
    throw new Error(`unknown failpoint ${JSON.stringify(setting)}; known are ${allFailpoints.join(', ')}`);
  }
  armed = { name, passes: Number(nth) - 1 };
}

/** Kills this process, without any chance to tidy up, if `name` is armed and has been reached often enough. */
export function failpoint(name: Failpoint): void {
  if (armed?.name !== name) return;
  if (armed.passes-- > 0) return;
  process.kill(process.pid, 'SIGKILL');
}

function isFailpoint(name: string): name is Failpoint {
  return allFailpoints.includes(name);
}
