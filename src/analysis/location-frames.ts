import { canonicalFunction } from '../formats/go-names.js';
import type { Profile } from '../formats/pprof/profile.js';
import type { SymbolTableBuilder } from './stack-builder.js';

/** Frames of location l, outermost first: `frames[frameStart[l] .. frameStart[l + 1])`; at least one. */
export interface LocationFrames {
  readonly frames: Int32Array;
  readonly frameStart: Int32Array;
}

/**
 * The frames of each location, inlined ones included, entered into `symbols`. Names are canonical, paths clean; a
 * location without a function is called after its binary.
 *
 * @param firstLineOf first line of each location that counts; by default all lines do
 */
export function framesOfLocations(
  profile: Profile,
  symbols: SymbolTableBuilder,
  firstLineOf: Uint32Array = profile.locations.lineStart,
): LocationFrames {
  const { locations, functions, mappings, strings } = profile;
  const functionNames = new Array<string>(functions.count);
  const fileNames = new Array<string>(functions.count);
  for (let f = 0; f < functions.count; f++) {
    functionNames[f] = canonicalFunction(strings.at(functions.name[f]) || strings.at(functions.systemName[f]));
    fileNames[f] = cleanPath(strings.at(functions.filename[f]));
  }
  const binaryNames = Array.from({ length: mappings.count }, (_, m) => binaryName(strings.at(mappings.filename[m])));

  const frames = new Int32Array(locations.lineFunction.length + locations.count);
  const frameStart = new Int32Array(locations.count + 1);
  let size = 0;
  for (let location = 0; location < locations.count; location++) {
    frameStart[location] = size;
    const mapping = locations.mapping[location];
    const unnamed = mapping < 0 ? unknownName : binaryNames[mapping];
    for (let line = locations.lineStart[location + 1] - 1; line >= firstLineOf[location]; line--) {
      const f = locations.lineFunction[line];
      frames[size++] = symbols.frame(functionNames[f] || unnamed, fileNames[f], locations.lineNumber[line]);
    }
    if (size === frameStart[location]) frames[size++] = symbols.frame(unnamed, '', 0);
  }
  frameStart[locations.count] = size;
  return { frames, frameStart };
}

const unknownName = '<unknown>';

/** `[checkout]`, as pprof names code of which only the binary is known (internal/graph, NameComponents). */
function binaryName(file: string): string {
  const path = file.replace(/\/+$/, '');
  return path === '' ? unknownName : `[${path.slice(path.lastIndexOf('/') + 1)}]`;
}

/** The path without empty and dot elements, as Go's path.Clean writes it. Nearly all paths are clean already. */
function cleanPath(path: string): string {
  if (!/\/\/|(^|\/)\.\.?(\/|$)|.\/$/.test(path)) return path;
  const absolute = path.startsWith('/');
  const kept: string[] = [];
  for (const element of path.split('/')) {
    if (element === '' || element === '.') continue;
    if (element !== '..') kept.push(element);
    else if (kept.length > 0 && kept.at(-1) !== '..') kept.pop();
    else if (!absolute) kept.push(element);
  }
  return (absolute ? '/' : '') + kept.join('/') || '.';
}
