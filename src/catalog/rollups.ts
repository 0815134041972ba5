import type { Exact, SummedHour } from '../analysis/timeline-hours.js';
import { hourMillis } from '../analysis/timeline.js';
import type { TenantId, Tx } from '../platform/database.js';
import {
  decodeRollup,
  encodeRollup,
  functionsPerBucket,
  totalsBucket,
  type BlockHour,
  type FunctionHours,
  type RollupBlock,
} from './rollup-block.js';
import type { HourRollup, SampleTypeRollup } from './rollup-hour.js';

const dayMillis = 24 * hourMillis;

function dayOf(atMillis: number): number {
  return Math.floor(atMillis / dayMillis) * dayMillis;
}

/** A day as Postgres writes a date. */
function dateOf(atMillis: number): string {
  return new Date(atMillis).toISOString().slice(0, 10);
}

/**
 * Writes hours of roll-ups, each in the place of whatever was there for that instance and hour, and leaves the other
 * hours of their days as they are. An hour without sample types is removed. The caller sees to it that nobody else
 * writes roll-ups of this service and kind meanwhile, that no hour is given twice, and that the months have partitions
 * (`ensure_month`), as those of recorded vectors do.
 */
export async function writeRollups(
  tx: Tx,
  tenantId: TenantId,
  serviceId: string,
  kind: string,
  hours: readonly HourRollup[],
): Promise<void> {
  const days = new Map<string, HourRollup[]>();
  for (const hour of hours) {
    const key = `${hour.instanceId} ${dateOf(hour.hourMillis)}`;
    const inDay = days.get(key);
    if (inDay === undefined) days.set(key, [hour]);
    else inDay.push(hour);
  }
  const instanceIds = Array.from(days.values(), ([hour]) => hour.instanceId);
  const dates = Array.from(days.values(), ([hour]) => dateOf(hour.hourMillis));
  const rows: BlockRow[] = await tx.query(
    `select sample_type, bucket, r.day, r.instance_id, data
       from rollup r join unnest($4::bigint[], $5::date[]) wanted (instance_id, day)
         on r.instance_id = wanted.instance_id and r.day = wanted.day
      where tenant_id = $1 and service_id = $2 and kind = $3 and r.day between $6 and $7`,
    [tenantId, serviceId, kind, instanceIds, dates, ...extremes(dates)],
  );
  const written: BlockRow[] = [];
  const emptied: BlockRow[] = [];
  for (const [key, inDay] of days) {
    const before = rows.filter((row) => `${row.instance_id} ${row.day}` === key);
    for (const { row, block } of replaceHours(before, inDay)) {
      if (block.hours.length === 0) emptied.push(row);
      else written.push({ ...row, data: await encodeRollup(block, dayOf(inDay[0].hourMillis)) });
    }
  }
  await tx.query(
    `insert into rollup (tenant_id, service_id, kind, sample_type, bucket, day, instance_id, data)
     select $1, $2, $3, * from unnest($4::text[], $5::integer[], $6::date[], $7::bigint[], $8::bytea[])
         on conflict (tenant_id, service_id, kind, sample_type, bucket, day, instance_id)
         do update set data = excluded.data`,
    [tenantId, serviceId, kind, ...keyColumns(written), written.map((row) => row.data)],
  );
  if (emptied.length === 0) return;
  await tx.query(
    `delete from rollup r using unnest($4::text[], $5::integer[], $6::date[], $7::bigint[])
        as emptied (sample_type, bucket, day, instance_id)
      where r.tenant_id = $1 and r.service_id = $2 and r.kind = $3 and r.sample_type = emptied.sample_type
        and r.bucket = emptied.bucket and r.day = emptied.day and r.instance_id = emptied.instance_id`,
    [tenantId, serviceId, kind, ...keyColumns(emptied)],
  );
}

interface BlockKey {
  readonly sample_type: string;
  readonly bucket: number;
  readonly day: string;
  readonly instance_id: string;
}

interface BlockRow extends BlockKey {
  readonly data: Buffer;
}

function keyColumns(rows: readonly BlockKey[]): [string[], number[], string[], string[]] {
  return [
    rows.map((row) => row.sample_type),
    rows.map((row) => row.bucket),
    rows.map((row) => row.day),
    rows.map((row) => row.instance_id),
  ];
}

function extremes(dates: readonly string[]): [string, string] {
  const sorted = dates.toSorted();
  return [sorted[0], sorted[sorted.length - 1]];
}

/** One day of one instance: its blocks with the given hours replaced. */
function replaceHours(
  rows: readonly BlockRow[],
  hours: readonly HourRollup[],
): { row: BlockRow; block: RollupBlock }[] {
  const { instanceId, hourMillis: firstHour } = hours[0];
  const day = dayOf(firstHour);
  const replaced = new Set(hours.map((hour) => (hour.hourMillis - day) / hourMillis));
  const days = new Map<string, { row: BlockRow; day: DayOfHours }>();
  for (const row of rows) {
    const kept = new DayOfHours();
    kept.addBlock(decodeRollup(row.data, day), replaced);
    days.set(`${row.bucket} ${row.sample_type}`, { row, day: kept });
  }
  for (const hour of hours) {
    for (const rollup of hour.sampleTypes) {
      for (const [bucket, functions] of inBuckets(rollup)) {
        const key = `${bucket} ${rollup.sampleType}`;
        let entry = days.get(key);
        if (entry === undefined) {
          const { sampleType: sample_type } = rollup;
          const row = { sample_type, bucket, day: dateOf(day), instance_id: instanceId, data: Buffer.alloc(0) };
          days.set(key, (entry = { row, day: new DayOfHours() }));
        }
        const { segments } = rollup.timing;
        const timing = bucket === totalsBucket ? rollup.timing : null;
        entry.day.mode = rollup.mode;
        entry.day.addHour({ hour: (hour.hourMillis - day) / hourMillis, segments, timing }, functions);
      }
    }
  }
  return Array.from(days.values(), ({ row, day: merged }) => ({ row, block: merged.block() }));
}

type FunctionHour = {
  readonly number: number;
  readonly flat: readonly Exact[] | null;
  readonly cum: readonly Exact[] | null;
};

function inBuckets({ totals, functions }: SampleTypeRollup): Map<number, FunctionHour[]> {
  const buckets = new Map<number, FunctionHour[]>([[totalsBucket, [{ number: 0, flat: totals, cum: null }]]]);
  for (const { id, flat, cum } of functions) {
    const bucket = Math.floor(id / functionsPerBucket);
    const members = buckets.get(bucket);
    if (members === undefined) buckets.set(bucket, [{ number: id, flat, cum }]);
    else members.push({ number: id, flat, cum });
  }
  return buckets;
}

/** A block taken apart by hours, to put others in. */
class DayOfHours {
  mode: RollupBlock['mode'] = 'held';
  private readonly hours = new Map<number, { hour: BlockHour; functions: Map<number, FunctionHour> }>();

  addBlock(block: RollupBlock, without: ReadonlySet<number>): void {
    this.mode = block.mode;
    block.hours.forEach((hour, i) => {
      if (without.has(hour.hour)) return;
      const members = Array.from(block.functions, ([number, { flat, cum }]) => ({
        number,
        flat: flat[i],
        cum: cum[i],
      }));
      this.addHour(hour, members);
    });
  }

  addHour(hour: BlockHour, members: readonly FunctionHour[]): void {
    const present = members.filter((member) => member.flat !== null || member.cum !== null);
    this.hours.set(hour.hour, { hour, functions: new Map(present.map((member) => [member.number, member])) });
  }

  /** Hours in which no function of the bucket has a value are not kept; those of the totals say when anybody looked. */
  block(): RollupBlock {
    const kept = [...this.hours.values()]
      .filter(({ hour, functions }) => hour.timing !== null || functions.size > 0)
      .sort((a, b) => a.hour.hour - b.hour.hour);
    const numbers = new Set(kept.flatMap(({ functions }) => [...functions.keys()]));
    const functions = new Map<number, FunctionHours>();
    for (const number of [...numbers].sort((a, b) => a - b)) {
      functions.set(number, {
        flat: kept.map((entry) => entry.functions.get(number)?.flat ?? null),
        cum: kept.map((entry) => entry.functions.get(number)?.cum ?? null),
      });
    }
    return { mode: this.mode, hours: kept.map(({ hour }) => hour), functions };
  }
}

export interface RollupSelection {
  readonly serviceIds: readonly string[];
  readonly kind: string;
  readonly sampleType: string;
  /** Without it, the totals. */
  readonly series?: { readonly functionId: number; readonly value: 'flat' | 'cum' };
  readonly instanceId?: string;
  readonly fromMillis: number;
  readonly toMillis: number;
}

export interface InstanceHours {
  readonly serviceId: string;
  readonly instanceId: string;
  readonly hours: SummedHour[];
}

/** One series' hours of all days that [from, to) touches, by instance, in no particular order. One query. */
export async function readRollups(tx: Tx, tenantId: TenantId, selection: RollupSelection): Promise<InstanceHours[]> {
  const { series, instanceId = null } = selection;
  const bucket = series === undefined ? totalsBucket : Math.floor(series.functionId / functionsPerBucket);
  const rows: (BlockRow & { service_id: string })[] = await tx.query(
    `select service_id, sample_type, bucket, day, instance_id, data
       from rollup
      where tenant_id = $1 and service_id = any($2::bigint[]) and kind = $3 and sample_type = $4
        and bucket = any($5::integer[]) and day between $6 and $7
        and ($8::bigint is null or instance_id = $8)`,
    [
      tenantId,
      selection.serviceIds,
      selection.kind,
      selection.sampleType,
      [...new Set([totalsBucket, bucket])],
      dateOf(selection.fromMillis),
      dateOf(selection.toMillis),
      instanceId,
    ],
  );
  const blockOf = new Map(rows.map((row) => [`${row.service_id} ${row.instance_id} ${row.day} ${row.bucket}`, row]));
  const instances = new Map<string, InstanceHours>();
  for (const row of rows) {
    if (row.bucket !== totalsBucket) continue;
    const { service_id: serviceId, instance_id: instance, day } = row;
    const start = Date.parse(day);
    const totals = decodeRollup(row.data, start, series === undefined ? 0 : -1);
    const values = new Map<number, readonly Exact[] | null>();
    const seriesRow = blockOf.get(`${serviceId} ${instance} ${day} ${bucket}`);
    if (seriesRow !== undefined) {
      const number = series?.functionId ?? 0;
      const block = seriesRow === row ? totals : decodeRollup(seriesRow.data, start, number);
      const rowsOfSeries = block.functions.get(number)?.[series?.value ?? 'flat'];
      block.hours.forEach(({ hour }, i) => values.set(hour, rowsOfSeries?.[i] ?? null));
    }
    const key = `${serviceId} ${instance}`;
    let entry = instances.get(key);
    if (entry === undefined) instances.set(key, (entry = { serviceId, instanceId: instance, hours: [] }));
    for (const { hour, timing } of totals.hours) {
      if (timing !== null) entry.hours.push({ timing, values: values.get(hour) ?? null });
    }
  }
  return [...instances.values()];
}
