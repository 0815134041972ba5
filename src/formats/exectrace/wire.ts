/*
 * The wire format of traces of Go 1.22 and later. Source: Go src/internal/trace/tracev2/events.go.
 */

/** Event types, by the byte that stands for them. */
export const wire = {
  eventBatch: 1,
  stacks: 2,
  stack: 3,
  strings: 4,
  string: 5,
  cpuSamples: 6,
  cpuSample: 7,
  frequency: 8,
  procsChange: 9,
  procStart: 10,
  procStop: 11,
  procSteal: 12,
  procStatus: 13,
  goCreate: 14,
  goCreateSyscall: 15,
  goStart: 16,
  goDestroy: 17,
  goDestroySyscall: 18,
  goStop: 19,
  goBlock: 20,
  goUnblock: 21,
  goSyscallBegin: 22,
  goSyscallEnd: 23,
  goSyscallEndBlocked: 24,
  goStatus: 25,
  stwBegin: 26,
  stwEnd: 27,
  gcActive: 28,
  gcBegin: 29,
  gcEnd: 30,
  gcSweepActive: 31,
  gcSweepBegin: 32,
  gcSweepEnd: 33,
  gcMarkAssistActive: 34,
  gcMarkAssistBegin: 35,
  gcMarkAssistEnd: 36,
  heapAlloc: 37,
  heapGoal: 38,
  goLabel: 39,
  userTaskBegin: 40,
  userTaskEnd: 41,
  userRegionBegin: 42,
  userRegionEnd: 43,
  userLog: 44,
  goSwitch: 45,
  goSwitchDestroy: 46,
  goCreateBlocked: 47,
  goStatusStack: 48,
  experimentalBatch: 49,
  sync: 50,
  clockSnapshot: 51,
  endOfGeneration: 52,
  /** The first of nine experimental events. */
  span: 128,
} as const;

/** Type byte to name, for messages. */
export function wireName(type: number): string {
  return names.get(type) ?? `event ${type}`;
}

const names = new Map<number, string>(Object.entries(wire).map(([name, type]) => [type, name]));

/** Arguments of a timed event after its time; 255 for what is no timed event. */
export const argumentCounts = new Uint8Array(256).fill(255);

const counts: readonly [first: number, counts: readonly number[]][] = [
  // From procsChange to userLog.
  [9, [2, 2, 0, 3, 2, 3, 1, 2, 0, 0, 2, 2, 3, 2, 0, 0, 3]],
  [26, [2, 0, 1, 2, 1, 1, 1, 2, 1, 1, 0, 1, 1, 1, 4, 2, 3, 3, 4]],
  // goSwitch, goSwitchDestroy, goCreateBlocked, goStatusStack.
  [45, [2, 2, 3, 4]],
  [128, [3, 3, 1, 2, 2, 1, 2, 2, 1]],
];
for (const [first, list] of counts) argumentCounts.set(list, first);

/** Versions of the format of this family; the number is that of the Go release that brought it. */
export const wireVersions = [22, 23, 25, 26] as const;

/** Since this version a generation has a clock snapshot; since the other one, an end of its own. */
export const clockVersion = 25;
export const endOfGenerationVersion = 26;
