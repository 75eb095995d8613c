-- +goose Up

-- Identity providers of people, and the trust in tokens of CI. The version before this one runs beside it: it neither writes nor reads
-- what is new here. A wait for a lock ends well before the services' statements would that queue up behind it.
set local lock_timeout = '2s';

-- Who a person is at an identity provider. An email can be given to another person there; a subject can't.
create table user_identity (
    issuer        text not null,
    subject       text not null,
    user_id       uuid not null references app_user on delete cascade,
    created_at    timestamptz not null,
    last_login_at timestamptz not null,
    primary key (issuer, subject)
);
create index user_identity_user_idx on user_identity (user_id);

-- The provider that opened a session; null for a password.
alter table session add column issuer text;

-- Audiences of tokens of CI. Each belongs to one account alone: it decides whose plans a token sends.
create table ci_audience (
    audience   text primary key,
    account_id uuid not null references account on delete cascade,
    unique (audience, account_id)
);

-- Which tokens of which issuer may send plans of which workspaces.
create table ci_trust (
    id           uuid primary key,
    account_id   uuid not null references account on delete cascade,
    name         text not null,
    issuer       text not null,
    audience     text not null,
    -- A glob of the token's subject, and globs of other claims by their names.
    subject      text not null,
    claims       jsonb not null default '{}',
    -- Globs; null is every workspace.
    workspaces   text[],
    created_by   uuid not null references app_user,
    created_at   timestamptz not null,
    last_used_at timestamptz,
    foreign key (audience, account_id) references ci_audience (audience, account_id)
);
create index ci_trust_account_idx on ci_trust (account_id, created_at, id);

-- +goose Down
drop table ci_trust, ci_audience;
alter table session drop column issuer;
drop table user_identity;
