-- +goose Up

-- The services run as a member of this role, migrations as the owner. It reads and writes rows, and of the audit trail it
-- may only add. Roles belong to the whole server: another database's migration may have made it already.
-- +goose StatementBegin
do $$
begin
    create role driftsentry_app nologin;
exception
    when duplicate_object or unique_violation then null;
    when insufficient_privilege then
        raise notice 'no right to create the role driftsentry_app; the services need the owner''s own';
end $$;
-- +goose StatementEnd
-- +goose StatementBegin
do $$
begin
    if exists (select from pg_roles where rolname = 'driftsentry_app') then
        execute 'grant usage on schema public to driftsentry_app';
        execute 'grant select, insert, update, delete on all tables in schema public to driftsentry_app';
        execute 'alter default privileges in schema public grant select, insert, update, delete on tables to driftsentry_app';
        execute 'revoke update, delete on audit from driftsentry_app';
        execute 'revoke insert, update, delete on stream_epoch, goose_db_version from driftsentry_app';
    end if;
end $$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
do $$
begin
    if exists (select from pg_roles where rolname = 'driftsentry_app') then
        execute 'alter default privileges in schema public revoke all on tables from driftsentry_app';
        execute 'revoke all on all tables in schema public from driftsentry_app';
        execute 'revoke usage on schema public from driftsentry_app';
    end if;
end $$;
-- +goose StatementEnd
