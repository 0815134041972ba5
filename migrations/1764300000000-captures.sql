-- Captures: several artefacts of one instance that were taken together. Each is an upload like any other; what they
-- share, and the names they came under, is here.

create table capture (
  tenant_id     uuid not null,
  capture_id    uuid not null,
  service_id    bigint not null,
  instance_id   bigint not null,
  -- SHA-256 over the sorted ids of its uploads: the same artefacts sent together again are the same capture.
  identity      bytea not null check (octet_length(identity) = 32),
  captured_at   timestamptz not null,                -- given, else the time of receipt; each snapshot has its own
  captured_from text not null check (captured_from in ('given', 'receipt')),
  received_at   timestamptz not null,
  capture_ms    integer,
  build         text not null default '',
  git_sha       text not null default '',
  ci_build      text not null default '',
  env           text not null default '',
  labels        jsonb not null default '{}',
  skipped       jsonb not null default '[]',         -- [{"name": "logs/empty.log", "reason": "empty"}]
  primary key (tenant_id, capture_id),
  unique (tenant_id, service_id, instance_id, identity),
  foreign key (tenant_id, service_id, instance_id) references instance (tenant_id, service_id, instance_id) on delete cascade
);
create index capture_by_time on capture (tenant_id, captured_at desc, capture_id desc);
create index capture_by_service on capture (tenant_id, service_id, captured_at desc, capture_id desc);
create index capture_by_instance on capture (tenant_id, service_id, instance_id, captured_at desc, capture_id desc);
create index capture_by_build on capture (tenant_id, build, captured_at desc, capture_id desc) where build <> '';
call protect('capture');

-- What was sent, in its order. An upload may be in several captures (one dump sent alone and again in a bundle), and
-- twice in one.
create table capture_part (
  tenant_id  uuid not null,
  capture_id uuid not null,
  ordinal    smallint not null,
  upload_id  uuid not null,
  name       text not null,
  primary key (tenant_id, capture_id, ordinal),
  foreign key (tenant_id, capture_id) references capture (tenant_id, capture_id) on delete cascade,
  foreign key (tenant_id, upload_id) references upload (tenant_id, upload_id) on delete cascade
);
create index capture_part_by_upload on capture_part (tenant_id, upload_id);
call protect('capture_part');

-- The first capture an upload was in, and its name there. Deferred, because which capture it is, is only known once its
-- uploads are; not validated, because no row has one yet, and the owner sees none to check.
alter table upload
  add column capture_id uuid,
  add column name text,
  add constraint upload_capture_fkey foreign key (tenant_id, capture_id) references capture (tenant_id, capture_id)
    on delete set null (capture_id) deferrable initially deferred not valid;
create index upload_by_capture on upload (tenant_id, capture_id) where capture_id is not null;
