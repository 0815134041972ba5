// Thirty days of one-minute snapshots of some instances, in minutes instead of a day: the youngest day through the code
// of the write path (indexed and recorded by the hundred, then compacted), the days before it as roll-ups that are the same
// hours moved back, written by the compactor's own encoder, and as rows of the list. So the older days have no vectors of
// their own, which no answer at steps of an hour and more reads.
import { createHash } from 'node:crypto';
import { Compaction } from '../dist/catalog/compaction.js';
import { Dictionary } from '../dist/catalog/dictionary.js';
import { indexUploads } from '../dist/catalog/index-part.js';
import { recordUploads } from '../dist/catalog/record.js';
import { decodeRollup, totalsBucket } from '../dist/catalog/rollup-block.js';
import { writeRollups } from '../dist/catalog/rollups.js';
import { StackStore } from '../dist/catalog/stack-store.js';
import { defaultBudget } from '../dist/formats/budget.js';
import { acceptUploads } from '../dist/ingest/accepted-uploads.js';
import { inflateNatively } from '../dist/ingest/native-inflate.js';
import { parse } from '../dist/ingest/parse.js';
import { newUploadId } from '../dist/ingest/upload-id.js';

const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;

export class Month {
  /**
   * @param place tenantId, serviceId, instanceIds
   * @param files gzip profiles that every instance repeats, each from another place on
   */
  constructor(db, place, files) {
    this.db = db;
    this.place = place;
    this.dictionary = new Dictionary(db, new StackStore());
    this.artefacts = files.map((bytes) => ({
      sha256: createHash('sha256').update(bytes).digest(),
      sizeBytes: bytes.length,
      parts: parse(
        bytes,
        { contentEncoding: 'identity', declaredKind: null, declaredDelta: null, aroundNanos: 0n },
        { budget: defaultBudget, inflate: inflateNatively },
      ),
    }));
  }

  /** Records a snapshot a minute of every instance in [from, to). @returns {Promise<number>} how many */
  async record(from, to) {
    const { instanceIds } = this.place;
    let count = 0;
    for (let start = from; start < to; start += hour) {
      for (const [ordinal, instanceId] of instanceIds.entries()) {
        const times = Array.from({ length: Math.min(to - start, hour) / minute }, (_, n) => start + n * minute);
        await this.recordBatch(
          instanceId,
          times.map((at) => ({ at: at + ordinal, artefact: this.artefactAt(at, ordinal) })),
        );
        count += times.length;
      }
    }
    return count;
  }

  artefactAt(at, ordinal) {
    return this.artefacts[(Math.floor(at / minute) + ordinal * 7) % this.artefacts.length];
  }

  async recordBatch(instanceId, captures) {
    const { tenantId, serviceId } = this.place;
    const receivedAt = new Date();
    const archived = captures.map(({ at, artefact: { sha256, sizeBytes } }) => ({
      uploadId: newUploadId(receivedAt),
      sha256,
      sizeBytes,
      contentEncoding: 'identity',
      ownClock: true,
      declared: { capturedAt: new Date(at).toISOString() },
    }));
    const indexed = await indexUploads(
      this.dictionary,
      tenantId,
      captures.map(({ artefact: { parts } }, n) => {
        const { uploadId, declared } = archived[n];
        return { upload: { uploadId, serviceId, instanceId, receivedAt, declared }, parts };
      }),
    );
    const ids = archived.map(({ uploadId }) => uploadId);
    await this.db.withTenant(tenantId, async (tx) => {
      await acceptUploads(tx, { tenantId, serviceId, instanceId }, archived);
      await recordUploads(tx, tenantId, indexed);
      // Off the work list before any worker can see that it was there.
      await tx.query('delete from work where tenant_id = $1 and upload_id = any($2::uuid[])', [tenantId, ids]);
      await tx.query(
        `update upload set state = 'indexed', finished_at = now() where tenant_id = $1 and upload_id = any($2::uuid[])`,
        [tenantId, ids],
      );
    });
  }

  /** Rolls up all that was captured before a full hour. @returns {Promise<number>} hours of instances */
  compact(before) {
    const clock = { now: () => new Date(before + 10 * minute) };
    const { tenantId, serviceId } = this.place;
    return new Compaction(this.db, new StackStore(), clock).compactService(tenantId, serviceId, 'heap');
  }

  /** Takes the roll-ups of the recorded day, and writes them again so many days earlier, and its rows of the list. */
  async repeat(firstDay, lastDay) {
    const { tenantId, serviceId } = this.place;
    this.hours ??= await this.rolledUpHours();
    for (let back = firstDay; back <= lastDay; back++) {
      const moved = this.hours.map((rollup) => movedBack(rollup, back * day));
      const first = Math.min(...moved.map(({ hourMillis }) => hourMillis));
      await this.db.withTenant(tenantId, async (tx) => {
        for (const at of [first, first + day]) await tx.query('select ensure_month($1)', [new Date(at)]);
        await writeRollups(tx, tenantId, serviceId, 'heap', moved);
        await tx.query(
          `with made as (
             insert into upload (tenant_id, upload_id, service_id, instance_id, sha256, identity_at, size_bytes, received_at,
                                 declared, state, finished_at)
             select u.tenant_id, gen_random_uuid(), u.service_id, u.instance_id, u.sha256, u.identity_at - $3::interval, u.size_bytes,
                    u.received_at, u.declared, u.state, u.finished_at
               from upload u
              where u.tenant_id = $1 and u.service_id = $2 and u.identity_at >= $4 and u.identity_at < $5
             returning *)
           insert into snapshot (tenant_id, snapshot_id, upload_id, service_id, instance_id, kind, captured_at, captured_from,
                                 sample_types, details)
           select m.tenant_id, m.upload_id, m.upload_id, m.service_id, m.instance_id, s.kind, m.identity_at, 'given',
                  s.sample_types, s.details
             from made m
             join snapshot s on s.tenant_id = m.tenant_id and s.service_id = m.service_id and s.kind = 'heap'
                            and s.captured_at = m.identity_at + $3::interval and s.instance_id = m.instance_id`,
          [tenantId, serviceId, `${back} days`, new Date(first + back * day), new Date(first + (back + 1) * day)],
        );
        await tx.query(
          'update instance set first_seen = least(first_seen, $3) where tenant_id = $1 and service_id = $2',
          [tenantId, serviceId, new Date(first)],
        );
      });
    }
  }

  /** What `writeRollups` was given when the compactor wrote what is there now. */
  async rolledUpHours() {
    const { tenantId, serviceId } = this.place;
    const rows = await this.db.readTenant(tenantId, (tx) =>
      tx.query(
        `select sample_type, bucket, day, instance_id, data from rollup
          where tenant_id = $1 and service_id = $2 and kind = 'heap' order by bucket`,
        [tenantId, serviceId],
      ),
    );
    const hours = new Map();
    for (const { sample_type: sampleType, bucket, day: date, instance_id: instanceId, data } of rows) {
      const midnight = Date.parse(date);
      const block = decodeRollup(data, midnight);
      for (const [at, { hour: ofDay, timing }] of block.hours.entries()) {
        const hourMillis = midnight + ofDay * hour;
        const key = `${instanceId} ${hourMillis}`;
        if (!hours.has(key)) hours.set(key, { instanceId, hourMillis, sampleTypes: [] });
        const { sampleTypes } = hours.get(key);
        if (bucket === totalsBucket) {
          sampleTypes.push({
            sampleType,
            mode: block.mode,
            timing,
            totals: block.functions.get(0)?.flat[at] ?? null,
            functions: [],
          });
          continue;
        }
        const { functions } = sampleTypes.find((each) => each.sampleType === sampleType);
        for (const [id, { flat, cum }] of block.functions) {
          if (flat[at] !== null || cum[at] !== null) functions.push({ id, flat: flat[at], cum: cum[at] });
        }
      }
    }
    return [...hours.values()];
  }
}

function movedBack({ instanceId, hourMillis, sampleTypes }, by) {
  return {
    instanceId,
    hourMillis: hourMillis - by,
    sampleTypes: sampleTypes.map((each) => ({ ...each, timing: timingMovedBack(each.timing, by) })),
  };
}

function timingMovedBack({ hourMillis, spacing, segments, ...counters }, by) {
  return {
    ...counters,
    hourMillis: hourMillis - by,
    spacing: spacing && {
      ...spacing,
      firstAtMillis: spacing.firstAtMillis - by,
      lastAtMillis: spacing.lastAtMillis - by,
    },
    segments: segments.map((segment) => ({ ...segment, runs: segment.runs.map((at) => at - by) })),
  };
}
