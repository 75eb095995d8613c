//go:build faults

package faults

import (
	"context"
	"errors"
	"syscall"

	"github.com/driftsentry/driftsentry/test/internal/replica"
)

// fault is something that breaks, and what is promised of it. The texts are docs/faults.md.
type fault struct {
	name  string
	done  string // what the run does
	users string // what they may see
	never string // what must not happen
	// alert is what tells, and what the run waits for; empty with the reason why nothing must.
	alert, silent string
	// harmless is a fault that no request may notice.
	harmless bool
	// delivers says that while it lasts every write is done and its event comes through.
	delivers bool
	// part is what breaks. TestRandom breaks different parts together, and leaves out what has none.
	part   string
	inject func(context.Context, *run) (heal func(context.Context) error, err error)
}

const (
	lossless   = "a lost, duplicated or partial write"
	unnoticed  = "nothing"
	sees503    = "503 with Retry-After until Postgres is back; sockets stay open and catch up"
	otherServe = "requests to that replica fail or time out, other requests do not; its sockets reconnect to another replica with their cursor"
)

var faults = []fault{
	{
		name: "Postgres restarts", done: "stopped, then started again", users: sees503, never: lossless + ", a 500, a service that must be restarted",
		alert: "ServiceNotReady",
		part:  "postgres",
		inject: func(ctx context.Context, r *run) (func(context.Context) error, error) {
			return r.cluster.Restart, r.cluster.Stop(ctx)
		},
	},
	{
		name: "Postgres crashes", done: "killed with SIGQUIT, recovers from its log", users: sees503, never: lossless + ", a 500",
		alert: "ServiceNotReady",
		part:  "postgres",
		inject: func(ctx context.Context, r *run) (func(context.Context) error, error) {
			return r.cluster.Restart, r.cluster.StopImmediate(ctx)
		},
	},
	{
		name: "Postgres is read-only, as during a failover", done: "default_transaction_read_only on", users: "reads continue; writes get 503", never: lossless + ", a 500",
		alert: "ApiAvailabilityBurn",
		part:  "postgres",
		inject: func(ctx context.Context, r *run) (func(context.Context) error, error) {
			return func(ctx context.Context) error { return r.readOnly(ctx, "reset") }, r.readOnly(ctx, "set")
		},
	},
	{
		name: "Postgres is slow", done: "each response takes 250 ms longer", users: "slow responses; 503 or 504 after the timeout", never: lossless + ", a request that takes longer than REQUEST_TIMEOUT",
		alert: "ApiLatencyBurn",
		part:  "postgres",
		inject: func(_ context.Context, r *run) (func(context.Context) error, error) {
			return spoil(r.postgres, `{"name":"slow","type":"latency","stream":"downstream","attributes":{"latency":250,"jitter":50}}`)
		},
	},
	{
		name: "Postgres hangs", done: "connections stay open, no data passes", users: "503 or 504 within the timeouts; sockets stay open and catch up", never: lossless + ", a request that never ends",
		alert: "ServiceNotReady",
		part:  "postgres",
		inject: func(_ context.Context, r *run) (func(context.Context) error, error) {
			return spoil(r.postgres, `{"name":"hang","type":"timeout","stream":"downstream","attributes":{"timeout":0}}`)
		},
	},
	{
		name: "Connections are cut in the middle of a commit", done: "commits arrive, their responses do not, then the connection is closed, repeatedly", users: "503 for a write that may have been committed", never: lossless + "; a write that is done twice although it was repeated with its Idempotency-Key",
		alert: "ApiAvailabilityBurn",
		part:  "postgres",
		inject: func(_ context.Context, r *run) (func(context.Context) error, error) {
			return r.repeat(func() error {
				heal, err := spoil(r.postgres, `{"name":"deaf","type":"timeout","stream":"downstream","attributes":{"timeout":50}}`)
				if err != nil {
					return err
				}
				return heal(context.Background())
			}), nil
		},
	},
	{
		name: "DNS fails", done: "the database's name is removed from /etc/hosts, connections are cut", users: sees503, never: lossless + ", a 500",
		alert: "ServiceNotReady",
		part:  "postgres",
		inject: func(_ context.Context, r *run) (func(context.Context) error, error) {
			if r.hosts == nil {
				return nil, errNotHere
			}
			if err := r.hosts.write("nothing.test"); err != nil {
				return nil, err
			}
			// The resolver knows the name for some seconds more; each new connection asks it.
			stop := r.repeat(func() error { return blink(r.postgres) })
			return func(ctx context.Context) error { return errors.Join(stop(ctx), r.hosts.write(hostName)) }, nil
		},
	},
	{
		name: "NATS is down", done: "connections are cut, its port refuses new ones", users: "events up to 2 s late", never: "a missing or reordered event; a failed request", harmless: true,
		alert: "RealtimeNotListening", part: "nats", delivers: true,
		inject: func(_ context.Context, r *run) (func(context.Context) error, error) {
			return cut(r.nats), nil
		},
	},
	{
		name: "NATS is slow", done: "each hint takes a second longer", users: "events up to 1 s late", never: "a missing or reordered event; a failed request", harmless: true,
		silent: "events within a second meet the objective; RealtimeFreshnessBurn fires if more are late", part: "nats", delivers: true,
		inject: func(_ context.Context, r *run) (func(context.Context) error, error) {
			return spoil(r.nats, `{"name":"slow","type":"latency","stream":"downstream","attributes":{"latency":1000}}`)
		},
	},
	{
		name: "NATS hangs", done: "connections stay open, no data passes", users: "events up to 2 s late", never: "a missing or reordered event; a failed request", harmless: true,
		alert: "RealtimeNotListening", part: "nats", delivers: true,
		inject: func(_ context.Context, r *run) (func(context.Context) error, error) {
			return spoil(r.nats, `{"name":"hang","type":"timeout","stream":"downstream","attributes":{"timeout":0}}`)
		},
	},
	{
		name: "The collector is down", done: "its port refuses", users: unnoticed, never: "a slower or failed request", harmless: true,
		alert: "TelemetryDropped",
		part:  "collector",
		inject: func(_ context.Context, r *run) (func(context.Context) error, error) {
			return cut(r.collector), nil
		},
	},
	{
		name: "The collector hangs", done: "it accepts everything and sends no response", users: unnoticed, never: "a slower or failed request", harmless: true,
		alert: "TelemetryDropped",
		part:  "collector",
		inject: func(_ context.Context, r *run) (func(context.Context) error, error) {
			return spoil(r.collector, `{"name":"hang","type":"timeout","stream":"downstream","attributes":{"timeout":0}}`)
		},
	},
	{
		name: "Sentry hangs", done: "it accepts everything and sends no response", users: unnoticed, never: "a slower or failed request", harmless: true,
		silent: "there is no unexpected error to send; the same error is in the logs",
		part:   "sentry",
		inject: func(_ context.Context, r *run) (func(context.Context) error, error) {
			return spoil(r.errors, `{"name":"hang","type":"timeout","stream":"downstream","attributes":{"timeout":0}}`)
		},
	},
	{
		name: "The disk is full for logs", done: "standard output of one api is /dev/full", users: unnoticed, never: "a failed request", harmless: true,
		alert: "TelemetryDropped",
		inject: func(ctx context.Context, r *run) (func(context.Context) error, error) {
			return r.fullDisk(ctx, r.api[0])
		},
	},
	{
		name: "An api is killed", done: "SIGKILL, then started again", users: otherServe, never: lossless,
		alert: "ReplicaUnreachable",
		part:  "api",
		inject: func(_ context.Context, r *run) (func(context.Context) error, error) {
			return again(r.api[0]), r.api[0].Kill()
		},
	},
	{
		name: "A realtime is killed", done: "SIGKILL, then started again", users: otherServe, never: "a missing or reordered event",
		alert: "ReplicaUnreachable",
		part:  "realtime",
		inject: func(_ context.Context, r *run) (func(context.Context) error, error) {
			return again(r.realtime[0]), r.realtime[0].Kill()
		},
	},
	{
		name: "An api is frozen", done: "SIGSTOP, SIGCONT", users: otherServe, never: lossless + "; a lock held for longer than DATABASE_IDLE_IN_TX_TIMEOUT",
		alert:  "ReplicaUnreachable",
		part:   "api",
		inject: func(_ context.Context, r *run) (func(context.Context) error, error) { return freeze(r.api[0]) },
	},
	{
		name: "A realtime is frozen", done: "SIGSTOP, SIGCONT", users: "its sockets get no heartbeat, and reconnect to another replica with their cursor", never: "a missing or reordered event",
		alert:  "ReplicaUnreachable",
		part:   "realtime",
		inject: func(_ context.Context, r *run) (func(context.Context) error, error) { return freeze(r.realtime[0]) },
	},
	{
		name: "A replica reaches its memory limit", done: "the kernel kills one api at its limit; it is started again, three times", users: otherServe, never: lossless,
		alert: "ServiceRestarts",
		inject: func(ctx context.Context, r *run) (func(context.Context) error, error) {
			return r.outOfMemory(ctx, r.api[0])
		},
	},
	{
		name: "Thousands of slow consumers", done: "2,000 sockets on one realtime that read nothing, and 3,000 events", users: "slow sockets are closed with 4408 after 10 s and may resume; other clients notice nothing", never: "unbounded memory; an event that is late for other clients", harmless: true,
		alert:  "SlowConsumers",
		inject: func(ctx context.Context, r *run) (func(context.Context) error, error) { return r.slowConsumers(ctx) },
	},
	{
		name: "A reconnect storm", done: "a realtime with 300 sockets is killed; all of them reconnect to the other at the same time", users: "events pause for about a second", never: "a missing or reordered event; a socket that is refused", harmless: true,
		silent: "the sockets are back before an operator could react; ReplicaUnreachable fires if the replica stays down",
		inject: func(ctx context.Context, r *run) (func(context.Context) error, error) { return r.storm(ctx) },
	},
}

// errNotHere says that a fault can't be made on this machine.
var errNotHere = errors.New("not on this machine")

// again starts a replica that has ended. A caller that needs it ready waits for that: another fault may be in its way.
func again(one *replica.Replica) func(context.Context) error {
	return func(context.Context) error { return one.Start() }
}

func freeze(one *replica.Replica) (func(context.Context) error, error) {
	return func(context.Context) error { return one.Signal(syscall.SIGCONT) }, one.Signal(syscall.SIGSTOP)
}
