package sentry

// Config says where unexpected errors are reported.
type Config struct {
	// DSN names the project. Empty turns reports off; one that is not valid is
	// warned of, and the reports are counted as failed.
	DSN string
	// GrafanaURL is where people reach Grafana. With it an event links to its
	// trace and its log lines.
	GrafanaURL string
	// Plumbing are prefixes of functions that are never the place where an error
	// belongs, such as a database driver's.
	Plumbing []string
	// Release and Environment default to the service's version and environment.
	Release, Environment string
	// MaxEventsPerMinute bounds the reports (default 60); errors beyond it are
	// logged and counted as ever.
	MaxEventsPerMinute int
}
