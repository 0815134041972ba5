import { normalisedStack } from '../goroutine-frames.js';
import { refinedState } from '../goroutine-state.js';
import type { EvidenceFrame, EvidenceStack, LeakEvidence } from './evidence.js';
import type { CodeMap } from './places.js';
import { nowhere, siteOf } from './places.js';

/** Goroutines that are one to the ranking: the same state, the same place, the same origin, in whatever build. */
export interface GoroutineGroup {
  readonly key: string;
  /** What the group is judged by: `semacquire` of older Go is told apart by its frames. */
  readonly state: string;
  readonly pivot: EvidenceFrame;
  readonly site: EvidenceFrame;
  /** The function that the `go` statement started. */
  readonly outermost: string;
  /** Null: the snapshots do not tell, as profiles do not. */
  readonly createdBy: string | null;
  /** The stacks of the evidence that belong to it. */
  readonly stacks: readonly number[];
}

export interface GoroutineGroups {
  readonly groups: readonly GoroutineGroup[];
  /** Of each stack of the evidence; -1: an allocation. */
  readonly groupOf: Int32Array;
}

export function goroutineGroups({ stacks }: Pick<LeakEvidence, 'stacks'>, code: CodeMap): GoroutineGroups {
  const numbers = new Map<string, number>();
  const groups: (Omit<GoroutineGroup, 'stacks' | 'createdBy'> & { stacks: number[]; createdBy: string | null })[] = [];
  const groupOf = Int32Array.from(stacks, (stack, index) => {
    if (stack.state === null) return -1;
    const found = describe(stack, code);
    let number = numbers.get(found.key);
    if (number === undefined) numbers.set(found.key, (number = groups.push({ ...found, stacks: [] }) - 1));
    groups[number].stacks.push(index);
    groups[number].createdBy ??= found.createdBy;
    return number;
  });
  return { groups, groupOf };
}

/**
 * The key leaves out the creator, which only dumps tell and the outermost function nearly always implies, and what lies
 * between the place that waits, the application's function and the outermost one: a library
 * that calls itself in one way more makes no other leak. It has no lines, which move with every change.
 */
function describe({ state, frames, createdBy }: EvidenceStack, code: CodeMap): Omit<GoroutineGroup, 'stacks'> {
  const spelled = refinedState(state ?? '', frames);
  const functions = normalisedStack(frames.map((frame) => frame.function));
  const site = siteOf(frames);
  const outermost = functions.at(-1) ?? '';
  const creator = { ...nowhere, function: createdBy ?? '' };
  const pivot = code.ownFrame(frames) ?? code.ownFrame([creator]) ?? site;
  return {
    key: [isTransient(spelled) ? 'running' : spelled, outermost, pivot.function, site.function].join('\n'),
    state: spelled,
    pivot,
    site,
    outermost,
    createdBy,
  };
}

/** A goroutine that is about to run, or was caught running, is in no state that it could be stuck in. */
export function isTransient(state: string): boolean {
  return state === 'running' || state === 'runnable' || state === 'preempted' || state === 'copystack';
}

/**
 * Whether the goroutines of the group are started by those that accept connections, calls and streams: one for each that
 * others have opened to the process, whatever it does at the moment.
 */
export function isIncoming({ createdBy, outermost }: GoroutineGroup): boolean {
  return accepts.test(createdBy ?? '') || serves.test(outermost);
}

/**
 * Functions that start a goroutine for each connection, call or stream that they accept: net/http, gRPC, NATS, the usual
 * names in servers of other protocols.
 */
const accepts =
  /[sS]erver\)\.(?:Serve|serve|handle)|[lL]istener\)|\.[aA]ccept|\.(?:ListenAndServe|Serve(?:Conn|TCP|TLS)?|serve(?:Conn|Stream)|[hH]andle(?:Raw)?(?:Conn|Stream)|createClient|startGoRoutine)\b|workerPool\)\.getCh/;

/** What such a goroutine begins with, where its creator is not known. */
const serves =
  /\(\*\w*[cC]onn\)\.serve$|[sS]erver\)\.(?:Serve|serve\w*|handle\w*)(?:\.func[\d.]+)?$|\.(?:serveConn|createClient|startGoRoutine|[aA]cceptConnections|handle(?:Raw)?Conn)(?:\.func[\d.]+)?$|workerPool\)\.getCh/;
