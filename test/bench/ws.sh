#!/usr/bin/env bash
# Measures realtime beside the WebSocket libraries and peers, interleaved round by round. Events are committed to Postgres
# as api does it, so the latency is from the insert to the client's socket. Prints medians.
#   PEERS=folder ROUNDS=3 CASES="1000:200:20 10000:20:2" TARGETS="ours epoll centrifuge socketio" test/bench/ws.sh
. "$(dirname "$0")/lib.sh"
trap 'kill "${api:-}" 2>/dev/null || true; "$PEERS/pg.sh" stop 2>/dev/null || true' EXIT
prepare
free 4131
free 4141
# Not by the function: what ends the script must reach the api itself.
env "${environment[@]}" PORT=4131 METRICS_PORT=5131 "$out/api" serve >"$BENCH_TMP/ours.log" 2>&1 &
api=$!
wait_for 4131
token=$(sign_in 4131)
export OURS_START="env ${environment[*]} PORT=4141 METRICS_PORT=5141 $out/realtime serve" OUT=$out/ws.jsonl
# wsload splits its flags at spaces, so the publishing statement and the greeting must have none.
export OURS_FLAGS="-url ws://127.0.0.1:4141/ws -subprotocol driftsentry.v1,bearer.$token -hello {\"type\":\"subscribe\",\"id\":\"1\",\"topics\":[\"drifts\"]} -await ack -dsn $ours_url -publish-sql select/**/bench_publish(\$1::jsonb)"
: >"$OUT"
TARGETS=${TARGETS:-ours epoll centrifuge socketio} ROUNDS=${ROUNDS:-3} "$PEERS/run-ws.sh" >/dev/null
python3 "$PEERS/summary.py" "$OUT"
