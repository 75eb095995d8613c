#!/usr/bin/env bash
# Runs once, when the cluster is made. Migrations run as the owner, the services as a role that only reads and writes rows
# (and can't change the audit trail), the collector as one that reads only statistics. Passwords come from the same files
# that the services use.
set -euo pipefail

# password FILE: the password in a URL postgres://user:password@host/name.
password() { sed -E 's,^[a-z]+://[^:]+:([^@]+)@.*$,\1,' "$1"; }

psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$POSTGRES_USER" --dbname postgres \
	-v owner_password="$(password /run/secrets/database_owner_url)" \
	-v service_password="$(password /run/secrets/database_url)" \
	-v monitor_password="$(cat /run/secrets/database_monitor_password)" <<'SQL'
create role driftsentry_owner login password :'owner_password';
create role driftsentry_app nologin;
create role driftsentry_service login password :'service_password' in role driftsentry_app;
create role driftsentry_monitor login password :'monitor_password' in role pg_monitor;
create database driftsentry owner driftsentry_owner;
revoke connect, temporary on database driftsentry from public;
grant connect on database driftsentry to driftsentry_service, driftsentry_monitor;
\connect driftsentry
create extension pg_stat_statements;
SQL
