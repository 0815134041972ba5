-- What a snapshot says besides stacks: numbers over time, and content that is shown as it was found.

-- Numbers over time as chunks of columns, one row for what an upload said about one UTC day: MemStats and /proc give one
-- moment, a log of GC cycles thousands. A row per number would be 30 times the size, and is never asked for alone.
create table series_chunk (
  tenant_id   uuid not null,
  service_id  bigint not null,
  source      text not null,                         -- memstats, prometheus, gctrace, goroutine-states, ...
  first_at    timestamptz not null,
  snapshot_id uuid not null,                         -- the part that said it
  instance_id bigint not null,
  build_id    bigint,
  last_at     timestamptz not null,                  -- on the same UTC day as first_at
  moments     integer not null,
  data        bytea not null,                        -- see src/catalog/series-chunk.ts
  primary key (tenant_id, service_id, source, first_at, snapshot_id)
) partition by range (first_at);
alter table series_chunk alter column data set storage external;
create index series_chunk_by_snapshot on series_chunk (tenant_id, snapshot_id);
call protect('series_chunk');

-- The groups of a goroutine dump, the tables of a scheddetail log, the summary of an execution trace.
create table part_content (
  tenant_id   uuid not null,
  captured_at timestamptz not null,
  snapshot_id uuid not null,
  data        bytea not null,                        -- see src/catalog/part-content.ts
  primary key (tenant_id, captured_at, snapshot_id)
) partition by range (captured_at);
alter table part_content alter column data set storage external;
create index part_content_by_snapshot on part_content (tenant_id, snapshot_id);
call protect('part_content');

-- As before, for two tables more.
create or replace function ensure_month(at timestamptz) returns void
  language plpgsql security definer set search_path = public, pg_temp
  as $$
declare
  first_day date := date_trunc('month', at at time zone 'UTC')::date;
  next_day  date := (date_trunc('month', at at time zone 'UTC') + interval '1 month')::date;
  parent    text;
  child     text;
begin
  if at < now() - interval '500 days' or at > now() + interval '62 days' then
    raise exception 'month % is outside the window that is kept', first_day using errcode = '22008';
  end if;
  foreach parent in array array['stack_block', 'vector', 'rollup', 'series_chunk', 'part_content'] loop
    child := format('%s_%s', parent, to_char(first_day, 'YYYYMM'));
    if to_regclass(child) is null then
      perform pg_advisory_xact_lock(hashtext('tidemark.' || child));
      -- Not to_regclass again: it would repeat from memory that there was none, which a lock of this kind does not refresh.
      if not exists (select from pg_class where relname = child and relnamespace = 'public'::regnamespace) then
        -- Attaching lets everyone go on reading and writing; CREATE TABLE … PARTITION OF would lock them out, and wait
        -- in a ring with a reader that comes from one of the parents to another.
        execute format('create table %I (like %I including all)', child, parent);
        if parent in ('stack_block', 'rollup') then
          execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, child, first_day, next_day);
        else
          execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, child,
            first_day::text || ' 00:00:00+00', next_day::text || ' 00:00:00+00');
        end if;
        call protect(child::regclass);
      end if;
    end if;
  end loop;
end $$;
