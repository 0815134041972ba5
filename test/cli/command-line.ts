import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const builtProgram = fileURLToPath(new URL('../../bin/tidemark.js', import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly stdin?: Uint8Array;
  /** Options of node itself. */
  readonly node?: readonly string[];
  /** Another copy of the program. */
  readonly program?: string;
  /** Nobody reads what it prints. */
  readonly closedStdout?: boolean;
}

/** Runs the built command line as a user would and gives what it printed and how it ended. */
export function tidemark(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { env = {}, stdin, node = [], program = builtProgram, closedStdout = false } = options;
  const child = spawn(process.execPath, [...node, program, ...args], {
    env: { PATH: process.env.PATH, NO_COLOR: '1', ...env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  if (closedStdout) child.stdout.destroy();
  child.stdin.end(stdin);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}
