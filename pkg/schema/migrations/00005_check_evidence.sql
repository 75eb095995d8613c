-- +goose NO TRANSACTION
-- +goose Up

-- What a check proves, where it came from, and what went wrong with it. The version before this one runs beside it: it names
-- its columns, so every new one is null or has a default. Such a column is added without a look at the rows; so are the
-- checks, which are validated afterwards, while others read and write. Every step can be made again, for this runs outside of
-- a transaction. A wait for a lock ends well before the services' statements would that queue up behind it.
-- +goose StatementBegin
do $$
begin
    perform set_config('lock_timeout', '2s', true);
    alter table drift
        -- Keyed hashes of both sides of each difference: later plans are asked which of the two prior_state has.
        add column if not exists sides bytea,
        -- Null where an earlier version resolved the drift: then resolved_how is told from the decision.
        add column if not exists resolved_basis text,
        -- The last check that showed or resolved it, and was recorded.
        add column if not exists check_id uuid;
    alter table drift drop constraint if exists drift_resolved_how_check;
    alter table drift add constraint drift_resolved_how_check check (resolved_how in
        ('auto-remediate', 'manual-fix', 'acknowledged', 'reverted', 'accepted', 'removed', 'superseded', 'unknown')) not valid;
    alter table drift drop constraint if exists drift_resolved_basis_check;
    alter table drift add constraint drift_resolved_basis_check check (resolved_basis in ('decision', 'state')) not valid;
end $$;
-- +goose StatementEnd
alter table drift validate constraint drift_resolved_how_check;
alter table drift validate constraint drift_resolved_basis_check;

-- +goose StatementBegin
do $$
begin
    perform set_config('lock_timeout', '2s', true);
    alter table workspace_check
        -- Both null where an earlier version wrote the check, or no plan came.
        add column if not exists refreshed text,
        add column if not exists coverage text,
        -- refresh-only, normal, destroy, or empty where the plan does not tell.
        add column if not exists mode text not null default '',
        -- How many open drifts the check could not judge, and why: sentences for people.
        add column if not exists unproven int not null default 0,
        add column if not exists reasons text[] not null default '{}',
        add column if not exists root_mismatch boolean not null default false,
        add column if not exists purpose text not null default 'record',
        -- As the sender says; empty where it says nothing.
        add column if not exists ref text not null default '',
        add column if not exists commit_sha text not null default '',
        add column if not exists run_url text not null default '',
        add column if not exists triggered_by text not null default '',
        -- Why a failed check failed, when no plan came that says it.
        add column if not exists failure_reason text not null default '',
        -- Entries of the plan that could not be read: how many, and the first ones, [{"path","resource","reason"}].
        add column if not exists left_out int not null default 0,
        add column if not exists left_out_entries jsonb not null default '[]',
        -- Lines around the plan that were skipped.
        add column if not exists wrapper_lines int not null default 0;
    alter table workspace_check drop constraint if exists workspace_check_evidence_check;
    alter table workspace_check add constraint workspace_check_evidence_check check (
        refreshed in ('proven', 'stated', 'unknown', 'no') and coverage in ('full', 'partial', 'unknown')
        and mode in ('', 'refresh-only', 'normal', 'destroy') and purpose in ('record', 'preview')) not valid;
end $$;
-- +goose StatementEnd
alter table workspace_check validate constraint workspace_check_evidence_check;

-- The checks of an account, newest first.
drop index concurrently if exists workspace_check_account_idx;
create index concurrently workspace_check_account_idx on workspace_check (account_id, created_at desc, id desc);

-- +goose StatementBegin
do $$
begin
    perform set_config('lock_timeout', '2s', true);
    alter table workspace
        -- The only ref of which plans are recorded; null when any is.
        add column if not exists record_ref text,
        -- Keyed hashes of the managed addresses that its state had in the last recorded check that had some.
        add column if not exists root bytea,
        -- The next recorded plan may be of another root, which then is this workspace's.
        add column if not exists accept_root boolean not null default false;
end $$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
do $$
begin
    alter table workspace drop column record_ref, drop column root, drop column accept_root;
    drop index workspace_check_account_idx;
    alter table workspace_check drop constraint workspace_check_evidence_check;
    -- Earlier versions know no previews: these checks would look like the workspace's own.
    delete from workspace_check where purpose = 'preview';
    alter table workspace_check drop column refreshed, drop column coverage, drop column mode, drop column unproven,
        drop column reasons, drop column root_mismatch, drop column purpose, drop column ref, drop column commit_sha,
        drop column run_url, drop column triggered_by, drop column failure_reason, drop column left_out,
        drop column left_out_entries, drop column wrapper_lines;
    update drift set resolved_how = 'unknown' where resolved_how = 'removed';
    alter table drift drop constraint drift_resolved_how_check, drop constraint drift_resolved_basis_check;
    alter table drift add constraint drift_resolved_how_check check (resolved_how in
        ('auto-remediate', 'manual-fix', 'acknowledged', 'reverted', 'accepted', 'superseded', 'unknown'));
    alter table drift drop column sides, drop column resolved_basis, drop column check_id;
end $$;
-- +goose StatementEnd
