-- Publishes one event as api does: the next position, the row, the hint.
create or replace function bench_publish(data jsonb) returns void language plpgsql as $$
declare acc uuid; pos bigint;
begin
    select id into acc from account order by created_at limit 1;
    update account_stream set position = position + 1 where account_id = acc returning position into pos;
    insert into event (account_id, position, id, type, topics, body, traceparent)
    values (acc, pos, gen_random_uuid(), 'drift.updated', '{drifts}',
        json_build_object('specversion', '1.0', 'id', gen_random_uuid(), 'source', '/bench', 'type', 'drift.updated', 'subject', 'bench',
            'time', now(), 'datacontenttype', 'application/json', 'data', data), '');
    perform pg_notify('driftsentry_stream', acc || ':' || pos);
end $$;
