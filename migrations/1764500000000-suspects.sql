-- Leak suspects: what the ranking of a service has found, what became of it, and when a service is to be ranked.

-- When a service is to be ranked, and what came of it last. See src/leaks/ranking-work.ts for how a row moves.
create table leak_ranking (
  tenant_id    uuid not null,
  service_id   bigint not null,
  due_at       timestamptz,                          -- null: nothing to do
  remarked     boolean not null default false,       -- new evidence since the last ranking began
  not_before   timestamptz,                          -- a service takes only so much of a worker's time
  lease_until  timestamptz,                          -- a worker ranks it; past: that worker is gone
  fencing      bigint not null default 0,            -- grows with every claim; an outcome is written only under the current one
  failures     integer not null default 0,           -- in a row
  fault        text,                                 -- why the last attempt came to nothing
  ranked_at    timestamptz,
  window_from  timestamptz,
  window_to    timestamptz,
  took_millis  integer,
  notes        jsonb not null default '[]',          -- what the ranking could not see
  judged       jsonb,                                -- what it rests on
  primary key (tenant_id, service_id),
  foreign key (tenant_id, service_id) references service (tenant_id, service_id) on delete cascade
) with (fillfactor = 70);
create index leak_ranking_due on leak_ranking (tenant_id, due_at) where due_at is not null;
call protect('leak_ranking');

-- What lets a suspect follow the team of its service: see service_team_id.
alter table service add constraint service_team_key unique (tenant_id, service_id, team_id);

create table suspect (
  tenant_id       uuid not null,
  suspect_id      uuid not null default gen_random_uuid(),
  service_id      bigint not null,
  service_team_id uuid not null,                     -- the service's, and moves with it
  own_team_id     uuid,                              -- another team, by an owner rule or as a person said
  own_team_from   text check (own_team_from in ('rule', 'key')),
  team_id         uuid not null generated always as (coalesce(own_team_id, service_team_id)) stored,
  assignee        text,
  fingerprint     text not null check (fingerprint ~ '^[0-9a-f]{32}$'),
  kind            text not null check (kind in ('goroutine', 'heap', 'off-heap')),
  function        text not null,
  state           text not null check (state in ('open', 'acknowledged', 'resolved', 'ignored')),
  phase           text check (phase in ('new', 'ongoing', 'escalating', 'regressed')),
  phase_since     timestamptz not null,              -- like all times of the ranking, of its evidence, not of a clock
  tier            text not null check (tier in ('confirmed', 'probable', 'watch')),
  score           double precision not null,
  rank            integer,                           -- in the latest ranking; null: which does not see it
  standing        double precision not null,         -- orders suspects across services, see src/leaks/standing.ts
  found           jsonb not null,                    -- the LeakSuspect as last seen
  first_seen_at   timestamptz not null,
  last_seen_at    timestamptz not null,
  since_build     text,
  last_build      text,                              -- the youngest build in which it was seen to grow
  peak            double precision not null,         -- the most there ever was, in the unit of its kind
  basis           jsonb not null,                    -- tier, now and per hour that "escalating" is measured against
  resolution      jsonb,                             -- since when, in which build, by whom, on what evidence
  ignore_rule     jsonb,                             -- until when, or over how much
  overruled_build text,                              -- in which it is not gone, as a person has said
  regressions     integer not null default 0,
  events          integer not null default 0,        -- the ordinal of the last one
  changed_at      timestamptz not null default now(),
  primary key (tenant_id, suspect_id),
  unique (tenant_id, service_id, fingerprint),
  foreign key (tenant_id, service_id, service_team_id) references service (tenant_id, service_id, team_id)
    on update cascade on delete cascade,
  foreign key (tenant_id, own_team_id) references team (tenant_id, team_id) on delete set null (own_team_id),
  check ((phase is not null) = (state in ('open', 'acknowledged'))),
  check ((resolution is not null) = (state = 'resolved')),
  check ((ignore_rule is not null) = (state = 'ignored'))
);
-- Lists are pages of these, found without a join. What is open stands above what is not, so that the usual list reads
-- nothing else.
create index suspect_by_standing on suspect (tenant_id, standing desc, suspect_id);
create index suspect_by_team on suspect (tenant_id, team_id, standing desc, suspect_id);
create index suspect_by_service_team on suspect (tenant_id, service_team_id, standing desc, suspect_id);
create index suspect_by_service on suspect (tenant_id, service_id, standing desc, suspect_id);
call protect('suspect');

-- Who changed what, and when: appended only.
create table suspect_event (
  tenant_id  uuid not null,
  suspect_id uuid not null,
  ordinal    integer not null,                       -- from 1
  at         timestamptz not null,
  what       text not null,
  key_id     text,                                   -- null: the ranking
  key_name   text,                                   -- as it was called then
  changes    jsonb not null default '{}',            -- {"state": ["open", "resolved"]}
  comment    text,
  primary key (tenant_id, suspect_id, ordinal),
  foreign key (tenant_id, suspect_id) references suspect (tenant_id, suspect_id) on delete cascade
);
call protect('suspect_event');

-- The snapshots that show an open suspect grow, pinned: the foreign key to their upload refuses to let it go, and with it
-- the bytes in the archive. It names the upload, because indexing that anew deletes its further parts and makes them again
-- under the same ids. There is no row for what is resolved or ignored.
--
-- Retention has to ask: it leaves out every upload of
--   select upload_id from suspect_evidence where tenant_id = …
-- and blobs that such an upload refers to; if it forgets, its DELETE fails. snapshot.held and blob.held are not touched
-- from here, they are what a person has said. Whole months of vectors may go: the bytes are the evidence.
create table suspect_evidence (
  tenant_id   uuid not null,
  suspect_id  uuid not null,
  snapshot_id uuid not null,
  upload_id   uuid not null,
  primary key (tenant_id, suspect_id, snapshot_id),
  foreign key (tenant_id, suspect_id) references suspect (tenant_id, suspect_id) on delete cascade,
  foreign key (tenant_id, upload_id) references upload (tenant_id, upload_id)
);
create index suspect_evidence_by_upload on suspect_evidence (tenant_id, upload_id);
call protect('suspect_evidence');

-- Whose code is what, as in a CODEOWNERS file: the last rule that matches counts.
create table suspect_owner_rule (
  tenant_id uuid not null,
  ordinal   integer not null,
  pattern   text not null,
  team_id   uuid not null,
  primary key (tenant_id, ordinal),
  foreign key (tenant_id, team_id) references team (tenant_id, team_id) on delete cascade
);
call protect('suspect_owner_rule');
