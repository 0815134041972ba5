import type { RankConstants } from './constants.js';
import type { GoroutineEvidence, LeakEvidence } from './evidence.js';
import type { GrowthInProcess } from './fleet.js';
import { type GoroutineGroup, type GoroutineGroups, isTransient, isIncoming } from './goroutine-groups.js';
import type { ProcessEvidence } from './processes.js';
import { alwaysBenign, matchSignatures, type SignatureMatch } from './signature-match.js';
import { type GrowthShape, growthShape, normalCdf, sinceItBegan } from './statistics.js';
import type { SuspectFactor } from './suspect.js';
import { percent } from './words.js';

/**
 * The growth of every group that has more goroutines at the end of a process than at its start, by group.
 *
 * Evidence = τ⁺ · prior(state) · survival · stuck · awake · goes on · never falls · beyond chance · twin · load; size =
 * ln(1 + grown) · share. See docs/leak-ranking.md for what each is.
 */
export function growthOfGroups(
  { stacks }: Pick<LeakEvidence, 'stacks'>,
  process: ProcessEvidence,
  groups: GoroutineGroups,
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
  const ages = agesOf(goroutines, groups);
  const idle = idleConnectionsGrow(groups, counts);
  const found = new Map<number, GrowthInProcess>();
  for (const [number, series] of counts) {
    if (series[last] <= series[0]) continue;
    const group = groups.groups[number];
    const shape = growthShape(...sinceItBegan(atMillis, series));
    if (shape.tau <= 0) continue;
    const share = (series[last] - series[0]) / grownInAll;
    const stack = stacks[group.stacks[0]];
    if (series[last] <= mostSingletons && alwaysBenign(stack)) continue;
    const matches = matchSignatures(stack);
    const judged = judge(group, { series, shape, share, ages: ages.get(number), load, matches, idle }, constants);
    found.set(number, { process, atMillis, values: series, shape, share, ...judged });
  }
  return found;
}

/** Goroutines of each group in each snapshot; groups that are never there are not in the map. */
export function countsByGroup(
  snapshots: readonly GoroutineEvidence[],
  { groupOf }: GoroutineGroups,
): Map<number, number[]> {
  const counts = new Map<number, number[]>();
  snapshots.forEach(({ stacks, counts: rows }, place) => {
    stacks.forEach((stack, row) => {
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
    `${n === 2 ? 'From' : `In ${n} snapshots from`} ${series[0]} to ${series[n - 1]} goroutines${shape.drawdown === 0 && n > 2 ? ', and never fewer than before' : ''}.`,
  );
  let evidence = add('trend', shape.tau, `Kendall's τ over ${n} snapshots`);
  if (n < snapshotsToTell) {
    evidence *= add(
      'few snapshots',
      1 - constants.fewSnapshots * (snapshotsToTell - n),
      `${n}, where ${snapshotsToTell} tell more`,
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
    why.push('Those that were there stay: by their ids, hardly one has ended.');
  if (survival !== null && survival < 0.5)
    whyNot.push(`They come and go: ${percent(1 - survival)} end from one snapshot to the next.`);
  if (ages !== undefined && ages.stuck > 0) {
    evidence *= add(
      'stuck',
      1 + constants.stuckWeight * ages.stuck,
      `${percent(ages.stuck)} wait for as long as they can be known to`,
    );
    why.push(`${percent(ages.stuck)} have waited for ${ages.stuckMinutes} minutes and more without being woken once.`);
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
    n < 4 ? 'too few snapshots to tell' : `the later half grows at ${percent(shape.goesOn)} of the rate of the whole`,
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
        : `There are always ${twin === 1 ? 'as many of them as' : `${twin} of them for each of the`} accepted connections: they follow load.`,
    );
  } else if (isIncoming(group)) {
    evidence *= add('incoming', constants.incomingWeight, `started by ${group.createdBy}`);
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
    `${Math.round(Math.max(0, shape.grown))} goroutines by the median slope`,
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
 * holds even where ids are known by their ends only.
 */
function agesOf(snapshots: readonly GoroutineEvidence[], { groupOf }: GoroutineGroups): Map<number, Ages> {
  const listed = snapshots.filter(({ members }) => members !== null);
  const rowsOf = listed.map((snapshot) => rowsByGroup(snapshot, groupOf));
  const found = new Map<number, Ages>();
  if (listed.length === 0) return found;
  const last = listed.length - 1;
  const saysWaits = listed[last].members!.waitMinutes.some((minutes) => minutes > 0);
  const gap = (listed[last].atMillis - listed[0].atMillis) / Math.max(1, last);
  const stuckMinutes = Math.max(leastStuckMinutes, Math.round(gap / 120_000));
  for (const [group, rows] of rowsOf[last]) {
    let before = 0;
    let survived = 0;
    for (let place = 0; place < last; place++) {
      const ids = idsOf(listed[place], rowsOf[place].get(group));
      if (ids.length === 0) continue;
      const highest = ids.reduce((a, b) => Math.max(a, b));
      const later = idsOf(listed[place + 1], rowsOf[place + 1].get(group));
      before += ids.length;
      survived += Math.min(
        ids.length,
        later.reduce((count, id) => count + (id <= highest ? 1 : 0), 0),
      );
    }
    const { stuck, awake } = saysWaits
      ? waitsOf(
          listed,
          rows,
          rowsOf.map((ofGroup) => ofGroup.get(group)),
          stuckMinutes,
        )
      : { stuck: 0, awake: 0 };
    found.set(group, { survival: before === 0 ? null : survived / before, stuck, stuckMinutes, awake });
  }
  return found;
}

function rowsByGroup({ stacks }: GoroutineEvidence, groupOf: Int32Array): Map<number, number[]> {
  const rows = new Map<number, number[]>();
  stacks.forEach((stack, row) => {
    const group = groupOf[stack];
    const known = rows.get(group);
    if (known === undefined) rows.set(group, [row]);
    else known.push(row);
  });
  return rows;
}

function idsOf({ members }: GoroutineEvidence, rows: readonly number[] | undefined): number[] {
  return (rows ?? []).flatMap((row) => [...members!.ids.subarray(members!.start[row], members!.start[row + 1])]);
}

/** How long those of the last snapshot have waited, against how long they are known to have been there. */
function waitsOf(
  listed: readonly GoroutineEvidence[],
  rows: readonly number[],
  rowsBefore: readonly (readonly number[] | undefined)[],
  stuckMinutes: number,
): { stuck: number; awake: number } {
  const { members, leaked, atMillis } = listed[listed.length - 1];
  const reached = rowsBefore.map((ofGroup, place) =>
    idsOf(listed[place], ofGroup).reduce((a, b) => Math.max(a, b), -1),
  );
  let count = 0;
  let stuck = 0;
  let old = 0;
  let awake = 0;
  for (const row of rows) {
    // A goroutine that was found to leak is printed without its minutes.
    const isLeaked = (leaked?.[row] ?? 0) > 0;
    for (let at = members!.start[row]; at < members!.start[row + 1]; at++) {
      const minutes = members!.waitMinutes[at];
      count++;
      if (isLeaked || minutes >= stuckMinutes) stuck++;
      const seen = reached.findIndex((highest) => members!.ids[at] <= highest);
      const knownMillis = atMillis - listed[seen].atMillis;
      if (knownMillis <= waitSlackMillis) continue;
      old++;
      if (!isLeaked && Math.max(0, minutes) * 60_000 < knownMillis - waitSlackMillis) awake++;
    }
  }
  return { stuck: stuck / count, awake: old === 0 ? 0 : awake / old };
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
  const grown = Math.max(...series) - Math.min(...series);
  const allowed = Math.max(1.5, twinTolerance * grown);
  for (const load of loads) {
    for (let times = 1; times <= mostPerConnection; times++) {
      const matches = series.every(
        (value, place) => Math.abs(value - series[0] - times * (load[place] - load[0])) <= allowed,
      );
      if (matches && load.some((value) => value !== load[0])) return times;
    }
  }
  return null;
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
