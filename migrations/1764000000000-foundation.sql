-- The ground everything stands on: tenants and keys, services, uploads and snapshots, the work list, the index.
--
-- Rules that hold for every table here and that a test proves from the catalogue:
--   * tenant_id is the first column of every primary, unique and foreign key and of every index;
--   * row-level security is enabled and forced, except on the four tables a process must read before it knows (or
--     across) tenants: tenant, api_key, work, work_turn;
--   * foreign keys between tenant tables contain tenant_id, so that no row can point into another tenant.

create function current_tenant() returns uuid
  language sql stable parallel safe
  as $$ select nullif(current_setting('app.tenant', true), '')::uuid $$;

create procedure protect(target regclass)
  language plpgsql
  as $$
begin
  execute format('alter table %s enable row level security', target);
  execute format('alter table %s force row level security', target);
  execute format(
    'create policy tenant_isolation on %s for all using (tenant_id = current_tenant()) with check (tenant_id = current_tenant())',
    target);
end $$;

-- Tenants, teams, keys -------------------------------------------------------------------------------------------------

create table tenant (
  tenant_id  uuid primary key default gen_random_uuid(),
  name       text not null unique,
  limits     jsonb not null default '{}',          -- overrides of the defaults, by limit name
  created_at timestamptz not null default now()
);

create table team (
  tenant_id  uuid not null references tenant on delete cascade,
  team_id    uuid not null default gen_random_uuid(),
  name       text not null,
  created_at timestamptz not null default now(),
  primary key (tenant_id, team_id),
  unique (tenant_id, name)
);
call protect('team');

-- Read before any tenant is known, so not under row-level security; holds no secret, only its hash.
create table api_key (
  tenant_id    uuid not null references tenant on delete cascade,
  key_id       text not null,
  role         text not null check (role in ('ingest', 'read', 'ci', 'admin')),
  operator     boolean not null default false,      -- may create tenants; only ever true with role admin
  team_id      uuid,
  name         text not null,
  secret_hash  bytea not null,
  created_at   timestamptz not null default now(),
  expires_at   timestamptz,
  revoked_at   timestamptz,
  last_used_at timestamptz,
  primary key (tenant_id, key_id),
  foreign key (tenant_id, team_id) references team (tenant_id, team_id) on delete cascade,
  check (not operator or role = 'admin')
);
create unique index api_key_lookup on api_key (key_id);

-- Services, instances, builds ------------------------------------------------------------------------------------------

create table service (
  tenant_id  uuid not null references tenant on delete cascade,
  service_id bigint not null generated always as identity,
  name       text not null,
  team_id    uuid not null,
  created_at timestamptz not null default now(),
  primary key (tenant_id, service_id),
  unique (tenant_id, name),
  foreign key (tenant_id, team_id) references team (tenant_id, team_id)
);
create index service_by_team on service (tenant_id, team_id, name);
call protect('service');

create table instance (
  tenant_id   uuid not null,
  service_id  bigint not null,
  instance_id bigint not null generated always as identity,
  name        text not null,
  first_seen  timestamptz not null,
  last_seen   timestamptz not null,
  primary key (tenant_id, service_id, instance_id),
  unique (tenant_id, service_id, name),
  foreign key (tenant_id, service_id) references service (tenant_id, service_id) on delete cascade
);
create index instance_by_last_seen on instance (tenant_id, service_id, last_seen desc);
call protect('instance');

create table build (
  tenant_id  uuid not null,
  service_id bigint not null,
  build_id   bigint not null generated always as identity,
  version    text not null default '',
  git_sha    text not null default '',
  ci_build   text not null default '',
  first_seen timestamptz not null,
  last_seen  timestamptz not null,
  primary key (tenant_id, service_id, build_id),
  unique (tenant_id, service_id, version, git_sha, ci_build),
  foreign key (tenant_id, service_id) references service (tenant_id, service_id) on delete cascade
);
call protect('build');

-- Uploads and snapshots ------------------------------------------------------------------------------------------------

-- Raw bytes in the archive, by content hash; its own row so that retention and holds act on bytes, not on references.
create table blob (
  tenant_id  uuid not null references tenant on delete cascade,
  sha256     bytea not null check (octet_length(sha256) = 32),
  size_bytes bigint not null,
  stored_at  timestamptz not null default now(),
  expires_at timestamptz,
  held       boolean not null default false,
  primary key (tenant_id, sha256)
);
call protect('blob');

-- One set of bytes as it was received. Identity: the same bytes from the same instance at the same time are one upload.
-- identity_at is the given captured_at; '-infinity' for artefacts that carry their own clock (pprof, execution traces);
-- the time of receipt for clockless text, which repeats byte for byte and must not collapse into one point.
create table upload (
  tenant_id        uuid not null,
  upload_id        uuid not null,
  service_id       bigint not null,
  instance_id      bigint not null,
  sha256           bytea not null,
  identity_at      timestamptz not null,
  size_bytes       bigint not null,
  content_encoding text not null default 'identity' check (content_encoding in ('identity', 'gzip')),
  received_at      timestamptz not null,
  declared         jsonb not null default '{}',      -- what the sender said: kind, captured_at, build, env, labels, ...
  state            text not null check (state in ('stored', 'parsing', 'indexed', 'rejected', 'quarantined')),
  problem          jsonb,                            -- why it was rejected or quarantined
  attempts         integer not null default 0,
  crashes          integer not null default 0,
  finished_at      timestamptz,
  primary key (tenant_id, upload_id),
  unique (tenant_id, service_id, instance_id, sha256, identity_at),
  foreign key (tenant_id, service_id, instance_id) references instance (tenant_id, service_id, instance_id) on delete cascade,
  foreign key (tenant_id, sha256) references blob (tenant_id, sha256)
);
create index upload_by_blob on upload (tenant_id, sha256);
call protect('upload');

create table idempotency (
  tenant_id       uuid not null,
  key_id          text not null,
  idempotency_key text not null,
  fingerprint     bytea not null,                    -- of the parameters and the body's hash
  upload_id       uuid not null,
  response        jsonb not null,
  created_at      timestamptz not null default now(),
  primary key (tenant_id, key_id, idempotency_key),
  foreign key (tenant_id, upload_id) references upload (tenant_id, upload_id) on delete cascade
);
create index idempotency_by_age on idempotency (tenant_id, created_at);
call protect('idempotency');

-- What was found in an upload. Part 0 exists from the moment of receipt and has the upload's id.
create table snapshot (
  tenant_id      uuid not null,
  snapshot_id    uuid not null,
  upload_id      uuid not null,
  part           smallint not null default 0,
  service_id     bigint not null,
  instance_id    bigint not null,
  build_id       bigint,
  kind           text,                               -- null until sniffed
  captured_at    timestamptz not null,               -- provisional (given, else receipt) until indexed
  captured_from  text not null check (captured_from in ('given', 'artefact', 'receipt')),
  capture_ms     integer,
  env            text not null default '',
  labels         jsonb not null default '{}',
  delta          boolean not null default false,
  duration_nanos bigint not null default 0,
  sample_types   jsonb not null default '[]',        -- [{"type": "inuse_space", "unit": "bytes", "total": "123"}], in profile order
  details        jsonb not null default '{}',        -- period, default sample type, counts, warnings, losses
  expires_at     timestamptz,
  held           boolean not null default false,
  primary key (tenant_id, snapshot_id),
  unique (tenant_id, upload_id, part),
  foreign key (tenant_id, upload_id) references upload (tenant_id, upload_id) on delete cascade,
  foreign key (tenant_id, service_id, instance_id) references instance (tenant_id, service_id, instance_id) on delete cascade,
  foreign key (tenant_id, service_id, build_id) references build (tenant_id, service_id, build_id)
);
create index snapshot_by_time on snapshot (tenant_id, captured_at desc, snapshot_id desc);
create index snapshot_by_service on snapshot (tenant_id, service_id, captured_at desc, snapshot_id desc);
create index snapshot_by_kind on snapshot (tenant_id, service_id, kind, captured_at desc, snapshot_id desc);
create index snapshot_by_instance on snapshot (tenant_id, service_id, instance_id, captured_at desc, snapshot_id desc);
create index snapshot_by_build on snapshot (tenant_id, service_id, build_id, captured_at desc, snapshot_id desc) where build_id is not null;
call protect('snapshot');

-- The work list: unfinished uploads only. A claim looks across tenants, so no row-level security; ids, state, lease.
create table work (
  tenant_id   uuid not null,
  upload_id   uuid not null,
  received_at timestamptz not null,
  lease_until timestamptz,                           -- null: waiting; past: its worker is gone
  fencing     bigint not null default 0,             -- grows with every claim; results are written only under the current one
  attempts    integer not null default 0,
  crashes     integer not null default 0,            -- deaths of the parser that the worker saw, this upload's own
  lost_leases integer not null default 0,            -- workers that vanished with it; the upload need not be the cause
  primary key (tenant_id, upload_id),
  foreign key (tenant_id, upload_id) references upload (tenant_id, upload_id) on delete cascade
) with (fillfactor = 70);
create index work_by_age on work (tenant_id, received_at, upload_id);
create sequence work_fencing;

-- Whose turn it is: the tenant served longest ago comes first.
create table work_turn (
  tenant_id uuid primary key references tenant on delete cascade,
  served_at timestamptz not null default '-infinity'
) with (fillfactor = 50);

-- Claims up to `slots` uploads that wait or whose worker is gone, and leases them to the caller. Fair: the tenants that
-- have work take turns, the one served longest ago first, each with its oldest upload. An upload that another claim has
-- locked is skipped, since that claim will lease it, so an empty answer means that nothing is left to claim. The clock
-- is the server's: workers whose clocks differ would expire each other's leases.
--
-- The plan must be the walk along work_by_age even while the statistics still say that the table is empty.
create function claim_work(slots integer, lease interval) returns setof work
  language plpgsql set enable_seqscan = off set enable_bitmapscan = off
  as $$
declare
  waiting   uuid[];
  served    uuid[] := '{}';
  candidate uuid;
  claimed   work;
begin
  -- Each tenant that has work costs one probe of the index, however much it has.
  waiting := array(
    with recursive busy as (
      (select w.tenant_id from work w order by w.tenant_id limit 1)
      union all
      select (select w.tenant_id from work w where w.tenant_id > busy.tenant_id order by w.tenant_id limit 1)
        from busy where busy.tenant_id is not null
    )
    select busy.tenant_id from busy left join work_turn turn on turn.tenant_id = busy.tenant_id
     where busy.tenant_id is not null
     order by turn.served_at nulls first, busy.tenant_id);
  while slots > 0 and cardinality(waiting) > 0 loop
    foreach candidate in array waiting loop
      exit when slots = 0;
      update work w
         set lease_until = clock_timestamp() + lease,
             fencing     = nextval('work_fencing'),
             attempts    = w.attempts + 1,
             lost_leases = w.lost_leases + (w.lease_until is not null)::integer
       where w.tenant_id = candidate
         and w.upload_id = (
           select x.upload_id from work x
            where x.tenant_id = candidate and (x.lease_until is null or x.lease_until < clock_timestamp())
            order by x.received_at, x.upload_id
            limit 1
            for update skip locked)
      returning w.* into claimed;
      if found then
        slots := slots - 1;
        served := served || candidate;
        return next claimed;
      else
        waiting := array_remove(waiting, candidate);
      end if;
    end loop;
  end loop;
  -- Ordered by id, so that two claims never wait for each other in a ring.
  insert into work_turn (tenant_id, served_at)
  select tenant_id, clock_timestamp() + max(ordinal) * interval '1 microsecond'
    from unnest(served) with ordinality as s (tenant_id, ordinal)
   group by tenant_id
   order by tenant_id
  on conflict (tenant_id) do update set served_at = excluded.served_at;
end $$;

-- Index: dictionaries --------------------------------------------------------------------------------------------------
-- Append-only blocks of delta/varint columns. Ids are dense and small; a head row holds how many there are and is what
-- a growing transaction locks. Symbols (functions, files, frames) live as long as the trends; stacks as long as a month.

create table symbol_head (
  tenant_id  uuid not null,
  service_id bigint not null,
  functions  integer not null default 0,
  files      integer not null default 0,
  frames     integer not null default 0,
  primary key (tenant_id, service_id),
  foreign key (tenant_id, service_id) references service (tenant_id, service_id) on delete cascade
);
call protect('symbol_head');

create table symbol_block (
  tenant_id      uuid not null,
  service_id     bigint not null,
  first_frame    integer not null,
  first_function integer not null,
  first_file     integer not null,
  frames         integer not null,
  functions      integer not null,
  files          integer not null,
  data           bytea not null,
  primary key (tenant_id, service_id, first_frame, first_function, first_file),
  foreign key (tenant_id, service_id) references service (tenant_id, service_id) on delete cascade
);
alter table symbol_block alter column data set storage external;
call protect('symbol_block');

create table stack_head (
  tenant_id  uuid not null,
  service_id bigint not null,
  month      date not null,
  nodes      integer not null default 1,             -- node 0 is the root
  -- A month that was dropped and begins anew gives its numbers anew, and whoever still knows the old ones has to see it:
  -- the transaction that drops a month's blocks deletes its heads.
  incarnation uuid not null default gen_random_uuid(),
  primary key (tenant_id, service_id, month),
  foreign key (tenant_id, service_id) references service (tenant_id, service_id) on delete cascade
);
call protect('stack_head');

-- The stacks of one service and month as one prefix tree: node = (parent node, frame), parents before children.
create table stack_block (
  tenant_id  uuid not null,
  service_id bigint not null,
  month      date not null,
  first_node integer not null,
  nodes      integer not null,
  data       bytea not null,
  primary key (tenant_id, service_id, month, first_node)
) partition by range (month);
alter table stack_block alter column data set storage external;
call protect('stack_block');

-- Index: one compact vector per snapshot -------------------------------------------------------------------------------

create table vector (
  tenant_id      uuid not null,
  service_id     bigint not null,
  kind           text not null,
  captured_at    timestamptz not null,
  snapshot_id    uuid not null,
  instance_id    bigint not null,
  build_id       bigint,
  delta          boolean not null default false,
  duration_nanos bigint not null default 0,
  sample_types   text[] not null,                    -- 'inuse_space/bytes', in the order of the columns
  totals         numeric[] not null,                 -- same order; a total may exceed 64 bits
  data           bytea not null,                     -- stack node ids and values, see src/catalog/vector.ts
  primary key (tenant_id, service_id, kind, captured_at, snapshot_id)
) partition by range (captured_at);
alter table vector alter column data set storage external;
create index vector_by_snapshot on vector (tenant_id, snapshot_id);
create index vector_by_instance on vector (tenant_id, service_id, kind, instance_id, captured_at);
call protect('vector');

-- Index: roll-ups ------------------------------------------------------------------------------------------------------
-- Day blocks of hourly records per instance and bucket of functions, written by the compaction job only.
-- bucket -1 holds the totals; bucket b >= 0 the functions [b * 64, b * 64 + 64).

create table rollup (
  tenant_id   uuid not null,
  service_id  bigint not null,
  kind        text not null,
  sample_type text not null,
  bucket      integer not null,
  day         date not null,
  instance_id bigint not null,
  data        bytea not null,                        -- see src/catalog/rollup-block.ts
  primary key (tenant_id, service_id, kind, sample_type, bucket, day, instance_id)
) partition by range (day);
alter table rollup alter column data set storage external;
call protect('rollup');

-- Everything captured before compacted_until is in the roll-ups, but for the hours marked dirty.
create table rollup_head (
  tenant_id       uuid not null,
  service_id      bigint not null,
  kind            text not null,
  compacted_until timestamptz not null default '-infinity',
  primary key (tenant_id, service_id, kind),
  foreign key (tenant_id, service_id) references service (tenant_id, service_id) on delete cascade
);
call protect('rollup_head');

create table rollup_dirty (
  tenant_id   uuid not null,
  service_id  bigint not null,
  kind        text not null,
  instance_id bigint not null,
  hour        timestamptz not null,
  marked_by   bigint not null,                       -- last transaction to do so: a mark set during a rebuild survives it
  primary key (tenant_id, service_id, kind, instance_id, hour),
  foreign key (tenant_id, service_id) references service (tenant_id, service_id) on delete cascade
);
call protect('rollup_dirty');

-- Monthly partitions, made on demand before the first row of a month. SECURITY DEFINER because the service's own role
-- owns nothing; it can do nothing else than this.
create function ensure_month(at timestamptz) returns void
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
  foreach parent in array array['stack_block', 'vector', 'rollup'] loop
    child := format('%s_%s', parent, to_char(first_day, 'YYYYMM'));
    if to_regclass(child) is null then
      perform pg_advisory_xact_lock(hashtext('tidemark.' || child));
      -- Not to_regclass again: it would repeat from memory that there was none, which a lock of this kind does not refresh.
      if not exists (select from pg_class where relname = child and relnamespace = 'public'::regnamespace) then
        -- Attaching lets everyone go on reading and writing; CREATE TABLE … PARTITION OF would lock them out, and wait
        -- in a ring with a reader that comes from one of the three parents to another.
        execute format('create table %I (like %I including all)', child, parent);
        if parent = 'vector' then
          execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, child,
            first_day::text || ' 00:00:00+00', next_day::text || ' 00:00:00+00');
        else
          execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, child, first_day, next_day);
        end if;
        call protect(child::regclass);
      end if;
    end if;
  end loop;
end $$;
revoke all on function ensure_month(timestamptz) from public;
