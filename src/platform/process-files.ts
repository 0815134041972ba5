import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Whether a process with this number runs, whoever owns it. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  // One that has ended and waits to be reaped (for ever, in a container without an init) still has its number.
  return readStat(pid)?.state !== 'Z';
}

/** The program's name where the system tells it (Linux), else null. */
export function processName(pid: number): string | null {
  return readStat(pid)?.name ?? null;
}

/** Process numbers are used again; together with the start time they are not. */
function identityOf(pid: number): string {
  return `${pid} ${readStat(pid)?.started ?? ''}`;
}

/** From proc(5) stat: name (2), state (3) and start time in ticks (22). Null without /proc, or when the process is gone. */
function readStat(pid: number): { name: string; state: string; started: string } | null {
  let stat: string;
  try {
    stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The name is in parentheses and may hold some itself.
  const end = stat.lastIndexOf(')');
  const fields = stat.slice(end + 2).split(' ');
  return { name: stat.slice(stat.indexOf('(') + 1, end), state: fields[0], started: fields[19] };
}

function livesStill(identity: string): boolean {
  const pid = Number(identity.split(' ')[0]);
  return pid > 0 && isAlive(pid) && identityOf(pid) === identity;
}

/** A lock between processes of one machine; one whose holder died is free. */
export class LockFile {
  constructor(private readonly file: string) {}

  async whileHeld<T>(work: () => Promise<T>): Promise<T> {
    await this.take();
    try {
      return await work();
    } finally {
      fs.rmSync(this.file, { force: true });
    }
  }

  private async take(): Promise<void> {
    // Written aside and linked into place: a lock file is never seen without its holder's name in it.
    const mine = `${this.file}.${process.pid}.${nextNumber()}`;
    fs.writeFileSync(mine, identityOf(process.pid), { mode: 0o600 });
    try {
      for (;;) {
        try {
          fs.linkSync(mine, this.file);
          return;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        }
        if (!this.takeFromTheDead(`${mine}.dead`)) await sleep(25);
      }
    } finally {
      fs.rmSync(mine, { force: true });
    }
  }

  /** Moves an abandoned lock away, and back should another process have put its own there in between. */
  private takeFromTheDead(aside: string): boolean {
    try {
      if (livesStill(fs.readFileSync(this.file, 'utf8'))) return false;
      fs.renameSync(this.file, aside);
      if (livesStill(fs.readFileSync(aside, 'utf8'))) fs.linkSync(aside, this.file);
      fs.rmSync(aside);
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'EEXIST') return false; // another process was faster
      throw error;
    }
  }
}

/** Which living processes use something; a process may enter several times. */
export class Presence {
  private readonly files: string[] = [];

  constructor(private readonly folder: string) {}

  enter(): void {
    fs.mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const file = path.join(this.folder, `${process.pid}.${nextNumber()}`);
    fs.writeFileSync(file, identityOf(process.pid));
    this.files.push(file);
  }

  leave(): void {
    const file = this.files.pop();
    if (file) fs.rmSync(file, { force: true });
  }

  /** Forgets the dead on the way. */
  anyone(): boolean {
    let living = false;
    for (const name of fs.readdirSync(this.folder)) {
      const file = path.join(this.folder, name);
      if (livesStill(fs.readFileSync(file, 'utf8'))) living = true;
      else fs.rmSync(file, { force: true });
    }
    return living;
  }
}

let numbers = 0;
function nextNumber(): number {
  return numbers++;
}
