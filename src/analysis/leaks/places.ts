import { packageOf } from '../../formats/go-names.js';
import type { EvidenceFrame, EvidenceStack, LeakEvidence } from './evidence.js';

/*
 * Where in the code something happens: which frames are the runtime's, the standard library's, a dependency's, the
 * application's, and which of them to open in the editor.
 */

export type FrameOrigin = 'runtime' | 'standard' | 'dependency' | 'application';

/** Tells the origin of frames in the code of one service. */
export class CodeMap {
  /** `github.com/acme/shop/`, where the file of main.main shows it; else null. */
  private readonly module: string | null;

  constructor({ stacks }: Pick<LeakEvidence, 'stacks'>) {
    this.module = moduleOf(stacks);
  }

  originOf({ function: name, file }: EvidenceFrame): FrameOrigin {
    const path = packageOf(name);
    if (isRuntime(path)) return 'runtime';
    if (path === 'main') return 'application';
    const [first] = path.split('/', 1);
    if (first === '' || standardLibrary.has(first)) return 'standard';
    if (file.includes('/vendor/') || modVersion.test(file)) return 'dependency';
    if (this.module !== null && !`${path}/`.startsWith(this.module)) return 'dependency';
    return 'application';
  }

  /** The innermost application frame, else that of a dependency; null if all is Go's own. */
  ownFrame(frames: readonly EvidenceFrame[]): EvidenceFrame | null {
    let dependency: EvidenceFrame | null = null;
    for (const frame of frames) {
      const origin = this.originOf(frame);
      if (origin === 'application') return frame;
      if (origin === 'dependency') dependency ??= frame;
    }
    return dependency;
  }
}

/** The innermost frame that is not there to wait or to allocate: outside of the runtime. */
export function siteOf(frames: readonly EvidenceFrame[]): EvidenceFrame {
  return frames.find(({ function: name }) => !waits(packageOf(name))) ?? frames.at(0) ?? nowhere;
}

export const nowhere: EvidenceFrame = { function: '(unknown)', file: '', line: 0 };

function isRuntime(path: string): boolean {
  return path === 'runtime' || path.startsWith('runtime/') || path.startsWith('internal/runtime/');
}

function waits(path: string): boolean {
  return isRuntime(path) || path === 'sync' || path === 'time' || path === 'syscall' || path.startsWith('internal/');
}

const modVersion = /@v\d/;

/** First elements of import paths; what the toolchain vendors for itself begins with `vendor`. */
const standardLibrary = new Set(
  (
    'archive arena bufio bytes cmp compress container context crypto database debug embed encoding errors expvar flag ' +
    'fmt go hash html image index internal io iter log maps math mime net os path plugin reflect regexp runtime simd ' +
    'slices sort strconv strings structs sync syscall testing text time unicode unique unsafe vendor weak'
  ).split(' '),
);

/** With -trimpath the file of main.main begins with the path of its module: host, owner, repository. */
function moduleOf(stacks: readonly EvidenceStack[]): string | null {
  for (const { frames } of stacks) {
    const main = frames.find((frame) => frame.function === 'main.main');
    if (main === undefined) continue;
    const elements = main.file.split('/');
    if (elements.length < 4 || !/^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/.test(elements[0]) || modVersion.test(main.file))
      return null;
    return `${elements.slice(0, 3).join('/')}/`;
  }
  return null;
}
