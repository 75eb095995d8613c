-- +goose Up

-- How far what is stored has been read again with the present rules of redaction, by the version of the rules.
create table redaction (
    rules         int primary key,
    -- The table that is being read, and the last row of it that is done.
    stage         text not null default '',
    last          text not null default '',
    seen          bigint not null default 0,
    changed       bigint not null default 0,
    -- One replica works at a time. One that has gone is replaced after this time.
    claimed_until timestamptz not null default '-infinity',
    started_at    timestamptz not null default now(),
    finished_at   timestamptz
);

-- The audit trail stays append-only, but for secrets that are masked: only redact_audit may, which runs as the owner.
-- +goose StatementBegin
create or replace function refuse_audit_change() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and current_setting('driftsentry.redacting', true) = 'on'
        and current_user = (select tableowner from pg_tables where schemaname = tg_table_schema and tablename = tg_table_name) then
        return null;
    end if;
    raise exception 'the audit trail is append-only' using errcode = 'insufficient_privilege';
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
create function redact_audit(row_id uuid, new_subject text, new_message text, new_metadata jsonb) returns void
    language plpgsql security definer set search_path = public, pg_temp as $$
begin
    perform set_config('driftsentry.redacting', 'on', true);
    -- A text may only change to one with a mask in it.
    update audit set subject = new_subject, message = new_message, metadata = new_metadata
        where id = row_id
            and (subject = new_subject or new_subject like '%[redacted%')
            and (message = new_message or new_message like '%[redacted%')
            and (metadata = new_metadata or new_metadata::text like '%[redacted%');
    perform set_config('driftsentry.redacting', '', true);
end $$;
-- +goose StatementEnd
revoke execute on function redact_audit from public;
-- +goose StatementBegin
do $$
begin
    if exists (select from pg_roles where rolname = 'driftsentry_app') then
        execute 'grant execute on function redact_audit to driftsentry_app';
    end if;
end $$;
-- +goose StatementEnd

-- +goose Down
drop function redact_audit;
-- +goose StatementBegin
create or replace function refuse_audit_change() returns trigger language plpgsql as $$
begin
    raise exception 'the audit trail is append-only' using errcode = 'insufficient_privilege';
end $$;
-- +goose StatementEnd
drop table redaction;
