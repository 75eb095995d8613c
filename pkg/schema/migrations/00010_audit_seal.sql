-- +goose NO TRANSACTION
-- +goose Up

-- Every step can be made again, for this runs outside of a transaction.

-- The order in which audit rows are sealed. A transaction has its id before it takes a position: so once all transactions that
-- had an id when position N was the newest have ended, nobody can add a row at or before N any more. Rows of before this
-- migration have position 0, and are sealed first.
create sequence if not exists audit_position_seq as bigint;
-- +goose StatementBegin
create or replace function audit_position() returns bigint language plpgsql as $$
begin
    perform pg_current_xact_id();
    return nextval('public.audit_position_seq');
end $$;
-- +goose StatementEnd
-- +goose StatementBegin
do $$
begin
    perform set_config('lock_timeout', '2s', true);
    alter table audit add column if not exists position bigint not null default 0;
    alter table audit alter column position set default audit_position();
end $$;
-- +goose StatementEnd
drop index concurrently if exists audit_position_new;
create index concurrently audit_position_new on audit (position, id);
-- +goose StatementBegin
do $$
begin
    perform set_config('lock_timeout', '2s', true);
    drop index if exists audit_position_idx;
    alter index audit_position_new rename to audit_position_idx;
end $$;
-- +goose StatementEnd

-- The chain of seals: each covers the rows after the one before it up to (to_position, to_id), or says that the rows up to there
-- were removed by retention. services/api/internal/audit/seal.go says what is hashed.
create table if not exists audit_seal (
    number      bigint primary key check (number > 0),
    kind        text not null check (kind in ('rows', 'removed')),
    to_position bigint not null,
    to_id       uuid not null,
    count       int not null,
    -- The newest created_at of the rows.
    newest_at   timestamptz not null,
    sealed_at   timestamptz not null,
    previous    bytea not null,
    -- The hashes of the rows, 32 bytes each, which tell where it breaks.
    leaves      bytea not null,
    hash        bytea not null
);
create index concurrently if not exists audit_seal_rows_idx on audit_seal (number) where kind = 'rows';

-- +goose StatementBegin
create or replace function refuse_audit_change() returns trigger language plpgsql as $$
begin
    if current_user = (select tableowner from pg_tables where schemaname = tg_table_schema and tablename = tg_table_name) and (
        tg_op = 'UPDATE' and current_setting('driftsentry.redacting', true) = 'on'
        or tg_op = 'DELETE' and current_setting('driftsentry.trimming', true) = 'on') then
        return null;
    end if;
    raise exception 'the audit trail is append-only' using errcode = 'insufficient_privilege';
end $$;
-- +goose StatementEnd
create or replace trigger audit_seal_append_only before update or delete or truncate on audit_seal
    for each statement execute function refuse_audit_change();

-- The hash of a row, as audit.Leaf computes it in Go.
-- +goose StatementBegin
create or replace function audit_part(part text) returns bytea language sql immutable as $$
    select case when part is null then int4send(-1) else int4send(octet_length(convert_to(part, 'UTF8'))) || convert_to(part, 'UTF8') end
$$;
-- +goose StatementEnd
-- +goose StatementBegin
create or replace function audit_leaf(a audit) returns bytea language sql stable set search_path = public, pg_temp as $$
    select sha256(int8send(a.position) || uuid_send(a.id) || uuid_send(a.account_id)
        || int8send((extract(epoch from a.created_at) * 1000000)::bigint) || audit_part(a.action) || audit_part(a.actor_id::text)
        || audit_part(a.actor_email) || audit_part(a.actor_role) || audit_part(a.drift_id::text) || audit_part(a.subject)
        || audit_part(a.message) || audit_part(a.trace_id) || audit_part(a.metadata::text))
$$;
-- +goose StatementEnd

-- A row that is masked leaves an audit row with the hashes of before and after, so that its seal can still be checked.
-- +goose StatementBegin
create or replace function redact_audit(row_id uuid, new_subject text, new_message text, new_metadata jsonb) returns void
    language plpgsql security definer set search_path = public, pg_temp as $$
declare
    account uuid;
    before  bytea;
    after   bytea;
begin
    select a.account_id, audit_leaf(a) into account, before from audit a where a.id = row_id for update;
    perform set_config('driftsentry.redacting', 'on', true);
    -- A text may only change to one with a mask in it.
    update audit set subject = new_subject, message = new_message, metadata = new_metadata
        where id = row_id
            and (subject = new_subject or new_subject like '%[redacted%')
            and (message = new_message or new_message like '%[redacted%')
            and (metadata = new_metadata or new_metadata::text like '%[redacted%');
    perform set_config('driftsentry.redacting', '', true);
    select audit_leaf(a) into after from audit a where a.id = row_id;
    if before <> after then
        insert into audit (id, account_id, action, actor_role, subject, message, metadata)
            values (gen_random_uuid(), account, 'audit.redacted', 'system', row_id::text, 'masked what the present rules call secret',
                jsonb_build_object('was', encode(before, 'hex'), 'is', encode(after, 'hex')));
    end if;
end $$;
-- +goose StatementEnd

-- For `api audit trim`, which runs as the owner.
-- +goose StatementBegin
create or replace function trim_audit(up_to_position bigint, up_to_id uuid) returns bigint
    language plpgsql set search_path = public, pg_temp as $$
declare
    removed bigint;
begin
    perform set_config('driftsentry.trimming', 'on', true);
    delete from audit where (position, id) <= (up_to_position, up_to_id);
    get diagnostics removed = row_count;
    perform set_config('driftsentry.trimming', '', true);
    return removed;
end $$;
-- +goose StatementEnd
revoke execute on function trim_audit from public;

-- A role for each service: driftsentry_api reads and writes rows, but of an audit row it says neither when nor where it
-- stands; driftsentry_realtime reads what it sends, and whose sessions hold. driftsentry_app, which both had, keeps what it may.
-- An owner who may not make roles leaves that to deploy/postgres/10-roles.sh, which then calls this again.
-- +goose StatementBegin
create or replace function grant_service_rights() returns void language plpgsql security definer set search_path = public, pg_temp as $$
begin
    perform set_config('lock_timeout', '2s', true);
    if exists (select from pg_roles where rolname = 'driftsentry_app') then
        grant usage, select on sequence audit_position_seq to driftsentry_app;
        revoke update, delete, truncate on audit_seal from driftsentry_app;
        grant select, insert on audit_seal to driftsentry_app;
    end if;
    if exists (select from pg_roles where rolname = 'driftsentry_api') then
        grant usage on schema public to driftsentry_api;
        grant select, insert, update, delete on all tables in schema public to driftsentry_api;
        alter default privileges in schema public grant select, insert, update, delete on tables to driftsentry_api;
        alter default privileges in schema public grant usage, select on sequences to driftsentry_api;
        grant usage, select on sequence audit_position_seq to driftsentry_api;
        grant execute on function redact_audit to driftsentry_api;
        revoke insert, update, delete on audit from driftsentry_api;
        grant insert (id, account_id, action, actor_id, actor_email, actor_role, drift_id, subject, message, trace_id, metadata)
            on audit to driftsentry_api;
        revoke update, delete on audit_seal from driftsentry_api;
        revoke insert, update, delete on stream_epoch, goose_db_version from driftsentry_api;
    end if;
    if exists (select from pg_roles where rolname = 'driftsentry_realtime') then
        grant usage on schema public to driftsentry_realtime;
        grant select on event, account_stream, stream_epoch, session to driftsentry_realtime;
        grant select (id, account_id, role, is_active) on app_user to driftsentry_realtime;
    end if;
end $$;
-- +goose StatementEnd
revoke execute on function grant_service_rights from public;
-- +goose StatementBegin
do $$
declare
    name text;
begin
    foreach name in array array['driftsentry_api', 'driftsentry_realtime'] loop
        begin
            execute format('create role %I nologin', name);
        exception
            when duplicate_object or unique_violation then null;
            when insufficient_privilege then
                raise notice 'no right to create the role %; deploy/postgres/10-roles.sh makes it', name;
        end;
    end loop;
    perform grant_service_rights();
end $$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
do $$
begin
    if exists (select from pg_roles where rolname = 'driftsentry_api') then
        alter default privileges in schema public revoke all on tables from driftsentry_api;
        alter default privileges in schema public revoke all on sequences from driftsentry_api;
        revoke all on all tables in schema public from driftsentry_api;
        revoke all on all sequences in schema public from driftsentry_api;
        revoke execute on function redact_audit from driftsentry_api;
        revoke usage on schema public from driftsentry_api;
    end if;
    if exists (select from pg_roles where rolname = 'driftsentry_realtime') then
        revoke select (id, account_id, role, is_active) on app_user from driftsentry_realtime;
        revoke all on all tables in schema public from driftsentry_realtime;
        revoke usage on schema public from driftsentry_realtime;
    end if;
end $$;
-- +goose StatementEnd
-- +goose StatementBegin
create or replace function redact_audit(row_id uuid, new_subject text, new_message text, new_metadata jsonb) returns void
    language plpgsql security definer set search_path = public, pg_temp as $$
begin
    perform set_config('driftsentry.redacting', 'on', true);
    update audit set subject = new_subject, message = new_message, metadata = new_metadata
        where id = row_id
            and (subject = new_subject or new_subject like '%[redacted%')
            and (message = new_message or new_message like '%[redacted%')
            and (metadata = new_metadata or new_metadata::text like '%[redacted%');
    perform set_config('driftsentry.redacting', '', true);
end $$;
-- +goose StatementEnd
drop function grant_service_rights;
drop function trim_audit;
drop function audit_leaf;
drop function audit_part;
drop table audit_seal;
alter table audit drop column position;
drop function audit_position;
drop sequence audit_position_seq;
