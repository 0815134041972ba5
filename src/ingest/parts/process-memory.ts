import { decodeProcessMemory } from '../../formats/process-memory/decode.js';
import type { ParsedPart } from '../parsed-part.js';
import type { Declared } from './declared.js';
import { numbersPart } from './numbers.js';

/**
 * Files of one process and its control group are one moment of series. A table of several processes does not say which
 * of them is the service: it is kept to be shown, and gives no series.
 */
export function processMemoryParts(text: Uint8Array, { name: path }: Declared): ParsedPart[] {
  const { source, processes, warnings } = decodeProcessMemory(text, path ?? '');
  const isOne = processes.filter(({ pid, name }) => pid !== null || source === 'ps' || name === null).length <= 1;
  const readings = isOne ? processes.flatMap((process) => [...process.readings, ...process.derived]) : [];
  const part = numbersPart({
    kind: 'process-memory',
    format: 'process-memory',
    source: 'process-memory',
    moments: [{ atUnixNanos: null, readings }],
    content: { source, processes },
  });
  const several = {
    code: 'several-processes',
    count: processes.length,
    detail: 'processes, and nothing says which is the service: send the line of one, or its /proc/PID/status',
  };
  return [{ ...part, details: { ...part.details, warnings: [...warnings, ...(isOne ? [] : [several])] } }];
}
