#!/bin/sh
# Run once, by the postgres image, when its data folder is new: the owner of the schema, and the role of the service,
# which owns nothing and cannot bypass row-level security.
set -eu
psql --set ON_ERROR_STOP=1 --username postgres --set owner_password="$OWNER_PASSWORD" --set app_password="$APP_PASSWORD" <<'SQL'
create role tidemark_owner login nosuperuser nobypassrls nocreatedb nocreaterole password :'owner_password';
create role tidemark_app   login nosuperuser nobypassrls nocreatedb nocreaterole password :'app_password';
create database tidemark owner tidemark_owner;
SQL
