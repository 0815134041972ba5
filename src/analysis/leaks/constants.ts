/**
 * What the ranking weighs evidence with. All are judgement, checked against recorded programs (bench/leaks): the ones in
 * `tunable` are chosen anew by the evaluation for each project that it leaves out.
 */
export interface RankConstants {
  /** How likely a goroutine in such a state is one that nothing will ever wake, by state class. */
  readonly priorChanSend: number;
  readonly priorNever: number;
  readonly priorLock: number;
  readonly priorChanReceive: number;
  readonly priorWaitGroup: number;
  readonly priorCond: number;
  readonly priorSelect: number;
  readonly priorIoWait: number;
  readonly priorSleep: number;
  readonly priorSyscall: number;
  readonly priorRunning: number;
  /** What is left of the score where goroutines die as others come. */
  readonly survivalFloor: number;
  /** Survival where ids are not known. */
  readonly survivalUnknown: number;
  /** Raises by so much where all wait as long as they have been there. */
  readonly stuckWeight: number;
  /** Takes so much away where all that are old have been awake. */
  readonly awakeWeight: number;
  /** What is left of the score where growth has come to an end. */
  readonly plateauFloor: number;
  /** Takes so much away where all that was gained was lost again. */
  readonly drawdownWeight: number;
  /** What is left of the score without any share in the growth of the service. */
  readonly shareFloor: number;
  /** For goroutines that are started for each connection or call that comes in. */
  readonly incomingWeight: number;
  /** For groups that have one to four goroutines for each connection. */
  readonly twinWeight: number;
  /** The same for states in which connections are no reason to wait. */
  readonly twinOfStuck: number;
  /** By how much of what it grew a group may differ from such a multiple. */
  readonly twinTolerance: number;
  /** Where it falls together with connections, and where it does not. */
  readonly fallsWithLoad: number;
  readonly staysWithoutLoad: number;
  /** Takes so much away for each snapshot that is missing to six. */
  readonly fewSnapshots: number;
  /** Connections to others that wait for the next request are as many as there are others. */
  readonly idleConnections: number;
  /** Of a known leak, and of what is known to be harmless as long as it follows load. */
  readonly signatureLeak: number;
  readonly signatureBenign: number;
  /** Where the runtime looked for leaks and did not find it; for states that it can judge. */
  readonly notProven: number;
  /** Takes so much away from a heap that grows in step with load. */
  readonly heapInStep: number;
  /** Evidence (the score without size) from which on a suspect is probable. */
  readonly probableGoroutine: number;
  readonly probableHeap: number;
}

export const defaultConstants: RankConstants = {
  priorChanSend: 1,
  priorNever: 1,
  priorLock: 0.9,
  priorChanReceive: 0.85,
  priorWaitGroup: 0.85,
  priorCond: 0.8,
  priorSelect: 0.4,
  priorIoWait: 0.5,
  priorSleep: 0.35,
  priorSyscall: 0.15,
  priorRunning: 0.1,
  survivalFloor: 0.1,
  survivalUnknown: 0.6,
  stuckWeight: 0.5,
  awakeWeight: 0.35,
  plateauFloor: 0.1,
  drawdownWeight: 0.7,
  shareFloor: 0.9,
  incomingWeight: 0.58,
  twinWeight: 0.15,
  twinOfStuck: 0.75,
  twinTolerance: 0.06,
  fallsWithLoad: 0.2,
  staysWithoutLoad: 1.2,
  fewSnapshots: 0.08,
  idleConnections: 0.7,
  signatureLeak: 1.5,
  signatureBenign: 0.35,
  notProven: 0.7,
  heapInStep: 0.6,
  probableGoroutine: 0.42,
  probableHeap: 0.65,
};

/** Those that weigh most; the evaluation chooses among these values. */
export const tunable: { readonly [Name in keyof RankConstants]?: readonly number[] } = {
  priorSelect: [0.4, 0.5, 0.6],
  priorIoWait: [0.25, 0.4, 0.5],
  incomingWeight: [0.45, 0.58, 0.7],
  survivalFloor: [0.1, 0.3],
  shareFloor: [0.5, 0.8, 0.9, 1],
  heapInStep: [0.3, 0.6],
  probableGoroutine: [0.42, 0.47, 0.52],
  probableHeap: [0.5, 0.58, 0.65, 0.7],
};
