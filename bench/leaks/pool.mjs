// The windows are ranked by a few threads. Each reads the cases itself and makes the same list of windows, so that only
// numbers of windows and outcomes pass between them.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

export class Pool {
  #workers;

  /** @param {object} chosen files of cases, and which windows: see jobs.mjs */
  constructor(chosen, threads) {
    this.#workers = Array.from(
      { length: threads },
      (_, number) => new Worker(new URL('worker.mjs', import.meta.url), { workerData: { ...chosen, number, threads } }),
    );
  }

  /**
   * Ranks all windows, or those of some numbers.
   *
   * @param specs see rankerOf
   * @returns {Promise<object[]>} rows with the number of their window in `window`, in its order
   */
  async evaluate(specs, windows = null) {
    const parts = await this.#ask({ task: 'evaluate', specs, windows });
    return parts.flat().sort((a, b) => a.window - b.window);
  }

  /** What constants are worth on the windows of tuning. @returns {Promise<object[]>} see tuningOutcome */
  async tryConstants(constants) {
    const parts = await this.#ask({ task: 'try', constants });
    return parts.flat().sort((a, b) => a.window - b.window);
  }

  async close() {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #ask(message) {
    return Promise.all(
      this.#workers.map(async (worker) => {
        worker.postMessage(message);
        const [answer] = await once(worker, 'message');
        return answer;
      }),
    );
  }
}
