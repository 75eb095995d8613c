-- +goose Up

-- The list that people open first, one severity and the newest first, and its count read this index alone.
create index drift_severity_created_idx on drift (account_id, severity, created_at desc, id desc);

-- +goose Down
drop index drift_severity_created_idx;
