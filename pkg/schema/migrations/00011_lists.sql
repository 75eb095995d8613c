-- +goose NO TRANSACTION
-- +goose Up

-- What lists filter and sort by, who has read which alert, and the settings of workspaces. The version before this one runs
-- beside it: it names its columns, so every new one is null or has a default. Every step can be made again, for this runs
-- outside of a transaction. A wait for a lock ends well before the services' statements would that queue up behind it.
-- +goose StatementBegin
do $$
begin
    perform set_config('lock_timeout', '2s', true);
    alter table drift
        -- The paths of the difference, one a line, for the search; null where an earlier version wrote it.
        add column if not exists paths text;
    alter table account_stream
        -- Grows when what lists show changes without an event: by redaction, and by retention.
        add column if not exists revision bigint not null default 0;
    alter table workspace
        add column if not exists owner text,
        -- Seconds; null is as WORKSPACE_STALE_AFTER says.
        add column if not exists stale_after int check (stale_after > 0),
        add column if not exists archived boolean not null default false;
    create table if not exists alert_read (
        alert_id uuid not null references alert on delete cascade,
        user_id  uuid not null,
        read_at  timestamptz not null default now(),
        primary key (alert_id, user_id)
    );
end $$;
-- +goose StatementEnd

-- As many members of an object as there is room for, the ones with short names first.
-- +goose StatementBegin
create or replace function cut_object(value jsonb, room int) returns text language sql immutable parallel safe set search_path = pg_catalog as $$
    select coalesce(jsonb_object_agg(member.key, member.value)::text, '{}') from (
        select key, each.value, sum(octet_length(to_json(key)::text) + octet_length(each.value::text) + 4) over (rows unbounded preceding) as size
        from (
            select key, e.value from jsonb_each(case when jsonb_typeof(cut_object.value) = 'object' then cut_object.value else '{}' end) e
            where octet_length(e.value::text) <= room offset 0
        ) each
    ) member where size <= room
$$;
-- +goose StatementEnd

-- A JSON object as text. One that has no room is cut, and begins with a "!". Of one whose stored size exceeds opened there is
-- nothing: reading it would cost too much. The cost makes a list call it for the rows of its page alone, after the sort.
-- +goose StatementBegin
create or replace function shown_object(value jsonb, opened int, room int) returns text language plpgsql immutable parallel safe cost 100 as $$
declare
    shown text;
begin
    if pg_column_size(value) > opened then
        return '!{}';
    end if;
    shown := value::text;
    if octet_length(shown) <= room then
        return shown;
    end if;
    return '!' || public.cut_object(value, room);
end $$;
-- +goose StatementEnd

-- The open drifts of an account, newest first. An update that resolves a drift writes to an index anyway.
drop index concurrently if exists drift_open_created_idx;
create index concurrently drift_open_created_idx on drift (account_id, created_at desc, id desc) where resolved_at is null;
-- Sorted by workspace, and by the beginning of the resource's id: an index has no room for the longest.
drop index concurrently if exists drift_workspace_name_idx;
create index concurrently drift_workspace_name_idx on drift (account_id, workspace collate "C", id);
drop index concurrently if exists drift_resource_idx;
create index concurrently drift_resource_idx on drift (account_id, (left(resource_id, 256) collate "C"), id);
-- The drift that another one is a return of.
drop index concurrently if exists drift_previous_idx;
create index concurrently drift_previous_idx on drift (previous_id) where previous_id is not null;

-- +goose Down
drop index drift_previous_idx, drift_resource_idx, drift_workspace_name_idx, drift_open_created_idx;
drop function shown_object, cut_object;
drop table alert_read;
alter table workspace drop column owner, drop column stale_after, drop column archived;
alter table account_stream drop column revision;
alter table drift drop column paths;
