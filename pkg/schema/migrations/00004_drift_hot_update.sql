-- +goose NO TRANSACTION
-- +goose Up

-- A decision changes a drift's status. As long as three indexes were partial by it, each decision wrote to every index that
-- the drift is in; now only the last one does, which sets resolved_at, by which a drift is told to be resolved just as well.
-- The others write to none (a heap-only tuple), where there is room in the page. Every step can be made again, for this runs
-- outside of a transaction. A wait for a lock ends well before the services' statements would that queue up behind it.
-- +goose StatementBegin
do $$
begin
    perform set_config('lock_timeout', '2s', true);
    alter table drift set (fillfactor = 85);
    update drift set resolved_at = updated_at where status = 'resolved' and resolved_at is null;
    update drift set resolved_at = null where status <> 'resolved' and resolved_at is not null;
    alter table drift drop constraint if exists drift_resolved_check;
    alter table drift add constraint drift_resolved_check check ((status = 'resolved') = (resolved_at is not null)) not valid;
end $$;
-- +goose StatementEnd
alter table drift validate constraint drift_resolved_check;

drop index concurrently if exists drift_open_new;
create unique index concurrently drift_open_new on drift (account_id, fingerprint) where resolved_at is null;
drop index concurrently if exists drift_resolved_new;
create index concurrently drift_resolved_new on drift (account_id, fingerprint, resolved_at desc) where resolved_at is not null;
drop index concurrently if exists drift_workspace_new;
create index concurrently drift_workspace_new on drift (account_id, workspace) where resolved_at is null;

-- At no moment is a resource's second open drift let in, or refused under another name.
-- +goose StatementBegin
do $$
begin
    perform set_config('lock_timeout', '2s', true);
    drop index if exists drift_open_key, drift_resolved_idx, drift_workspace_idx;
    alter index drift_open_new rename to drift_open_key;
    alter index drift_resolved_new rename to drift_resolved_idx;
    alter index drift_workspace_new rename to drift_workspace_idx;
end $$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
do $$
begin
    drop index drift_open_key, drift_resolved_idx, drift_workspace_idx;
    create unique index drift_open_key on drift (account_id, fingerprint) where status <> 'resolved';
    create index drift_resolved_idx on drift (account_id, fingerprint, resolved_at desc) where status = 'resolved';
    create index drift_workspace_idx on drift (account_id, workspace) where status <> 'resolved';
    alter table drift drop constraint drift_resolved_check;
    alter table drift reset (fillfactor);
end $$;
-- +goose StatementEnd
