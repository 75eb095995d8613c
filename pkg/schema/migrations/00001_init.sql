-- +goose Up

-- The epoch names one life of this database's event streams. Restoring a backup must write a new one,
-- so that cursors handed out after the backup are refused instead of silently skipping events.
create table stream_epoch (
    one   boolean primary key default true check (one),
    epoch text not null
);
insert into stream_epoch (epoch) values (substr(md5(gen_random_uuid()::text), 1, 12));

create table account (
    id         uuid primary key,
    name       text not null unique check (name <> ''),
    created_at timestamptz not null default now()
);

-- The counter row of an account's stream, always the last row that a transaction locks.
create table account_stream (
    account_id uuid primary key references account on delete cascade,
    position   bigint not null default 0,
    -- Events at or below this position were removed by retention.
    trimmed_to bigint not null default 0
);

create table app_user (
    id            uuid primary key,
    account_id    uuid not null references account on delete cascade,
    email         text not null,
    name          text not null,
    role          text not null check (role in ('viewer', 'engineer', 'admin')),
    is_active     boolean not null default true,
    password_hash text,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    last_login_at timestamptz
);
create unique index app_user_email_key on app_user (lower(email));
create index app_user_account_idx on app_user (account_id, created_at, id);

create table session (
    id             uuid primary key,
    user_id        uuid not null references app_user on delete cascade,
    created_at     timestamptz not null default now(),
    expires_at     timestamptz not null,
    revoked_at     timestamptz,
    revoked_reason text check (revoked_reason in ('logout', 'token_reuse', 'password_changed', 'deactivated', 'admin'))
);
create index session_user_idx on session (user_id) where revoked_at is null;

-- SHA-256 of each refresh token; a spent one that comes back revokes its session.
create table refresh_token (
    hash       bytea primary key,
    session_id uuid not null references session on delete cascade,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    spent_at   timestamptz
);
create index refresh_token_session_idx on refresh_token (session_id);

create table setup_token (
    hash       bytea primary key,
    user_id    uuid not null references app_user on delete cascade,
    expires_at timestamptz not null,
    used_at    timestamptz
);
create index setup_token_user_idx on setup_token (user_id);

create table api_key (
    id           uuid primary key,
    account_id   uuid not null references account on delete cascade,
    name         text not null,
    scope        text not null check (scope in ('ingest')),
    prefix       text not null,
    hash         bytea not null unique,
    created_by   uuid not null references app_user,
    created_at   timestamptz not null default now(),
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz
);
create index api_key_account_idx on api_key (account_id, created_at, id);

create table workspace (
    id                  uuid primary key,
    account_id          uuid not null references account on delete cascade,
    name                text not null,
    last_check_id       uuid,
    last_check_at       timestamptz,
    last_check_status   text check (last_check_status in ('ok', 'drifted', 'failed')),
    -- The newest plan's own timestamp: an older plan is recorded as stale and changes nothing.
    last_plan_timestamp timestamptz,
    created_at          timestamptz not null default now(),
    unique (account_id, name)
);

create table workspace_check (
    id                uuid primary key,
    account_id        uuid not null references account on delete cascade,
    workspace_id      uuid not null references workspace on delete cascade,
    status            text not null check (status in ('ok', 'drifted', 'failed')),
    stale             boolean not null default false,
    count_new         int not null default 0,
    count_changed     int not null default 0,
    count_unchanged   int not null default 0,
    count_resolved    int not null default 0,
    format_version    text not null default '',
    terraform_version text not null default '',
    plan_timestamp    timestamptz,
    -- SHA-256 of the inflated body and the options: the same plan sent again gets the first answer.
    body_hash         bytea not null,
    -- json, not jsonb: the first answer is given again byte by byte.
    answer            json not null,
    actor             text not null,
    trace_id          text not null default '',
    created_at        timestamptz not null default now()
);
create index workspace_check_workspace_idx on workspace_check (workspace_id, created_at desc);
create unique index workspace_check_body_key on workspace_check (workspace_id, body_hash) where plan_timestamp is not null;

create table drift (
    id                  uuid primary key,
    account_id          uuid not null references account on delete cascade,
    version             int not null default 1,
    fingerprint         bytea not null,
    workspace           text not null,
    resource_id         text not null,
    resource_type       text not null,
    provider            text not null default '',
    region              text not null default '',
    origin              text not null check (origin in ('drift', 'change', 'manual')),
    planned_action      text,
    -- JSON null where the resource should not, or does not, exist.
    expected_state      jsonb not null,
    actual_state        jsonb not null,
    difference          jsonb not null,
    -- HMAC of the difference before redaction: second changes of a masked value are seen.
    difference_mac      bytea not null,
    severity            text not null check (severity in ('critical', 'warning', 'info')),
    -- Severity sorts by weight, not by alphabet.
    severity_weight     smallint not null generated always as
                            (case severity when 'critical' then 3 when 'warning' then 2 else 1 end) stored,
    status              text not null default 'detected' check (status in ('detected', 'triaged', 'approved', 'rejected', 'resolved')),
    cost_impact_monthly numeric(14, 2) not null default 0,
    detected_by         text not null check (detected_by in ('scheduler', 'manual', 'api', 'plan')),
    detected_at         timestamptz not null default now(),
    first_seen_at       timestamptz not null default now(),
    last_seen_at        timestamptz not null default now(),
    occurrences         int not null default 1,
    approved_at         timestamptz,
    approved_by         text,
    approval_reason     text,
    rejected_at         timestamptz,
    rejected_by         text,
    rejection_reason    text,
    resolved_at         timestamptz,
    resolved_how        text check (resolved_how in ('auto-remediate', 'manual-fix', 'acknowledged', 'reverted', 'accepted', 'superseded', 'unknown')),
    previous_id         uuid references drift,
    created_at          timestamptz not null default now(),
    updated_at          timestamptz not null default now()
);
create unique index drift_open_key on drift (account_id, fingerprint) where status <> 'resolved';
-- For the resolved drift of which a new one is a return.
create index drift_resolved_idx on drift (account_id, fingerprint, resolved_at desc) where status = 'resolved';
create index drift_created_idx on drift (account_id, created_at desc, id desc);
create index drift_detected_idx on drift (account_id, detected_at desc, id desc);
create index drift_last_seen_idx on drift (account_id, last_seen_at desc, id desc);
create index drift_cost_idx on drift (account_id, cost_impact_monthly desc, id desc);
create index drift_severity_idx on drift (account_id, severity_weight desc, id desc);
create index drift_workspace_idx on drift (account_id, workspace) where status <> 'resolved';

create table alert (
    id         uuid primary key,
    account_id uuid not null references account on delete cascade,
    drift_id   uuid references drift on delete cascade,
    type       text not null check (type in ('drift_detected', 'approval_needed', 'remediation_failed', 'check_failed')),
    severity   text not null check (severity in ('critical', 'warning', 'info')),
    title      text not null,
    message    text not null,
    is_read    boolean not null default false,
    read_at    timestamptz,
    read_by    text,
    created_at timestamptz not null default now()
);
create index alert_account_idx on alert (account_id, created_at desc, id desc);
create index alert_unread_idx on alert (account_id) where not is_read;
create index alert_drift_idx on alert (drift_id);

create table event (
    account_id  uuid not null references account on delete cascade,
    position    bigint not null,
    id          uuid not null,
    type        text not null,
    topics      text[] not null,
    -- The CloudEvents object as bytes, written through to every reader. json, not jsonb: it is never looked into.
    body        json not null,
    -- W3C trace context of the span "publish": parent of the span "process" that delivers this event.
    traceparent text not null default '',
    created_at  timestamptz not null default clock_timestamp(),
    primary key (account_id, position)
);
create index event_created_idx on event (created_at);

create table audit (
    id          uuid primary key,
    account_id  uuid not null references account on delete cascade,
    created_at  timestamptz not null default clock_timestamp(),
    action      text not null,
    actor_id    uuid,
    actor_email text not null default '',
    actor_role  text not null default '',
    drift_id    uuid,
    subject     text not null default '',
    message     text not null default '',
    trace_id    text not null default '',
    metadata    jsonb not null default '{}'
);
create index audit_account_idx on audit (account_id, created_at desc, id desc);
create index audit_drift_idx on audit (drift_id, created_at, id) where drift_id is not null;

-- +goose StatementBegin
create function refuse_audit_change() returns trigger language plpgsql as $$
begin
    raise exception 'the audit trail is append-only' using errcode = 'insufficient_privilege';
end $$;
-- +goose StatementEnd
create trigger audit_append_only before update or delete or truncate on audit
    for each statement execute function refuse_audit_change();

-- First answers by Idempotency-Key. The answer is sealed with DATA_KEY: some of them carry a secret shown once.
create table idempotency (
    account_id   uuid not null references account on delete cascade,
    principal    text not null,
    key          text not null,
    request_hash bytea not null,
    status       int,
    answer       bytea,
    created_at   timestamptz not null default now(),
    primary key (account_id, principal, key)
);
create index idempotency_created_idx on idempotency (created_at);

-- +goose Down
drop table idempotency, audit, event, alert, drift, workspace_check, workspace, api_key, setup_token, refresh_token,
    session, app_user, account_stream, account, stream_epoch;
drop function refuse_audit_change();
