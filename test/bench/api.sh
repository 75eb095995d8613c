#!/usr/bin/env bash
# Measures api beside the peers, interleaved: in each round the peers, then api fully sampled, sampled at 10 %, and with
# its telemetry switched off. Prints medians; the figures of all rounds are in .run/bench/api.jsonl.
#   PEERS=folder ROUNDS=3 test/bench/api.sh [flags of apiload, such as -d 5s]
. "$(dirname "$0")/lib.sh"
rounds=${ROUNDS:-3}
jsonl=$out/api.jsonl
: >"$jsonl"
pids=()
stop() { for p in "${pids[@]:-}"; do [ -n "$p" ] && kill "$p" 2>/dev/null && wait "$p" 2>/dev/null || true; done; pids=(); }
trap 'stop; "$PEERS/pg.sh" stop 2>/dev/null || true' EXIT

# start NAME PORT [VARIABLE=VALUE …]: one api.
start() {
	local name=$1 port=$2
	shift 2
	free "$port"
	# Not by the function: the process that is measured must be the api itself.
	env "${environment[@]}" PORT="$port" METRICS_PORT=$((port + 1000)) OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317 "$@" \
		"$out/api" serve >/dev/null 2>"$BENCH_TMP/$name.err" &
	pids+=($!)
	targets+=(-target "$name=127.0.0.1:$port@$!")
	wait_for "$port"
}

for round in $(seq "$rounds"); do
	say "round $round: peers"
	TARGETS=${TARGETS:-node bare otel100 otel10} "$PEERS/run-api.sh" -scenarios list,get,approve -rounds 1 -json "$jsonl" "$@" >/dev/null
	say "round $round: ours"
	prepare
	"$PEERS/bin/otlp-sink" >/dev/null 2>&1 &
	pids+=($!)
	wait_for 4317
	targets=()
	start ours100 4131 OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=1
	start ours10 4132 OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=0.1
	start oursoff 4133 OTEL_SDK_DISABLED=true LOG_LEVEL=error ENABLE_METRICS=false
	"$PEERS/bin/apiload" "${targets[@]}" -token "$(sign_in 4131)" -dsn "$ours_url" -ids-sql "select id::text from drift order by md5(id::text)" \
		-reset "$here/reset.sql" -pgpid "$("$PEERS/pg.sh" pid)" -scenarios list,get,approve -rounds 1 -json "$jsonl" "$@" >/dev/null
	stop
	"$PEERS/pg.sh" stop
done
python3 "$PEERS/summary.py" "$jsonl"
