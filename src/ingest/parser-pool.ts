import { fork, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { CrashReason, ParseAnswer, ParseRequest } from './parsed-part.js';
import type { ParserMessage, ParserTask } from './parser-protocol.js';

/*
 * Parsers are processes of their own, because only a process can be bounded and can die alone: the limits of a
 * worker_thread do not see Buffers, and an endless loop cannot be interrupted from within. Starting one costs some
 * 100 ms, so they live long and take one upload at a time each.
 *
 *     starting ──ready──▶ idle ◀──answer── busy
 *         │                │ │               │
 *         │                │ └──task──▶──────┤
 *         ▼                ▼                 ▼
 *       failed          retired           crashed: by its own fault, or killed for its time or memory
 *
 * An upload that was in a parser when it died has crashed it, and gets that as its outcome; no other upload notices.
 * A parser that dies before it is ready says nothing about any upload: then the pool cannot work, and says so.
 */

export interface ParserPoolOptions {
  /** Module of the parser process. */
  readonly entry: URL;
  readonly parsers: number;
  readonly limits: ParserLimits;
  /** Options of the Node process, before the entry. */
  readonly execArgv: readonly string[];
}

export interface ParserLimits {
  /** From the moment an upload is given to a parser to its answer. */
  readonly wallMillis: number;
  /** Resident memory at which a busy parser is killed; outside Linux `heapBytes` is the only bound. */
  readonly residentBytes: number;
  /** Resident memory above which a parser is replaced once it is idle. */
  readonly recycleBytes: number;
  /** Heap of V8; beyond it a parser aborts by itself. */
  readonly heapBytes: number;
  readonly startMillis: number;
}

const MiB = 1024 * 1024;

export const defaultParserLimits: ParserLimits = {
  wallMillis: 60_000,
  residentBytes: 1024 * MiB,
  recycleBytes: 400 * MiB,
  heapBytes: 768 * MiB,
  startMillis: 20_000,
};

/** No parser can be started; the uploads are not at fault. */
export class ParserStartError extends Error {
  override readonly name = 'ParserStartError';
}

const memoryPollMillis = 50;
const keptErrorOutput = 2_000;

interface Task {
  readonly request: ParseRequest;
  resolve(answer: ParseAnswer): void;
  reject(error: ParserStartError): void;
}

export class ParserPool {
  private readonly parsers = new Set<Parser>();
  private readonly waiting: Task[] = [];
  private closed = false;

  constructor(private readonly options: ParserPoolOptions) {}

  /**
   * Parses one upload in a process of the pool; waits for a free one.
   *
   * @throws ParserStartError when the pool cannot start a parser, or was closed
   */
  parse(request: ParseRequest): Promise<ParseAnswer> {
    if (this.closed) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      this.waiting.push({ request, resolve, reject });
      this.assign();
    });
  }

  /** Process ids, for the tests that look after them. */
  get processIds(): number[] {
    return [...this.parsers].flatMap((parser) => parser.processId ?? []);
  }

  /** Ends all parsers, busy ones too. What they were parsing is rejected with ParserStartError. */
  async close(): Promise<void> {
    this.closed = true;
    for (const task of this.waiting.splice(0)) task.reject(closedError());
    await Promise.all([...this.parsers].map((parser) => parser.end()));
  }

  private assign(): void {
    for (const parser of this.parsers) {
      if (this.waiting.length === 0) return;
      if (parser.isIdle) parser.run(this.waiting.shift()!);
    }
    const starting = [...this.parsers].filter((parser) => parser.isStarting).length;
    const missing = Math.min(this.waiting.length - starting, this.options.parsers - this.parsers.size);
    for (let i = 0; i < missing; i++) this.start();
  }

  private start(): void {
    const parser = new Parser(this.options, {
      idle: () => this.assign(),
      gone: (startFailure) => {
        this.parsers.delete(parser);
        // Whoever waits would wait for ever if starting fails again and again; the caller decides when to try again.
        if (startFailure) for (const task of this.waiting.splice(0)) task.reject(startFailure);
        if (!this.closed) this.assign();
      },
    });
    this.parsers.add(parser);
  }
}

interface ParserEvents {
  idle(): void;
  gone(startFailure: ParserStartError | null): void;
}

class Parser {
  private readonly child: ChildProcess;
  private readonly ended: Promise<void>;
  private state: 'starting' | 'idle' | 'busy' | 'retired' = 'starting';
  private task: Task | null = null;
  private taskNumber = 0;
  private killedFor: Extract<CrashReason, 'timeout' | 'memory'> | 'closing' | null = null;
  private deadline: NodeJS.Timeout;
  private memoryPoll: NodeJS.Timeout | null = null;
  private errorOutput = '';

  constructor(
    private readonly options: ParserPoolOptions,
    private readonly events: ParserEvents,
  ) {
    // It is told who its worker is: by the time it could ask, the worker may be gone and its parent another.
    this.child = fork(options.entry, [String(process.pid)], {
      serialization: 'advanced',
      // Nothing of the worker's environment: no database, no secret.
      env: { TZ: 'UTC', NODE_ENV: 'production' },
      execArgv: [...options.execArgv, `--max-old-space-size=${Math.round(options.limits.heapBytes / MiB)}`],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.errorOutput = (this.errorOutput + text).slice(-keptErrorOutput);
    });
    this.child.on('message', (message: ParserMessage) => this.hear(message));
    this.ended = new Promise((resolve) => {
      // 'error' without a process means that it could not be spawned; then no 'close' follows.
      this.child.once('error', (error) => this.child.pid === undefined && resolve(this.afterEnd(null, null, error)));
      // 'close' comes after 'exit', once what it wrote to stderr has been read.
      this.child.once('close', (code, signal) => resolve(this.afterEnd(code, signal, null)));
    });
    this.deadline = setTimeout(() => this.kill('timeout'), options.limits.startMillis);
  }

  get isIdle(): boolean {
    return this.state === 'idle';
  }

  get isStarting(): boolean {
    return this.state === 'starting';
  }

  get processId(): number | undefined {
    return this.child.pid;
  }

  run(task: Task): void {
    this.state = 'busy';
    this.task = task;
    this.taskNumber++;
    this.deadline = setTimeout(() => this.kill('timeout'), this.options.limits.wallMillis);
    this.memoryPoll = setInterval(() => void this.checkMemory(), memoryPollMillis);
    const message: ParserTask = { task: this.taskNumber, request: task.request };
    // A failure to send means that the process is ending, and 'close' will say how.
    this.child.send(message, () => undefined);
  }

  async end(): Promise<void> {
    this.kill('closing');
    await this.ended;
  }

  private hear(message: ParserMessage): void {
    if (message === 'ready') {
      clearTimeout(this.deadline);
      this.becomeIdle();
      return;
    }
    if (message.task !== this.taskNumber || !this.task) return;
    const { task } = this;
    this.stopWatching();
    task.resolve(message.answer);
    this.becomeIdle();
  }

  /** Ready for the next upload, unless the last ones have left it too large. */
  private becomeIdle(): void {
    if (this.state === 'retired') return;
    this.state = 'idle';
    const { pid } = this.child;
    if (this.taskNumber > 0 && pid !== undefined) {
      const resident = residentBytes(pid);
      if (resident !== null && resident > this.options.limits.recycleBytes) {
        this.state = 'retired';
        this.child.kill('SIGKILL');
        return;
      }
    }
    this.events.idle();
  }

  private checkMemory(): void {
    const { pid } = this.child;
    const resident = pid === undefined ? null : residentBytes(pid);
    if (resident !== null && resident > this.options.limits.residentBytes) this.kill('memory');
  }

  private kill(reason: NonNullable<typeof this.killedFor>): void {
    this.killedFor ??= reason;
    this.child.kill('SIGKILL');
  }

  private stopWatching(): void {
    clearTimeout(this.deadline);
    if (this.memoryPoll) clearInterval(this.memoryPoll);
    this.memoryPoll = null;
    this.task = null;
  }

  private afterEnd(code: number | null, signal: NodeJS.Signals | null, error: Error | null): void {
    const wasStarting = this.state === 'starting';
    this.state = 'retired';
    const { task } = this;
    this.stopWatching();
    const how = error?.message ?? (signal ? `ended by ${signal}` : `ended with code ${code}`);
    const detail = [how, this.errorOutput.trim()].filter(Boolean).join('\n');
    if (this.killedFor === 'closing') task?.reject(closedError());
    else task?.resolve({ outcome: 'crashed', reason: this.killedFor ?? (signal ? 'signal' : 'exit'), detail });
    this.events.gone(wasStarting ? new ParserStartError(`a parser process did not start: ${detail}`) : null);
  }
}

function closedError(): ParserStartError {
  return new ParserStartError('the parser pool is closed');
}

/** Resident memory of another process; null where the system does not tell (not Linux), or when it has just ended. */
function residentBytes(processId: number): number | null {
  try {
    const status = readFileSync(`/proc/${processId}/status`, 'latin1');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return null;
  }
}
