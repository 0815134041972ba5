import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { startExitCodes } from './start-failure.js';

const backOffMillisMin = 500;
const backOffMillisMax = 30_000;
/** A child that lived this long was well; the next failure is a new one. */
const healthyMillis = 60_000;
const stopMillisMax = 27_000;

export interface SupervisorOptions {
  readonly entry: URL;
  readonly env: NodeJS.ProcessEnv;
  readonly execArgv?: readonly string[];
  readonly log: (message: string) => void;
  /** The child says that no restart will help (exit 78). */
  readonly onHopeless: () => void;
}

/**
 * Keeps one child process running. It is restarted when it dies, after half a second at first and twice as long each
 * time, up to half a minute. It has an IPC channel, so that it notices when this process is gone.
 *
 *   running ──dies──▶ waiting ──back-off──▶ running        any ──stop()──▶ stopped
 */
export class ChildSupervisor {
  private child: ChildProcess | null = null;
  private timer: NodeJS.Timeout | null = null;
  private backOffMillis = backOffMillisMin;
  private stopped = false;

  constructor(private readonly options: SupervisorOptions) {
    this.start();
  }

  /** Of the child that runs now. */
  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** Asks the child to finish what it has, and kills it when it takes too long. */
  async stop(): Promise<void> {
    this.stopped = true;
    if (this.timer) clearTimeout(this.timer);
    const { child } = this;
    if (!child) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    const deadline = setTimeout(() => child.kill('SIGKILL'), stopMillisMax);
    await exited;
    clearTimeout(deadline);
  }

  private start(): void {
    const { entry, env, execArgv, log } = this.options;
    const started = performance.now();
    const child = fork(entry, {
      env,
      execArgv: [...(execArgv ?? process.execArgv)],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.child = child;
    child.once('error', (error) => log(`the worker process could not be started: ${error.message}`));
    child.once('exit', (code, signal) => {
      this.child = null;
      if (this.stopped) return;
      if (code === startExitCodes.config) return this.options.onHopeless();
      if (performance.now() - started > healthyMillis) this.backOffMillis = backOffMillisMin;
      log(
        `the worker process ended (${signal ?? `exit code ${code}`}); it is started again in ${this.backOffMillis} ms`,
      );
      this.timer = setTimeout(() => this.start(), this.backOffMillis);
      this.backOffMillis = Math.min(this.backOffMillis * 2, backOffMillisMax);
    });
  }
}
