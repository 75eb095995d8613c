-- +goose Up
set local lock_timeout = '2s';

-- Where an account's notifications go: Slack, or a webhook.
create table channel (
    id              uuid primary key,
    account_id      uuid not null references account on delete cascade,
    name            text not null,
    kind            text not null check (kind in ('slack', 'webhook')),
    -- The URL and the secret, sealed with DATA_KEY. Of the URL, people see the host.
    target          bytea not null,
    host            text not null,
    events          text[] not null,
    severities      text[] not null,
    -- Globs and names; null is all.
    workspaces      text[],
    owners          text[],
    enabled         boolean not null default true,
    created_by      uuid not null references app_user,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    last_success_at timestamptz,
    -- Since when every attempt has failed, and what the last one said; null after a success.
    failing_since   timestamptz,
    last_error      text,
    -- When the first of the messages was given up that were since the last success.
    failed_at       timestamptz,
    unique (account_id, name)
);
create index channel_created_by_idx on channel (created_by);

-- One message for one channel, about the events of one transaction, in the order of the stream. It holds no content: that is in
-- the events.
create table delivery (
    id              uuid primary key,
    account_id      uuid not null references account on delete cascade,
    channel_id      uuid not null references channel on delete cascade,
    -- The order. It is taken under the lock of the stream's counter, so a later one is committed later.
    place           bigint not null generated always as identity,
    first_position  bigint not null,
    last_position   bigint not null,
    traceparent     text not null default '',
    state           text not null default 'waiting' check (state in ('waiting', 'delivered', 'parked')),
    attempts        int not null default 0,
    next_attempt_at timestamptz not null default now(),
    -- After this it is parked.
    expires_at      timestamptz not null,
    created_at      timestamptz not null default now(),
    finished_at     timestamptz,
    last_status     int,
    last_error      text
);
create index delivery_waiting_idx on delivery (channel_id, place) where state = 'waiting';
create index delivery_parked_idx on delivery (channel_id) where state = 'parked';
create index delivery_channel_idx on delivery (channel_id, created_at desc, id desc);
create index delivery_finished_idx on delivery (finished_at) where finished_at is not null;

-- The tables of River (https://riverqueue.com), as its own migrations 1 to 8 make them on an empty database. TestRiverSchema of
-- services/api/internal/queue compares them.
create table river_migration (
    line       text not null constraint line_length check (char_length(line) > 0 and char_length(line) < 128),
    version    bigint not null constraint version_gte_1 check (version >= 1),
    created_at timestamptz not null default now(),
    constraint river_migration_pkey1 primary key (line, version)
);
insert into river_migration (line, version) select 'main', generate_series(1, 8);

create type river_job_state as enum ('available', 'cancelled', 'completed', 'discarded', 'pending', 'retryable', 'running', 'scheduled');
create table river_job (
    id            bigserial primary key,
    state         river_job_state not null default 'available',
    attempt       smallint not null default 0,
    max_attempts  smallint not null default 25 constraint max_attempts_is_positive check (max_attempts > 0),
    attempted_at  timestamptz,
    created_at    timestamptz not null default now(),
    finalized_at  timestamptz,
    scheduled_at  timestamptz not null default now(),
    priority      smallint not null default 1 constraint priority_in_range check (priority >= 1 and priority <= 4),
    args          jsonb not null,
    attempted_by  text[],
    errors        jsonb[],
    kind          text not null constraint kind_length check (char_length(kind) > 0 and char_length(kind) < 128),
    metadata      jsonb not null default '{}',
    queue         text not null default 'default' constraint queue_length check (char_length(queue) > 0 and char_length(queue) < 128),
    tags          varchar(255)[] not null default '{}',
    unique_key    bytea,
    unique_states bit(8),
    constraint finalized_or_finalized_at_null check (
        (finalized_at is null and state not in ('cancelled', 'completed', 'discarded'))
        or (finalized_at is not null and state in ('cancelled', 'completed', 'discarded')))
);
-- +goose StatementBegin
create function river_job_state_in_bitmask(bitmask bit(8), state river_job_state) returns boolean language sql immutable as $$
    select case state
        when 'available' then get_bit(bitmask, 7)
        when 'cancelled' then get_bit(bitmask, 6)
        when 'completed' then get_bit(bitmask, 5)
        when 'discarded' then get_bit(bitmask, 4)
        when 'pending'   then get_bit(bitmask, 3)
        when 'retryable' then get_bit(bitmask, 2)
        when 'running'   then get_bit(bitmask, 1)
        when 'scheduled' then get_bit(bitmask, 0)
        else 0
    end = 1
$$;
-- +goose StatementEnd
create index river_job_kind on river_job (kind);
create index river_job_state_and_finalized_at_index on river_job (state, finalized_at) where finalized_at is not null;
create index river_job_prioritized_fetching_index on river_job (state, queue, priority, scheduled_at, id);
create index river_job_args_index on river_job using gin (args);
create index river_job_metadata_index on river_job using gin (metadata);
create unique index river_job_unique_idx on river_job (unique_key)
    where unique_key is not null and unique_states is not null and river_job_state_in_bitmask(unique_states, state);

create unlogged table river_leader (
    elected_at timestamptz not null,
    expires_at timestamptz not null,
    leader_id  text not null constraint leader_id_length check (char_length(leader_id) > 0 and char_length(leader_id) < 128),
    name       text primary key default 'default' constraint name_length check (name = 'default')
);
create table river_queue (
    name       text primary key,
    created_at timestamptz not null default now(),
    metadata   jsonb not null default '{}',
    paused_at  timestamptz,
    updated_at timestamptz not null default current_timestamp
);
create table river_notification (
    id         bigserial primary key,
    created_at timestamptz not null default now(),
    payload    text not null,
    topic      text not null constraint topic_length check (length(topic) > 0 and length(topic) < 128)
);
create index river_notification_created_at_idx on river_notification (created_at);
create index river_notification_topic_id_idx on river_notification (topic, id);

-- driftsentry_api gets its rights on tables and sequences by default; the older role only on tables.
-- +goose StatementBegin
do $$
begin
    if exists (select from pg_roles where rolname = 'driftsentry_app') then
        grant usage, select on sequence river_job_id_seq, river_notification_id_seq, delivery_place_seq to driftsentry_app;
    end if;
end $$;
-- +goose StatementEnd

-- +goose Down
drop table delivery, channel;
drop table river_notification, river_queue, river_leader, river_job, river_migration;
drop function river_job_state_in_bitmask;
drop type river_job_state;
