-- +goose NO TRANSACTION
-- +goose Up

-- Approvals that end, who changed a resource, drifts grouped by what changed, and workspaces whose checks stop coming. The version
-- before this one runs beside it: it names its columns, so every new one is null. Every step can be made again, for this runs
-- outside of a transaction. A wait for a lock ends well before the services' statements would that queue up behind it.
-- +goose StatementBegin
do $$
begin
    perform set_config('lock_timeout', '2s', true);
    alter table drift
        -- When the approval ends; null when it does not. It means nothing unless the drift is approved.
        add column if not exists approved_until timestamptz,
        -- Who made the last change that is known, when, who says so, and where to look.
        add column if not exists attributed_to text,
        add column if not exists attributed_at timestamptz,
        add column if not exists attribution_source text,
        add column if not exists attribution_url text,
        -- drift_group of the row; null where an earlier version wrote it, or the difference was masked again.
        add column if not exists change_group uuid;
    alter table workspace
        -- The alert that its checks stopped coming; null while they come.
        add column if not exists stale_alert_id uuid;
    alter table alert drop constraint if exists alert_type_check;
    alter table alert add constraint alert_type_check check (type in
        ('drift_detected', 'approval_needed', 'remediation_failed', 'check_failed', 'workspace_stale')) not valid;
end $$;
-- +goose StatementEnd
alter table alert validate constraint alert_type_check;

-- What changed, without the values: a line for each path, with the JSON types of its two sides. Which member of a list it is does
-- not matter. Without settings of their own, the functions take a sixth of the time.
-- +goose StatementBegin
create or replace function change_shape(difference jsonb) returns text language sql immutable parallel safe as $$
    select (select coalesce(string_agg(line, e'\n' order by line collate "C"), '') from (
        select distinct case when key like '%["%' then regexp_replace(key, '\["([^"\\]|\\.)*"\]', '[*]', 'g') else key end
            || e'\t' || coalesce(jsonb_typeof(value -> 'expected'), 'null') || e'\t' || coalesce(jsonb_typeof(value -> 'actual'), 'null') as line
        from jsonb_each(case when jsonb_typeof(difference) = 'object' then difference else '{}' end)
    ) lines)
$$;
-- +goose StatementEnd
-- +goose StatementBegin
create or replace function drift_group(resource_type text, difference jsonb) returns uuid language sql immutable parallel safe as $$
    select md5(resource_type || e'\n' || change_shape(difference))::uuid
$$;
-- +goose StatementEnd

-- The approvals that end. Only a decision with an end writes to it.
drop index concurrently if exists drift_expiry_idx;
create index concurrently drift_expiry_idx on drift (approved_until) where approved_until is not null and resolved_at is null;
-- The open drifts of a group. An update that resolves a drift writes to an index anyway.
drop index concurrently if exists drift_group_idx;
create index concurrently drift_group_idx on drift (account_id, change_group) where resolved_at is null;

-- +goose Down
-- +goose StatementBegin
do $$
begin
    drop index drift_group_idx, drift_expiry_idx;
    drop function drift_group, change_shape;
    delete from alert where type = 'workspace_stale';
    alter table alert drop constraint alert_type_check;
    alter table alert add constraint alert_type_check check (type in
        ('drift_detected', 'approval_needed', 'remediation_failed', 'check_failed'));
    alter table workspace drop column stale_alert_id;
    alter table drift drop column approved_until, drop column attributed_to, drop column attributed_at, drop column attribution_source,
        drop column attribution_url, drop column change_group;
end $$;
-- +goose StatementEnd
