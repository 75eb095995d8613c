# What api.sh and ws.sh share: the built services, a database beside the peers', an account. Needs PEERS, the folder of the
# peers and their load generators, and gives prepare, ours and sign_in.
set -euo pipefail
: "${PEERS:?set PEERS to the folder of the peers (pg.sh, run-api.sh, run-ws.sh, bin/)}"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
out=${OUT_DIR:-$top/.run/bench}
mkdir -p "$out"
PEERS=$(cd "$PEERS" && pwd)
export BENCH_TMP=${BENCH_TMP:-${TMPDIR:-/tmp}/driftsentry-bench}
mkdir -p "$BENCH_TMP"

say() { printf '%s  %s\n' "$(date +%T)" "$*" >&2; }

say "building the services"
(cd "$top" && go build -trimpath -o "$out/" ./services/api/cmd/api ./services/realtime/cmd/realtime)

database() { echo "postgres://bench@127.0.0.1:${PG_PORT:-25432}/driftsentry?sslmode=disable"; }

ours_url=$(database)
# Our services' environment, which the peers must not see. No value has a space in it.
environment=(
	APP_ENV=staging HOST=127.0.0.1 LOG_FORMAT=json LOG_LEVEL=info CORS_ORIGIN=http://localhost:3000
	JWT_SECRET=bench-only-secret-bench-only-secret DATA_KEY=bench-only-data-key-bench-only-data JWT_EXPIRY=8h
	RATE_LIMIT_ENABLED=false DATABASE_MAX_CONNS=10 SHUTDOWN_DRAIN_DELAY=0s "DATABASE_URL=$ours_url"
	MAX_CONNECTIONS=20000 MAX_CONNECTIONS_PER_USER=20000 MAX_CONNECTIONS_PER_ADDRESS=20000
)
# ours COMMAND …: in that environment.
ours() { env "${environment[@]}" "$@"; }

prepare() {
	"$PEERS/pg.sh" start >/dev/null
	local admin="${ours_url/\/driftsentry/\/postgres}"
	psql -qAt "$admin" -c "select 1 from pg_database where datname='driftsentry'" | grep -q 1 || psql -qAt "$admin" -c 'create database driftsentry' >/dev/null
	ours "$out/api" migrate >/dev/null
	echo bench-password-1 | ours "$out/api" user create --account bench --email bench@example.com --name Bench --role admin --password-stdin >/dev/null 2>&1 || true
	psql -qAt -v ON_ERROR_STOP=1 "$ours_url" -f "$here/seed.sql" -f "$here/publish.sql" >/dev/null
}

# free PORT: ends the script where somebody listens already, who would be measured for ours.
free() {
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null || return 0
	echo "port $1 is taken" >&2
	exit 1
}

# wait_for PORT: until somebody listens there.
wait_for() {
	for _ in $(seq 200); do (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return; sleep .1; done
	echo "nothing listens on $1" >&2
	exit 1
}

# sign_in API_PORT: an access token of the bench user.
sign_in() {
	curl -sf "http://127.0.0.1:$1/api/v1/auth/login" -H 'Content-Type: application/json' \
		-d '{"email":"bench@example.com","password":"bench-password-1"}' | sed 's/.*"accessToken":"\([^"]*\)".*/\1/'
}
