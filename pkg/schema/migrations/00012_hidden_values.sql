-- +goose Up

-- Whether keyed hashes are stored of this account in the place of values, also where the installation stores values.
-- +goose StatementBegin
do $$
begin
    perform set_config('lock_timeout', '2s', true);
    alter table account add column if not exists hide_values boolean not null default false;
end $$;
-- +goose StatementEnd

-- +goose Down
alter table account drop column hide_values;
