import { execFileSync } from 'node:child_process';

/** Whether `go tool trace` is there. Building it once may take Go a while. */
export const traceToolAvailable = hasTool();

/** `describe` where Go is installed; elsewhere the tests are skipped, and one line says so. */
export const describeWithTraceTool = traceToolAvailable ? describe : describe.skip;

if (!traceToolAvailable)
  process.stderr.write('Tests against go tool trace are skipped: they need Go 1.26 (https://go.dev/dl/)\n');

function hasTool(): boolean {
  try {
    // Older tools do not read the traces of newer programs.
    const version = execFileSync('go', ['env', 'GOVERSION'], { encoding: 'utf8' });
    return Number(/^go1\.(\d+)/.exec(version)?.[1] ?? 0) >= 26;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}

/** The profile that `go tool trace -pprof=…` makes of a trace (gzip). */
export function delayProfileByGo(name: string, path: string): Uint8Array {
  return execFileSync('go', ['tool', 'trace', `-pprof=${name}`, path], {
    maxBuffer: 256 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

/** The events of a trace as `go tool trace -d=parsed` prints them: the first line of each. */
export function eventsByGo(path: string): string[] {
  const text = execFileSync('go', ['tool', 'trace', '-d=parsed', path], {
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return text.split('\n').filter((line) => /^M=-?\d+ P=/.test(line));
}
