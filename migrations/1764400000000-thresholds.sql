-- From where on a number is worth a finding: a tenant's own values, by name (src/analysis/runtime/thresholds.ts).
alter table tenant add column thresholds jsonb not null default '{}';
