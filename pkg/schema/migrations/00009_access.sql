-- +goose Up

-- Who may do what from where. The version before this one runs beside it: it neither writes nor reads what is new here. No table's
-- rows are looked at, and a wait for a lock ends well before the services' statements would that queue up behind it.
set local lock_timeout = '2s';

-- The networks that a user signed in from: what others do from elsewhere does not lock the user out there.
create table sign_in_network (
    user_id uuid not null references app_user on delete cascade,
    network text not null,
    last_at timestamptz not null,
    primary key (user_id, network)
);
create index sign_in_network_last_idx on sign_in_network (last_at);

-- Failed sign-ins, counted by email, network and hour. The email has a keyed hash: most belong to no user. An empty network, or
-- an empty email, stands for those that were too many to have their own rows.
create table failed_sign_in (
    id         uuid not null,
    email_hash bytea not null,
    hour       timestamptz not null,
    network    text not null,
    user_id    uuid references app_user on delete cascade,
    account_id uuid references account on delete cascade,
    count      int not null,
    first_at   timestamptz not null,
    last_at    timestamptz not null,
    primary key (email_hash, hour, network)
);
create index failed_sign_in_account_idx on failed_sign_in (account_id, first_at desc, id desc) where account_id is not null;
create index failed_sign_in_strange_idx on failed_sign_in (hour) where user_id is null;
create index failed_sign_in_user_idx on failed_sign_in (user_id) where user_id is not null;
create index failed_sign_in_last_idx on failed_sign_in (last_at);

-- The audit trail as people read it: what was done, and what was tried. Only the first part never changes.
create view audit_trail as
    select id, account_id, created_at, action, actor_id, actor_email, actor_role, drift_id, subject, message, trace_id, metadata
    from audit
    union all
    select f.id, f.account_id, f.first_at, 'auth.failed', null, '', 'system', null,
        (select u.email from app_user u where u.id = f.user_id),
        case f.count when 1 then 'a sign-in failed' else f.count || ' sign-ins failed' end, '',
        jsonb_build_object('user', f.user_id, 'count', f.count, 'network', nullif(f.network, ''), 'lastAt', f.last_at)
    from failed_sign_in f where f.account_id is not null;

-- The workspaces that a key may name, as globs; null is any.
alter table api_key add column workspaces text[];

-- +goose Down
alter table api_key drop column workspaces;
drop view audit_trail;
drop table failed_sign_in, sign_in_network;
