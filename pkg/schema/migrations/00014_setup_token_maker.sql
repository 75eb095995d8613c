-- +goose Up

-- Who made a setup token, so that it ends with the maker's rights. Null for an operator, and for tokens of an earlier version.
-- +goose StatementBegin
do $$
begin
    perform set_config('lock_timeout', '2s', true);
    alter table setup_token add column if not exists created_by uuid;
end $$;
-- +goose StatementEnd

-- +goose Down
alter table setup_token drop column created_by;
