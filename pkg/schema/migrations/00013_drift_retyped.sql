-- +goose Up

-- Whether a plan moved the resource of an open drift to another type and did not list the drift, as OpenTofu does not.
-- +goose StatementBegin
do $$
begin
    perform set_config('lock_timeout', '2s', true);
    alter table drift add column if not exists retyped boolean not null default false;
end $$;
-- +goose StatementEnd

-- +goose Down
alter table drift drop column retyped;
