-- +goose NO TRANSACTION
-- +goose Up

-- Rules, what they make of a drift, and what decisions were about, path by path. The version before this one runs beside it: it
-- names its columns, so every new one is null or has a default. Every step can be made again, for this runs outside of a
-- transaction. A wait for a lock ends well before the services' statements would that queue up behind it.
-- +goose StatementBegin
do $$
begin
    perform set_config('lock_timeout', '2s', true);
    alter table account
        -- Grows with every change of the rules that are in force, so that compiled rules can be kept.
        add column if not exists rules_version bigint not null default 0;
    create table if not exists rule (
        id          uuid primary key,
        account_id  uuid not null references account on delete cascade,
        -- The order in which rules are asked; of an effect the first one that matches wins.
        position    int not null,
        status      text not null check (status in ('proposed', 'active', 'ended')),
        effect      text not null check (effect in ('ignore', 'severity', 'owner')),
        -- What it matches; an empty list matches everything.
        workspaces  text[] not null default '{}',
        addresses   text[] not null default '{}',
        types       text[] not null default '{}',
        providers   text[] not null default '{}',
        paths       text[] not null default '{}',
        origins     text[] not null default '{}',
        no_op       boolean not null default false,
        severity    text check (severity in ('critical', 'warning', 'info')),
        owner       text,
        reason      text not null,
        expires_at  timestamptz,
        created_at  timestamptz not null default now(),
        created_by  text not null default '',
        accepted_at timestamptz,
        accepted_by text,
        updated_at  timestamptz not null default now(),
        updated_by  text not null default '',
        ended_at    timestamptz,
        ended_by    text,
        ended_how   text check (ended_how in ('ended', 'expired', 'declined')),
        check ((status = 'ended') = (ended_at is not null)),
        check ((effect = 'severity') = (severity is not null)),
        check ((effect = 'owner') = (owner is not null))
    );
    create index if not exists rule_account_idx on rule (account_id, position, id) where ended_at is null;
    create index if not exists rule_ended_idx on rule (account_id, ended_at desc, id desc) where ended_at is not null;
    create index if not exists rule_expires_idx on rule (expires_at) where status = 'active' and expires_at is not null;
    -- How far the present rules of an account have been applied to its open drifts: to the workspaces before this one, and of
    -- this one to the drifts up to that id. The row is removed at the end.
    create table if not exists rule_run (
        account_id uuid primary key references account on delete cascade,
        workspace  text not null default '',
        after      uuid not null default '00000000-0000-0000-0000-000000000000',
        begun_at   timestamptz not null default now()
    );
    alter table drift
        add column if not exists owner text,
        -- Who set the owner: a user's email, or `rule:` and a rule's id.
        add column if not exists owner_by text,
        -- The rule that ignores all of it, if one does; of several the one that ends first.
        add column if not exists suppressed_by uuid,
        add column if not exists suppressed_reason text,
        add column if not exists suppressed_until timestamptz,
        -- The rule that set the severity, and what that was before; null when the severity is the default.
        add column if not exists severity_by uuid,
        add column if not exists default_severity text check (default_severity in ('critical', 'warning', 'info')),
        -- The paths of the difference with keyed hashes, see plan.Paths; null where an earlier version wrote it.
        add column if not exists path_hashes bytea;
    alter table workspace_check
        add column if not exists count_suppressed int not null default 0;
    -- What the decision about a drift was about: keyed hashes of each path and of its two values. The version before this one
    -- decides without them: they count only if the newest of them is of the time of the drift's decision.
    create table if not exists decided_path (
        drift_id   uuid not null references drift on delete cascade,
        path       bytea not null,
        hash       bytea not null,
        decided_at timestamptz not null,
        primary key (drift_id, path)
    );
end $$;
-- +goose StatementEnd

-- Lists leave suppressed drifts out, and count without the table.
drop index concurrently if exists drift_created_new;
create index concurrently drift_created_new on drift (account_id, created_at desc, id desc) include (suppressed_by);
drop index concurrently if exists drift_severity_created_new;
create index concurrently drift_severity_created_new on drift (account_id, severity, created_at desc, id desc) include (suppressed_by);
drop index concurrently if exists drift_open_created_new;
create index concurrently drift_open_created_new on drift (account_id, created_at desc, id desc) include (suppressed_by) where resolved_at is null;
drop index concurrently if exists drift_suppressed_idx;
create index concurrently drift_suppressed_idx on drift (account_id, suppressed_by) where suppressed_by is not null;

-- +goose StatementBegin
do $$
begin
    perform set_config('lock_timeout', '2s', true);
    drop index if exists drift_created_idx, drift_severity_created_idx, drift_open_created_idx;
    alter index drift_created_new rename to drift_created_idx;
    alter index drift_severity_created_new rename to drift_severity_created_idx;
    alter index drift_open_created_new rename to drift_open_created_idx;
end $$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
do $$
begin
    drop index drift_suppressed_idx, drift_created_idx, drift_severity_created_idx, drift_open_created_idx;
    create index drift_created_idx on drift (account_id, created_at desc, id desc);
    create index drift_severity_created_idx on drift (account_id, severity, created_at desc, id desc);
    create index drift_open_created_idx on drift (account_id, created_at desc, id desc) where resolved_at is null;
    drop table decided_path, rule_run, rule;
    alter table workspace_check drop column count_suppressed;
    alter table drift drop column owner, drop column owner_by, drop column suppressed_by, drop column suppressed_reason,
        drop column suppressed_until, drop column severity_by, drop column default_severity, drop column path_hashes;
    alter table account drop column rules_version;
end $$;
-- +goose StatementEnd
