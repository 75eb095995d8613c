-- +goose NO TRANSACTION
-- +goose Up

-- The drifts that were resolved in a window of time. An update that resolves a drift writes to an index anyway. It can be made again, for
-- this runs outside of a transaction.
drop index concurrently if exists drift_resolved_at_idx;
create index concurrently drift_resolved_at_idx on drift (account_id, resolved_at desc) where resolved_at is not null;

-- +goose Down
drop index drift_resolved_at_idx;
