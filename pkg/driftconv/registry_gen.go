// Code generated from docs/telemetry/registry by TestRegistry of test/prometheus/observability. DO NOT EDIT.

package driftconv

import "github.com/driftsentry/driftsentry/pkg/telemetry/instrument"

// What the instruments are called and mean.
var (
	CacheHits                  = instrument.Counter{Name: "cache.hits", Unit: "{lookup}", Description: "Look-ups found in a cache: `session`, `api_key`, `drift_count`.", Series: instrument.Each("cache", "session", "api_key", "drift_count")}
	CacheMisses                = instrument.Counter{Name: "cache.misses", Unit: "{lookup}", Description: "Look-ups that needed the database.", Series: instrument.Each("cache", "session", "api_key", "drift_count")}
	DatabaseConnectionPoolSize = instrument.Gauge{Name: "database.connection.pool.size", Unit: "{connection}", Description: "Connections of the pool by state."}
	AlertsRaised               = instrument.Counter{Name: "driftsentry.alerts.raised", Unit: "{alert}", Description: "Alerts raised, by type.", Series: instrument.Each("type", "drift_detected", "approval_needed", "remediation_failed", "check_failed")}
	AuthLogins                 = instrument.Counter{Name: "driftsentry.auth.logins", Unit: "{attempt}", Description: "Attempts to sign in, by outcome.", Series: instrument.Each("outcome", "accepted", "refused")}
	DriftsDecided              = instrument.Counter{Name: "driftsentry.drifts.decided", Unit: "{drift}", Description: "Drifts whose status a user changed, by the new status.", Series: instrument.Each("decision", "detected", "triaged", "approved", "rejected", "resolved")}
	EventsPublished            = instrument.Counter{Name: "driftsentry.events.published", Unit: "{event}", Description: "Events committed to the streams, by type.", Series: instrument.Each("type", "drift.created", "drift.updated", "drift.triaged", "drift.approved", "drift.rejected", "drift.reopened", "drift.resolved", "alert.created", "alert.read", "check.completed", "workspace.updated")}
	Hints                      = instrument.Counter{Name: "driftsentry.hints", Unit: "{hint}", Description: "Hints to the readers of event streams, by outcome: sent, coalesced with a later one, dropped because too many waited, failed.", Series: instrument.Each("outcome", "sent", "coalesced", "dropped", "failed")}
	IngestChecks               = instrument.Counter{Name: "driftsentry.ingest.checks", Unit: "{check}", Description: "Checks, by status; stale and repeated plans and previews changed nothing.", Series: instrument.Each("status", "ok", "drifted", "failed", "stale", "repeated", "preview")}
	IngestDrifts               = instrument.Counter{Name: "driftsentry.ingest.drifts", Unit: "{drift}", Description: "Drifts that plans changed or confirmed, by outcome.", Series: instrument.Each("outcome", "new", "changed", "unchanged", "resolved")}
	IngestDuration             = instrument.Histogram{Name: "driftsentry.ingest.duration", Unit: "s", Description: "Time to read a plan and commit its changes.", Buckets: []float64{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}}
	Ready                      = instrument.Gauge{Name: "driftsentry.ready", Unit: "{status}", Description: "The result of the last readiness probe: 1 ready, 0 not."}
	RealtimeCatchingUp         = instrument.Gauge{Name: "driftsentry.realtime.catching_up", Unit: "{connection}", Description: "Connections that are catching up, because they are slow or have reconnected."}
	RealtimeCloses             = instrument.Counter{Name: "driftsentry.realtime.closes", Unit: "{connection}", Description: "Connections that ended, by close code; 1005 and 1006 are never sent, as in RFC 6455.", Series: instrument.Each("code", "1000", "1001", "1002", "1003", "1005", "1006", "1007", "1008", "1009", "1011", "1012", "4401", "4408", "4429", "other")}
	RealtimeConnections        = instrument.Gauge{Name: "driftsentry.realtime.connections", Unit: "{connection}", Description: "Open sockets."}
	RealtimeConnectionsLimit   = instrument.Gauge{Name: "driftsentry.realtime.connections.limit", Unit: "{connection}", Description: "Maximum number of open sockets; 0 is no limit."}
	RealtimeConnectionsPending = instrument.Gauge{Name: "driftsentry.realtime.connections.pending", Unit: "{connection}", Description: "TCP connections that have not become sockets."}
	RealtimeDeliveries         = instrument.Counter{Name: "driftsentry.realtime.deliveries", Unit: "{event}", Description: "Events written to connections, by mode: live, or replay to a connection that resumes or catches up.", Series: instrument.Each("mode", "live", "replay")}
	RealtimeDeliveryDuration   = instrument.Histogram{Name: "driftsentry.realtime.delivery.duration", Unit: "s", Description: "From an event's commit until it is written to all connections that can take it immediately, once for each run of events.", Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}}
	RealtimeFrames             = instrument.Counter{Name: "driftsentry.realtime.frames", Unit: "{frame}", Description: "Frames other than events, by direction and type; types of the protocol itself begin with ws_."}
	RealtimeHandshakes         = instrument.Counter{Name: "driftsentry.realtime.handshakes", Unit: "{handshake}", Description: "Handshakes, by outcome.", Series: instrument.Each("outcome", "accepted", "expired", "revoked", "invalid", "origin", "unauthorized", "limited", "unavailable", "canceled", "failed")}
	RealtimeHealed             = instrument.Counter{Name: "driftsentry.realtime.healed", Unit: "{stream}", Description: "How often a check of the heads found events that no hint had announced.", Series: instrument.Alone()}
	RealtimeHints              = instrument.Counter{Name: "driftsentry.realtime.hints", Unit: "{hint}", Description: "Hints received, by outcome: news, ignored (known already, or of an account without connections here), invalid.", Series: instrument.Each("outcome", "news", "ignored", "invalid")}
	RealtimeLimited            = instrument.Counter{Name: "driftsentry.realtime.limited", Unit: "{attempt}", Description: "Attempts to connect that were refused, by limit: total, user or address (open sockets), handshakes (too frequent), pending (connections that have not become sockets).", Series: instrument.Each("limit", "total", "user", "address", "handshakes", "pending")}
	RealtimeListening          = instrument.Gauge{Name: "driftsentry.realtime.listening", Unit: "{connection}", Description: "Connections that listen for hints: 1, or 0 while there is none."}
	RealtimeQueueDepth         = instrument.Gauge{Name: "driftsentry.realtime.queue.depth", Unit: "{event}", Description: "Events that connections still have to catch up on, in total."}
	RealtimeResumes            = instrument.Counter{Name: "driftsentry.realtime.resumes", Unit: "{resume}", Description: "Cursors of clients that reconnected, by outcome: resumed, or the reason for a resync (epoch, ahead, trimmed).", Series: instrument.Each("outcome", "resumed", "epoch", "ahead", "trimmed")}
	RealtimeRuns               = instrument.Counter{Name: "driftsentry.realtime.runs", Unit: "{run}", Description: "Runs of events delivered to sockets, by outcome: timely, or late, more than 1 s after the commit.", Series: instrument.Each("outcome", "timely", "late")}
	RealtimeStreamAge          = instrument.Gauge{Name: "driftsentry.realtime.stream.age", Unit: "s", Description: "How long an event has been announced without being read, at most, over all streams of this replica."}
	RealtimeStreamLag          = instrument.Gauge{Name: "driftsentry.realtime.stream.lag", Unit: "{event}", Description: "The largest known backlog of a stream, in events that this replica has not read yet."}
	RealtimeStreams            = instrument.Gauge{Name: "driftsentry.realtime.streams", Unit: "{stream}", Description: "Accounts whose streams are followed here."}
	RealtimeSubscriptions      = instrument.UpDownCounter{Name: "driftsentry.realtime.subscriptions", Unit: "{subscription}", Description: "Subscriptions of connections, by topic; `drift` stands for all topics of single drifts."}
	ReplicasConfigured         = instrument.Gauge{Name: "driftsentry.replicas.configured", Unit: "{replica}", Description: "How many replicas of this service there must be, by REPLICAS; 0 is not known."}
	RetentionRemoved           = instrument.Counter{Name: "driftsentry.retention.removed", Unit: "{row}", Description: "Expired rows that were removed, by kind."}
	Workspaces                 = instrument.Gauge{Name: "driftsentry.workspaces", Unit: "{workspace}", Description: "Workspaces of all accounts by status. Every replica counts all of them: use the maximum, not the sum."}
)
