import type { RankConstants } from './constants.js';
import type { EvidenceStack, GoroutineEvidence, GoroutineMembers, LeakEvidence } from './evidence.js';
import type { GrowthInProcess } from './fleet.js';
import { type GoroutineGroup, type GoroutineGroups, isTransient, isIncoming } from './goroutine-groups.js';
import type { ProcessEvidence } from './processes.js';
import { alwaysBenign, matchSignatures, type SignatureMatch } from './signature-match.js';
import { type GrowthShape, growthShape, kendallTau, neverFalls, normalCdf, sinceItBegan } from './statistics.js';
import type { SuspectFactor } from './suspect.js';
import { counted, goesOnText, percent, trendText } from './words.js';

/**
 * The growth of every group that has more goroutines at the end of a process than at its start, by group.
 *
 * Evidence = τ⁺ · few snapshots · state · survival · stuck · awake · goes on · never falls · floor · beyond chance · twin or
 * incoming · signature · load; size = ln(1 + grown) · share. See docs/leak-ranking.md for what each is.
 */
export function growthOfGroups(
  process: ProcessEvidence,
  groups: GoroutineGroups,
  signatures: GroupSignatures,
  constants: RankConstants,
): Map<number, GrowthInProcess> {
  const { goroutines } = process;
  if (goroutines.length < 2) return new Map();
  const atMillis = goroutines.map((snapshot) => snapshot.atMillis);
  const counts = countsByGroup(goroutines, groups);
  const last = goroutines.length - 1;
  let grownInAll = 0;
  for (const series of counts.values()) grownInAll += Math.max(0, series[last] - series[0]);
  const load = loadOf(groups, counts);
  const ages = new GroupAges(goroutines, groups);
  const idle = idleConnectionsGrow(groups, counts);
  const found = new Map<number, GrowthInProcess>();
  for (const [number, series] of counts) {
    if (series[last] <= series[0]) continue;
    const group = groups.groups[number];
    const since = sinceItBegan(atMillis, series);
    // Robust slopes cost more than this does.
    if (kendallTau(since[1]) <= 0) continue;
    if (series[last] <= mostSingletons && signatures.isAlwaysBenign(number)) continue;
    const shape = growthShape(...since);
    const share = (series[last] - series[0]) / grownInAll;
    const matches = signatures.of(number);
    const judged = judge(group, { series, shape, share, ages: ages.of(number), load, matches, idle }, constants);
    found.set(number, { process, atMillis, values: series, shape, share, ...judged });
  }
  return found;
}

/** What is known of the stacks of groups, by the first of each. */
export class GroupSignatures {
  readonly #matches = new Map<number, readonly SignatureMatch[]>();
  readonly #benign = new Map<number, boolean>();

  constructor(
    private readonly evidence: Pick<LeakEvidence, 'stacks'>,
    private readonly groups: GoroutineGroups,
  ) {}

  of(group: number): readonly SignatureMatch[] {
    let matches = this.#matches.get(group);
    if (matches === undefined) this.#matches.set(group, (matches = matchSignatures(this.#stack(group))));
    return matches;
  }

  isAlwaysBenign(group: number): boolean {
    let benign = this.#benign.get(group);
    if (benign === undefined) this.#benign.set(group, (benign = alwaysBenign(this.#stack(group))));
    return benign;
  }

  #stack(group: number): EvidenceStack {
    return this.evidence.stacks[this.groups.groups[group].stacks[0]];
  }
}

/** Goroutines of each group in each snapshot; groups that are never there are not in the map. */
export function countsByGroup(
  snapshots: readonly GoroutineEvidence[],
  { groupOf }: GoroutineGroups,
): Map<number, number[]> {
  const counts = new Map<number, number[]>();
  snapshots.forEach(({ stacks, counts: rows }, place) => {
    stacks.forEach((stack, row) => {
      // A profile may say anything, such as the difference of two.
      if (!(rows[row] > 0)) return;
      const group = groupOf[stack];
      let series = counts.get(group);
      if (series === undefined) counts.set(group, (series = new Array<number>(snapshots.length).fill(0)));
      series[place] += rows[row];
    });
  });
  return counts;
}

interface Observed {
  readonly series: readonly number[];
  readonly shape: GrowthShape;
  readonly share: number;
  readonly ages: Ages | undefined;
  readonly load: Load;
  readonly matches: readonly SignatureMatch[];
  /** Whether HTTP connections to others are idle, as far as they grew. */
  readonly idle: boolean;
}

/** As many processors as a machine may have, each with a collector's goroutine. */
const mostSingletons = 64;

function judge(
  group: GoroutineGroup,
  { series, shape, share, ages, load, matches, idle }: Observed,
  constants: RankConstants,
): Pick<GrowthInProcess, 'evidence' | 'size' | 'factors' | 'why' | 'whyNot'> {
  const n = series.length;
  const grown = series[n - 1] - series[0];
  const why: string[] = [];
  const whyNot: string[] = [];
  const factors: SuspectFactor[] = [];
  const add = (name: string, value: number, detail: string): number => {
    factors.push({ name, value, detail });
    return value;
  };

  why.push(
    `${n === 2 ? 'From' : `In ${n} snapshots from`} ${series[0]} to ${counted(series[n - 1], 'goroutine')}${n > 2 && neverFalls(series) ? ', and never fewer than before' : ''}.`,
  );
  let evidence = add('trend', shape.tau, trendText("Kendall's τ", shape.points, n));
  if (n < snapshotsToTell) {
    evidence *= add(
      'few snapshots',
      1 - constants.fewSnapshots * (snapshotsToTell - n),
      `${n}, where ${snapshotsToTell} would tell more`,
    );
  }
  const prior = priorOf(group.state, constants);
  evidence *= add('state', prior, group.state);

  const survival = ages?.survival ?? null;
  evidence *= add(
    'survival',
    constants.survivalFloor + (1 - constants.survivalFloor) * (survival ?? constants.survivalUnknown),
    survival === null ? 'ids not known' : `${percent(survival)} are still there in the next snapshot`,
  );
  if (survival !== null && survival >= 0.95)
    why.push(`Those that were there stay: by their ids, ${survival === 1 ? 'none' : 'hardly one'} has ended.`);
  if (survival !== null && survival < 0.5)
    whyNot.push(`They come and go: ${percent(1 - survival)} end from one snapshot to the next.`);
  if (ages !== undefined && ages.stuck > 0) {
    const waited = `${percent(ages.stuck)} have waited for ${ages.stuckMinutes} minutes and more`;
    evidence *= add('stuck', 1 + constants.stuckWeight * ages.stuck, waited);
    if (ages.stuck >= leastToTell) why.push(`${waited} without being woken once.`);
  }
  if (ages !== undefined && ages.awake > 0) {
    evidence *= add(
      'awake',
      1 - constants.awakeWeight * ages.awake,
      `${percent(ages.awake)} of the old ones have been awake`,
    );
    if (ages.awake > 0.5) whyNot.push('They are old, but have waited only for a while: they wake up and do something.');
  }

  evidence *= add(
    'goes on',
    1 - (1 - constants.plateauFloor) * (1 - shape.goesOn) * sureOfPlateau(shape.grown),
    n < 4 ? 'too few snapshots to tell' : goesOnText(shape),
  );
  if (n >= 4 && shape.goesOn < 0.3) whyNot.push('Growth has come to an end: it looks like a level that was reached.');
  evidence *= add(
    'never falls',
    1 - constants.drawdownWeight * shape.drawdown,
    `deepest fall ${percent(shape.drawdown)} of the range`,
  );
  if (shape.drawdown > 0.2) whyNot.push(`It fell by ${percent(shape.drawdown)} of its range in between.`);
  if (shape.floorRises === false) {
    evidence *= add('floor', floorStays, 'the least of each third does not rise');
    whyNot.push('What it comes down to does not rise.');
  }

  // Of goroutines that stay, one more is one more; where they come and go, as many more could be chance.
  const turnover = 1 - (survival ?? constants.survivalUnknown);
  const z = grown / Math.sqrt(1 + turnover * (series[0] + series[n - 1]));
  evidence *= add('beyond chance', normalCdf(z - 1), `z = ${z.toFixed(1)}`);

  const isConnection = isIncoming(group) && group.state === 'IO wait';
  // What is started for connections is a part of their sum, and would be like it whatever it does.
  const twin = isConnection ? 1 : twinOf(series, isIncoming(group) ? load.reading : load.incoming, constants);
  if (twin !== null) {
    const value = waitsForPeers(group.state) ? constants.twinWeight : constants.twinOfStuck;
    evidence *= add('twin', value, `${twin} for each accepted connection`);
    whyNot.push(
      isConnection
        ? 'These are the connections that others have opened: they are as many as there are clients.'
        : `${twin === 1 ? 'One comes' : `${twin} of them come`} and ${twin === 1 ? 'goes' : 'go'} with each accepted connection: they follow load.`,
    );
  } else if (isIncoming(group)) {
    evidence *= add('incoming', constants.incomingWeight, `started by ${group.createdBy ?? group.outermost}`);
    whyNot.push('One is started for each connection or call that comes in: they may be as many as there are callers.');
  }
  const [known] = matches;
  if (idle && isConnectionToOthers(known)) {
    evidence *= add('signature', constants.idleConnections, 'connections that wait for the next request');
    whyNot.push(
      'These connections wait for the next request: they are as many as there are servers to talk to, unless a Transport is made for each request.',
    );
  } else if (known !== undefined && known.signature.scope === 'library') {
    const isLeak = known.signature.verdict === 'leak';
    const value = isLeak ? 1 + (constants.signatureLeak - 1) * known.weight : constants.signatureBenign;
    evidence *= add('signature', value, known.signature.title);
    if (isLeak) why.push(`It looks like a known leak: ${known.signature.title}.`);
    else whyNot.push(`They are known to follow load: ${known.signature.title}.`);
  }
  const follows = loadFactor(series, load, constants);
  if (follows !== null) {
    evidence *= add('load', follows, follows < 1 ? 'falls when connections fall' : 'stays when connections fall');
    if (follows < 1) whyNot.push('It falls when connections fall.');
    else why.push('Connections went away in between, and it did not follow.');
  }

  let size = add(
    'grown',
    Math.log(1 + Math.max(0, shape.grown)),
    `${counted(Math.round(Math.max(0, shape.grown)), 'goroutine')} by the median slope`,
  );
  size *= add(
    'share',
    constants.shareFloor + (1 - constants.shareFloor) * Math.sqrt(share),
    `${percent(share)} of the growth of the process`,
  );
  if (share >= 0.3) why.push(`That is ${percent(share)} of what the goroutines of the process grew by.`);
  return { evidence, size, factors, why, whyNot };
}

function isConnectionToOthers(known: SignatureMatch | undefined): boolean {
  return known?.signature.id === 'http-response-body' || known?.signature.id === 'http-idle-connections';
}

/** Of a few that come one by one, none may well come for a while: the last third is to bring a third of them. */
function sureOfPlateau(grown: number): number {
  return 1 - Math.exp(-Math.max(0, grown) / 6);
}

const snapshotsToTell = 6;
const leastToTell = 0.05;
/** What is left where the floor of a long series does not rise. */
const floorStays = 0.3;

function priorOf(state: string, constants: RankConstants): number {
  if (isTransient(state)) return constants.priorRunning;
  if (state.endsWith('(nil chan)') || state === 'select (no cases)') return constants.priorNever;
  if (state.startsWith('chan send')) return constants.priorChanSend;
  if (state.startsWith('chan receive')) return constants.priorChanReceive;
  if (state === 'sync.WaitGroup.Wait' || state === 'semacquire') return constants.priorWaitGroup;
  if (state === 'sync.Cond.Wait') return constants.priorCond;
  if (isLock(state)) return constants.priorLock;
  if (state.startsWith('select')) return constants.priorSelect;
  if (state.startsWith('IO wait')) return constants.priorIoWait;
  if (state.startsWith('sleep')) return constants.priorSleep;
  return constants.priorSyscall;
}

/**
 * Where the goroutines of a connection wait for what the other end or another goroutine does next. Nothing is said there
 * by one that cannot send, or not get a lock: connections are no reason for that.
 */
function waitsForPeers(state: string): boolean {
  return !(
    state.startsWith('chan send') ||
    state.endsWith('(nil chan)') ||
    state === 'select (no cases)' ||
    isLock(state)
  );
}

function isLock(state: string): boolean {
  return state.startsWith('sync.') && state !== 'sync.WaitGroup.Wait' && state !== 'sync.Cond.Wait';
}

/** What the ids and waits of a group's goroutines tell. */
interface Ages {
  /** The share of a snapshot's goroutines that is still there in the next; null: never seen twice. */
  readonly survival: number | null;
  /** The share of the last snapshot's that has waited for `stuckMinutes`. */
  readonly stuck: number;
  readonly stuckMinutes: number;
  /** Of those that are known to be old, the share that has been awake since. */
  readonly awake: number;
}

const leastStuckMinutes = 10;
/** A wait counts from the first collection that sees it, and those are at most two minutes apart; it is cut to minutes. */
const waitSlackMillis = 210_000;

/**
 * Goroutine ids only grow, so one with an id that the group had reached in an earlier snapshot was there then, too. That
 * holds even where ids are known by their ends only. Asked for the groups that grow, it looks at each goroutine of theirs
 * once per snapshot.
 */
class GroupAges {
  readonly #listed: readonly ListedSnapshot[];
  readonly #saysWaits: boolean;
  readonly #stuckMinutes: number;

  constructor(snapshots: readonly GoroutineEvidence[], { groupOf }: GoroutineGroups) {
    this.#listed = snapshots.flatMap(({ members, leaked, atMillis, stacks }) =>
      members === null ? [] : [{ members, leaked, atMillis, rows: rowsByGroup(stacks, groupOf) }],
    );
    const last = this.#listed.at(-1);
    this.#saysWaits = last?.members.waitMinutes.some((minutes) => minutes > 0) ?? false;
    const gaps = Math.max(1, this.#listed.length - 1);
    const gapMillis = last === undefined ? 0 : (last.atMillis - this.#listed[0].atMillis) / gaps;
    this.#stuckMinutes = Math.max(leastStuckMinutes, Math.round(gapMillis / 120_000));
  }

  /** Undefined where the last snapshot that lists goroutines has none of the group. */
  of(group: number): Ages | undefined {
    const last = this.#listed.at(-1)?.rows.get(group);
    if (last === undefined) return undefined;
    // The highest id that the group had reached in each snapshot; -1: it was not there.
    const reached = this.#listed.map((snapshot) => highestId(snapshot, group));
    let before = 0;
    let survived = 0;
    for (let place = 0; place + 1 < this.#listed.length; place++) {
      const there = countOf(this.#listed[place], group, Infinity);
      before += there;
      if (there > 0) survived += Math.min(there, countOf(this.#listed[place + 1], group, reached[place]));
    }
    const waits = this.#saysWaits ? this.#waitsOf(last, reached) : { stuck: 0, awake: 0 };
    return { survival: before === 0 ? null : survived / before, stuckMinutes: this.#stuckMinutes, ...waits };
  }

  /** How long those of the last snapshot have waited, against how long they are known to have been there. */
  #waitsOf(rows: readonly number[], reached: readonly number[]): { stuck: number; awake: number } {
    const { members, leaked, atMillis } = this.#listed[this.#listed.length - 1];
    let count = 0;
    let stuck = 0;
    let old = 0;
    let awake = 0;
    for (const row of rows) {
      // A goroutine that was found to leak is printed without its minutes.
      const isLeaked = (leaked?.[row] ?? 0) > 0;
      for (let at = members.start[row]; at < members.start[row + 1]; at++) {
        const minutes = members.waitMinutes[at];
        count++;
        if (minutes >= this.#stuckMinutes) stuck++;
        const seen = reached.findIndex((highest) => members.ids[at] <= highest);
        const knownMillis = atMillis - this.#listed[seen].atMillis;
        if (knownMillis <= waitSlackMillis) continue;
        old++;
        if (!isLeaked && Math.max(0, minutes) * 60_000 < knownMillis - waitSlackMillis) awake++;
      }
    }
    return { stuck: count === 0 ? 0 : stuck / count, awake: old === 0 ? 0 : awake / old };
  }
}

/** A snapshot that lists its goroutines, and the rows of each group in it. */
interface ListedSnapshot extends Pick<GoroutineEvidence, 'leaked' | 'atMillis'> {
  readonly members: GoroutineMembers;
  readonly rows: ReadonlyMap<number, readonly number[]>;
}

function rowsByGroup(stacks: Int32Array, groupOf: Int32Array): Map<number, number[]> {
  const rows = new Map<number, number[]>();
  stacks.forEach((stack, row) => {
    const group = groupOf[stack];
    const known = rows.get(group);
    if (known === undefined) rows.set(group, [row]);
    else known.push(row);
  });
  return rows;
}

function highestId({ members, rows }: ListedSnapshot, group: number): number {
  let highest = -1;
  for (const row of rows.get(group) ?? []) {
    // Ascending within a row.
    if (members.start[row + 1] > members.start[row])
      highest = Math.max(highest, members.ids[members.start[row + 1] - 1]);
  }
  return highest;
}

/** How many of the group have an id up to this one. */
function countOf({ members, rows }: ListedSnapshot, group: number, highest: number): number {
  let count = 0;
  for (const row of rows.get(group) ?? []) {
    const end = members.start[row + 1];
    for (let at = members.start[row]; at < end && members.ids[at] <= highest; at++) count++;
  }
  return count;
}

/** Connections that others have opened to the process: the load that its snapshots show by themselves. */
interface Load {
  /** Of each group that reads from connections, and their sum, last. */
  readonly reading: readonly (readonly number[])[];
  /** Of each group that is started for them, and their sum, last. */
  readonly incoming: readonly (readonly number[])[];
}

function loadOf({ groups }: GoroutineGroups, counts: ReadonlyMap<number, readonly number[]>): Load {
  const incoming = [...counts].filter(([group]) => isIncoming(groups[group]));
  const reading = incoming.filter(([group]) => groups[group].state === 'IO wait');
  return { reading: withSum(reading.map(([, own]) => own)), incoming: withSum(incoming.map(([, own]) => own)) };
}

function withSum(series: readonly (readonly number[])[]): readonly (readonly number[])[] {
  if (series.length < 2) return series;
  return [...series, series[0].map((_, place) => series.reduce((sum, values) => sum + values[place], 0))];
}

/**
 * A connection's readLoop is in select while a response is being read, and in IO wait between requests; its writeLoop is
 * in select either way.
 */
function idleConnectionsGrow({ groups }: GoroutineGroups, counts: ReadonlyMap<number, readonly number[]>): boolean {
  let idle = 0;
  let busy = 0;
  for (const [number, values] of counts) {
    const { site, state } = groups[number];
    if (!readLoop.test(site.function) && !readLoop.test(groups[number].key)) continue;
    const grown = values[values.length - 1] - values[0];
    if (state === 'IO wait') idle += grown;
    else busy += grown;
  }
  return idle > busy;
}

const readLoop = /net\/http\.\(\*persistConn\)\.readLoop/;

/** How many goroutines of the group there are for each connection, 1 to 4, if that is so in every snapshot; else null. */
function twinOf(series: readonly number[], loads: Load['incoming'], { twinTolerance }: RankConstants): number | null {
  const last = series.length - 1;
  const allowed = Math.max(1.5, twinTolerance * (highest(series) - lowest(series)));
  const differs = (load: readonly number[], times: number, place: number): boolean =>
    Math.abs(series[place] - series[0] - times * (load[place] - load[0])) > allowed;
  for (const load of loads) {
    for (let times = 1; times <= mostPerConnection; times++) {
      // There may be thousands of both: most do not even end alike.
      if (differs(load, times, last) || load.some((_, place) => differs(load, times, place))) continue;
      if (load.some((value) => value !== load[0])) return times;
    }
  }
  return null;
}

function highest(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b));
}

function lowest(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b));
}

const mostPerConnection = 4;

/** What it says that connections fell by a fifth and more in between; null where they did not. */
function loadFactor(series: readonly number[], { incoming }: Load, constants: RankConstants): number | null {
  const load = incoming.at(-1);
  if (load === undefined) return null;
  let peak = 0;
  let best: { from: number; to: number; fell: number } | null = null;
  load.forEach((value, place) => {
    if (value >= load[peak]) peak = place;
    const fell = load[peak] - value;
    if (fell >= leastFall && fell >= 0.2 * load[peak] && fell > (best?.fell ?? 0))
      best = { from: peak, to: place, fell };
  });
  if (best === null) return null;
  const { from, to } = best as { from: number; to: number };
  if (series[from] === 0) return null;
  const shareLost = 1 - load[to] / load[from];
  const ownShareLost = 1 - series[to] / series[from];
  if (ownShareLost <= 0) return constants.staysWithoutLoad;
  return Math.abs(ownShareLost - shareLost) <= 0.1 ? constants.fallsWithLoad : null;
}

const leastFall = 5;
