-- +goose NO TRANSACTION
-- +goose Up

-- What the lists and pages of checks and workspaces read. Every step can be made again, for this runs outside of a
-- transaction; none keeps others from reading or writing.

-- The checks of an account that failed, say, newest first.
drop index concurrently if exists workspace_check_status_idx;
create index concurrently workspace_check_status_idx on workspace_check (account_id, status, created_at desc, id desc);
-- A workspace's last good check, however long it has failed since.
drop index concurrently if exists workspace_check_good_idx;
create index concurrently workspace_check_good_idx on workspace_check (workspace_id, created_at desc, id desc)
    where status <> 'failed' and not stale and purpose = 'record';
-- The drifts of a workspace that were resolved in the last days. An update that resolves a drift writes to an index anyway.
drop index concurrently if exists drift_workspace_resolved_idx;
create index concurrently drift_workspace_resolved_idx on drift (account_id, workspace, resolved_at) where resolved_at is not null;

-- The checks that still have the response to their upload, for retention. The hash of a body has 32 bytes.
drop index concurrently if exists workspace_check_response_idx;
create index concurrently workspace_check_response_idx on workspace_check (created_at) where octet_length(body_hash) = 32;

-- +goose Down
drop index workspace_check_response_idx;
drop index drift_workspace_resolved_idx;
drop index workspace_check_good_idx;
drop index workspace_check_status_idx;
