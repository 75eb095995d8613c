-- +goose Up

-- What tells a user's sessions apart in a list: when each was last refreshed, and what the client said of itself at sign-in.
-- The version before writes neither.
alter table session
    add column last_used_at timestamptz,
    add column user_agent   text not null default '' check (length(user_agent) <= 200);

-- What a user's own clients keep with the user.
alter table app_user add column preferences jsonb not null default '{}';

-- +goose Down
alter table app_user drop column preferences;
alter table session drop column last_used_at, drop column user_agent;
