#!/usr/bin/env bash
# Makes the database, its roles, and their passwords, and brings those of an earlier version to this one. In docker-compose.prod.yml
# Postgres runs it once, when the cluster is made; deploy/roles runs it later. It may run again: it sets the passwords to those of the
# secret files. On a Postgres of your own, as a user with CREATEROLE and CREATEDB; no superuser is needed:
#
#   PGHOST=db.example.com PGUSER=postgres PGPASSWORD=… SECRETS_DIR=./secrets deploy/postgres/10-roles.sh
#
# Migrations run as the owner. Each service has a role that may do what it does and no more: api reads and writes rows, but neither
# changes the audit trail nor dates it back; realtime only reads. The collector's reads only statistics.
set -euo pipefail

secrets=${SECRETS_DIR:-/run/secrets}
[ -z "${POSTGRES_USER-}" ] || export PGUSER=$POSTGRES_USER # set in Postgres's image alone
# What runs psql; deploy/roles runs that of the container.
read -ra psql <<<"${PSQL:-psql}"
psql+=(--no-psqlrc -q -v ON_ERROR_STOP=1)

# field N FILE: the user (1) or the password (2) in a URL postgres://user:password@host/name.
field() { sed -E 's,^[a-z]+://([^:]+):([^@]+)@.*$,\'"$1," "$secrets/$2"; }

# set_password ROLE PASSWORD: \password computes the SCRAM verifier here, so no statement has the password. That of the verifier is not
# kept either: not in pg_stat_statements, which the monitor role reads, and not in the log.
set_password() {
	local said
	# Without a terminal, \password reads standard input.
	said=$(printf '%s\n%s\n' "$2" "$2" | $without_terminal "${psql[@]}" --dbname postgres -c "$discreet" -c "\\password $1" 2>&1) ||
		{ echo "10-roles.sh: the password of $1 could not be set: $said" >&2; exit 1; }
}
without_terminal=
[ -n "${PSQL-}" ] || ! command -v setsid >/dev/null || without_terminal="setsid -w"
discreet="set log_statement = 'none'; set log_min_duration_statement = -1; set log_min_error_statement = 'panic';
	set pg_stat_statements.track_utility = off"
"${psql[@]}" --dbname postgres -c "$discreet" 2>/dev/null || {
	echo "10-roles.sh: ${PGUSER:-$(id -un)} may not turn off the recording of statements on this server; it may keep SCRAM verifiers, but no password" >&2
	discreet="select"
}

# The second login of a service, while deploy/rotate is under way, or after it.
"${psql[@]}" --dbname postgres -v service="$(field 1 database_url)" -v reader="$(field 1 database_realtime_url)" <<'SQL'
select format('create role %I %s', name, attributes)
from (values ('driftsentry_owner', 'login'), ('driftsentry_app', 'nologin'), ('driftsentry_api', 'nologin'), ('driftsentry_realtime', 'nologin'),
	('driftsentry_service', 'login'), ('driftsentry_reader', 'login'), ('driftsentry_monitor', 'login')) as wanted (name, attributes)
where name not in (select rolname from pg_roles) \gexec
set client_min_messages = warning;
grant driftsentry_api to driftsentry_service;
grant driftsentry_realtime to driftsentry_reader;
select format('create role %I', name) from unnest(array[:'service', :'reader']) as name where name in ('driftsentry_service_2', 'driftsentry_reader_2')
	and name not in (select rolname from pg_roles) \gexec
select format('alter role %I login', rolname) from pg_roles where rolname in (:'service', :'reader') and not rolcanlogin \gexec
select format('grant driftsentry_api to %I', rolname) from pg_roles where rolname = 'driftsentry_service_2' \gexec
select format('grant driftsentry_realtime to %I', rolname) from pg_roles where rolname = 'driftsentry_reader_2' \gexec
-- As the services set them, for a pooler in transaction mode, through which what they set does not last.
select format('alter role %I set %s', name, setting)
from (select rolname from pg_roles where rolname ~ '^driftsentry_(service|reader)(_2)?$') as login (name),
	unnest(array['statement_timeout = ''15s''', 'lock_timeout = ''5s''', 'idle_in_transaction_session_timeout = ''30s''']) as setting \gexec
SQL
for file in database_owner_url database_url database_realtime_url; do
	set_password "$(field 1 $file)" "$(field 2 $file)"
done
set_password driftsentry_monitor "$(cat "$secrets/database_monitor_password")"

# for_metrics DATABASE WHAT STATEMENT: the collector measures less without it, and only some administrators who are no superuser may.
for_metrics() {
	local said
	said=$("${psql[@]}" --dbname "$1" -c "set client_min_messages = warning" -c "$3" 2>&1) ||
		echo "10-roles.sh: the metrics of Postgres are incomplete until a superuser runs, in the database $1: $2 (${said%%$'\n'*})" >&2
}
for_metrics postgres "grant pg_monitor to driftsentry_monitor" "do \$\$ begin
	if not pg_has_role('driftsentry_monitor', 'pg_monitor', 'member') then grant pg_monitor to driftsentry_monitor; end if; end \$\$"

"${psql[@]}" --dbname postgres <<'SQL'
set client_min_messages = warning;
select 'grant driftsentry_owner to current_user' where not (select rolsuper from pg_roles where rolname = current_user) \gexec
-- The order of text is Postgres's own: that of a library changes with the library, and breaks indexes. Before 17 there is none.
select 'create database driftsentry owner driftsentry_owner template template0 encoding ''UTF8'' '
	|| case when current_setting('server_version_num')::int >= 170000 then 'locale ''C'' locale_provider builtin builtin_locale ''C.UTF-8''' else '' end
where not exists (select from pg_database where datname = 'driftsentry') \gexec
revoke connect, temporary on database driftsentry from public;
grant connect on database driftsentry to driftsentry_api, driftsentry_realtime, driftsentry_monitor;
\connect driftsentry
set client_min_messages = warning;
-- Where the migrations have run already, before there were these roles.
select 'select from grant_service_rights()' where to_regprocedure('public.grant_service_rights()') is not null \gexec
-- Last, because it takes rights.
select 'revoke driftsentry_app from driftsentry_service' where to_regclass('public.audit_seal') is not null
	and pg_has_role('driftsentry_service', 'driftsentry_app', 'member') and not (select rolsuper from pg_roles where rolname = 'driftsentry_service') \gexec
SQL
for_metrics driftsentry "create extension pg_stat_statements" "create extension if not exists pg_stat_statements"
