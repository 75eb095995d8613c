package process

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/hint"
	"github.com/driftsentry/driftsentry/pkg/lifecycle"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/pkg/token"
)

// Config is the part of the configuration that both services have.
type Config struct {
	Database  pg.Config
	NATS      hint.Config
	Lifecycle lifecycle.Config

	Environment config.Environment `env:"APP_ENV" envDefault:"development"`
	// Port has a default of its own in each service, set before the environment is read.
	Port uint16 `env:"PORT"`
	// Host is where to listen; the default is only this machine in development, and every address otherwise.
	Host string `env:"HOST"`
	// MetricsPort 0 means the service's own port in development, and 9090 otherwise.
	MetricsPort   uint16 `env:"METRICS_PORT"`
	EnableMetrics bool   `env:"ENABLE_METRICS" envDefault:"true"`

	RequestTimeout time.Duration `env:"REQUEST_TIMEOUT"        envDefault:"30s"`
	SlowRequest    time.Duration `env:"SLOW_REQUEST_THRESHOLD" envDefault:"1s"`
	// CORSOrigins are the origins of the pages that may call the service. The default is none, and in development http://localhost:3000.
	CORSOrigins []string `env:"CORS_ORIGIN"`
	// TrustedProxies are the networks whose X-Forwarded-For is trusted.
	TrustedProxies []netip.Prefix `env:"TRUSTED_PROXIES"`

	JWTSecret         config.Secret `env:"JWT_SECRET"`
	JWTSecretPrevious config.Secret `env:"JWT_SECRET_PREVIOUS"`
	// JWTPublicKey has the Ed25519 keys whose access tokens are accepted, in PEM.
	JWTPublicKey string `env:"JWT_PUBLIC_KEY"`

	// Replicas is how many of this service there must be, for the alert about one that is missing; 0 is not known.
	Replicas uint16 `env:"REPLICAS"`

	LogLevel  string `env:"LOG_LEVEL"  envDefault:"info"`
	LogFormat string `env:"LOG_FORMAT"` // pretty in development, else json
	LogFile   string `env:"LOG_FILE"`

	// CrashDir keeps the output of a process that the Go runtime ends, for the next start on this host to report.
	CrashDir string `env:"CRASH_DIR"`

	// FlightRecorder is text, since a wrong setting of telemetry does not end the service.
	FlightRecorder string `env:"FLIGHT_RECORDER" envDefault:"false"`

	// PyroscopeURL is where profiles are sent; it may have a password.
	PyroscopeURL config.Secret `env:"PYROSCOPE_URL"`

	SentryDSN                config.Secret `env:"SENTRY_DSN"`
	SentryEnvironment        string        `env:"SENTRY_ENVIRONMENT"`
	SentryRelease            string        `env:"SENTRY_RELEASE"`
	SentryMaxEventsPerMinute int           `env:"SENTRY_MAX_EVENTS_PER_MINUTE" envDefault:"60"`
	// GrafanaURL is where people reach Grafana, for the links in Sentry's events.
	GrafanaURL string `env:"GRAFANA_URL"`

	OTelDisabled string `env:"OTEL_SDK_DISABLED" envDefault:"false"`

	// Warnings are for the operator; SetDefaults makes them.
	Warnings []string
}

// ExampleSecret is the JWT_SECRET of .env.example, and the default in development. It is public.
const ExampleSecret = "development-only-secret-that-everybody-knows"

// The default ports of production, and the default origin of development.
const (
	defaultMetricsPort = 9090
	developmentOrigin  = "http://localhost:3000"
)

// SetDefaults fills in what depends on other values.
func (c *Config) SetDefaults() {
	development := c.Environment == config.Development
	if c.LogFormat == "" {
		c.LogFormat = telemetry.FormatJSON
		if development {
			c.LogFormat = telemetry.FormatPretty
		}
	}
	if !development {
		if c.MetricsPort == 0 {
			c.MetricsPort = defaultMetricsPort
		}
		return
	}
	if c.Host == "" {
		c.Host = "127.0.0.1"
	}
	if len(c.CORSOrigins) == 0 {
		c.CORSOrigins = []string{developmentOrigin}
	}
	if c.JWTSecret == "" && c.JWTPublicKey == "" {
		c.JWTSecret = ExampleSecret
		c.Warnings = append(c.Warnings, "JWT_SECRET is not set: tokens are signed with the public secret of .env.example")
	}
}

// minSecret is the least length of a secret: 256 bits, as HMAC-SHA-256 wants (RFC 7518, section 3.2).
const minSecret = 32

// Validate checks values that depend on each other. Its rules for production apply everywhere except in development.
func (c *Config) Validate() []error {
	problems := config.Problems(slices.Concat(c.Database.Validate(), c.NATS.Validate()))
	production := c.Environment != config.Development
	if _, err := c.Keyring(); err != nil {
		problems.Add("JWT_PUBLIC_KEY", "%w", err)
	}
	if production {
		switch {
		case c.JWTSecret == "" && c.JWTPublicKey == "":
			problems.Add("JWT_SECRET", "is required, unless JWT_PUBLIC_KEY is set")
		case c.JWTSecret != "":
			problems = append(problems, CheckSecret("JWT_SECRET", c.JWTSecret)...)
		}
		if c.JWTSecretPrevious != "" {
			problems = append(problems, CheckSecret("JWT_SECRET_PREVIOUS", c.JWTSecretPrevious)...)
		}
	}
	for _, origin := range c.CORSOrigins {
		switch u, err := url.Parse(origin); {
		case origin == "*" && !production:
		case origin == "*":
			problems.Add("CORS_ORIGIN", "* lets every page on the internet call the service; name the origins")
		case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.Scheme+"://"+u.Host != origin:
			problems.Add("CORS_ORIGIN", "%q is not an origin, such as https://app.example.com", origin)
		case strings.Contains(u.Host, "*"):
			problems.Add("CORS_ORIGIN", "%q: wildcards are not supported; name the origins", origin)
		}
	}
	if _, err := telemetry.ParseLevel(c.LogLevel); err != nil {
		problems.Add("LOG_LEVEL", "%q is not one of trace, debug, info, warn, error, fatal", c.LogLevel)
	}
	if c.LogFormat != "" && c.LogFormat != telemetry.FormatJSON && c.LogFormat != telemetry.FormatPretty {
		problems.Add("LOG_FORMAT", "%q is not one of json, pretty", c.LogFormat)
	}
	if c.RequestTimeout <= 0 {
		problems.Add("REQUEST_TIMEOUT", "must be more than 0")
	}
	if c.SlowRequest <= 0 {
		problems.Add("SLOW_REQUEST_THRESHOLD", "must be more than 0")
	}
	if c.EnableMetrics && c.MetricsPort != 0 && c.MetricsPort == c.Port {
		problems.Add("METRICS_PORT", "is the same as PORT; leave it out to serve both on one port in development")
	}
	if c.SentryMaxEventsPerMinute < 1 {
		problems.Add("SENTRY_MAX_EVENTS_PER_MINUTE", "must be 1 or more; an empty SENTRY_DSN turns reports off")
	}
	if u, err := url.Parse(c.GrafanaURL); c.GrafanaURL != "" && (err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https") {
		problems.Add("GRAFANA_URL", "is not an address such as https://driftsentry.example.com/grafana, without user and password")
	}
	return problems
}

// Keyring has the keys of JWT_PUBLIC_KEY.
func (c *Config) Keyring() (token.Keyring, error) { return token.ParsePublicKeys(c.JWTPublicKey) }

// CheckSecret returns what is wrong with a secret, or nothing in development.
func CheckSecret(variable string, secret config.Secret) []error {
	var problem string
	switch {
	case secret == "":
		problem = "is required"
	case len(secret) < minSecret:
		problem = fmt.Sprintf("must have %d bytes or more", minSecret)
	case secret == ExampleSecret:
		problem = "is the public value of .env.example"
	default:
		return nil
	}
	return []error{config.Problem{Variable: variable, Err: errors.New(problem)}}
}

// issued matches the tokens and keys that the services make, in any text.
const issued = `\bds[rs]?_[A-Za-z0-9_-]{40,}`

// plumbing is the package that every statement passes through, so it is never the source of an error.
var plumbing = []string{"github.com/driftsentry/driftsentry/pkg/pg.", "github.com/jackc/pgx/"}

// Telemetry is the configuration of the signals of a service with this name. The configuration must be valid.
func (c *Config) Telemetry(name string, b Build) (telemetry.Config, error) {
	var warnings []string
	ratio, err := telemetry.SampleRatioFromEnv()
	if err != nil {
		warnings = append(warnings, err.Error())
	}
	if v := strings.ToLower(c.OTelDisabled); v != "" && v != "true" && v != "false" {
		warnings = append(warnings, fmt.Sprintf("OTEL_SDK_DISABLED: %q is neither true nor false; using false", c.OTelDisabled))
	}
	flight, err := strconv.ParseBool(c.FlightRecorder)
	if err != nil {
		warnings = append(warnings, fmt.Sprintf("FLIGHT_RECORDER: %q is neither true nor false; using false", c.FlightRecorder))
	}
	level, err := telemetry.ParseLevel(c.LogLevel)
	if err != nil {
		return telemetry.Config{}, fmt.Errorf("LOG_LEVEL: %w", err)
	}
	return telemetry.Config{
		ServiceName: name, Version: b.Version, Commit: b.Commit, Environment: string(c.Environment),
		Disabled: strings.EqualFold(c.OTelDisabled, "true"), Warnings: warnings, SampleRatio: ratio, Metrics: c.EnableMetrics, SlowRequest: c.SlowRequest,
		Log: telemetry.LogConfig{Level: level, Format: c.LogFormat, File: c.LogFile},
		Sentry: telemetry.SentryConfig{
			DSN: c.SentryDSN.Reveal(), Release: c.SentryRelease, Environment: c.SentryEnvironment,
			MaxEventsPerMinute: c.SentryMaxEventsPerMinute, GrafanaURL: c.GrafanaURL, Plumbing: plumbing,
		},
		CrashDir: c.CrashDir,
		// Without a port of its own there is no way to fetch what was recorded.
		FlightRecorder: flight && c.debugPort(), FlightDir: c.flightDir(name),
		PyroscopeURL:   c.PyroscopeURL.Reveal(),
		RedactPatterns: []string{issued},
	}, nil
}

// flightDir is where execution traces go, "" for a temporary folder. Replicas that share CRASH_DIR share it too.
func (c *Config) flightDir(name string) string {
	if c.CrashDir == "" {
		return ""
	}
	return filepath.Join(c.CrashDir, name+"-traces")
}

// Proxies are the trusted networks as text.
func (c *Config) Proxies() []string {
	list := make([]string, len(c.TrustedProxies))
	for i, p := range c.TrustedProxies {
		list[i] = p.String()
	}
	return list
}
