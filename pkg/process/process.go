// Package process is what both services' programs have in common: the part of the configuration that means the same in
// each, its checks, and the set-up that follows from it.
package process

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
)

// Config is the common part. A service adds its own PORT, whose default differs.
type Config struct {
	Environment config.Environment `env:"APP_ENV" envDefault:"development"`
	// Host is where to listen; the default is this machine alone in development, and every address elsewhere.
	Host string `env:"HOST"`
	// MetricsPort 0 means the service's own port in development, and 9090 elsewhere.
	MetricsPort   uint16 `env:"METRICS_PORT"`
	EnableMetrics bool   `env:"ENABLE_METRICS" envDefault:"true"`

	RequestTimeout time.Duration `env:"REQUEST_TIMEOUT"        envDefault:"30s"`
	SlowRequest    time.Duration `env:"SLOW_REQUEST_THRESHOLD" envDefault:"1s"`
	// CORSOrigins are the pages that may call us. The default is none, and in development http://localhost:3000.
	CORSOrigins []string `env:"CORS_ORIGIN"`
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix `env:"TRUSTED_PROXIES"`

	JWTSecret         config.Secret `env:"JWT_SECRET"`
	JWTSecretPrevious config.Secret `env:"JWT_SECRET_PREVIOUS"`

	LogLevel  string `env:"LOG_LEVEL"  envDefault:"info"`
	LogFormat string `env:"LOG_FORMAT"` // pretty in development, else json
	LogFile   string `env:"LOG_FILE"`

	SentryDSN                config.Secret `env:"SENTRY_DSN"`
	SentryEnvironment        string        `env:"SENTRY_ENVIRONMENT"`
	SentryRelease            string        `env:"SENTRY_RELEASE"`
	SentryMaxEventsPerMinute int           `env:"SENTRY_MAX_EVENTS_PER_MINUTE" envDefault:"60"`
	// GrafanaURL is where people reach Grafana, for the links in Sentry's events.
	GrafanaURL string `env:"GRAFANA_URL"`

	OTelDisabled bool `env:"OTEL_SDK_DISABLED"`
}

// ExampleSecret is the JWT_SECRET of .env.example, and the one in development when none is given. Everybody knows it.
const ExampleSecret = "development-only-secret-that-everybody-knows"

// The ports of production, and the origin of development, when none is given.
const (
	defaultMetricsPort = 9090
	developmentOrigin  = "http://localhost:3000"
)

// SetDefaults fills in what depends on other values. It returns what whoever runs this should know.
func (c *Config) SetDefaults() (warnings []string) {
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
		return nil
	}
	if c.Host == "" {
		c.Host = "127.0.0.1"
	}
	if len(c.CORSOrigins) == 0 {
		c.CORSOrigins = []string{developmentOrigin}
	}
	if c.JWTSecret == "" {
		c.JWTSecret = ExampleSecret
		warnings = append(warnings, "JWT_SECRET is not set: tokens are signed with a secret that everybody knows")
	}
	return warnings
}

// minSecret is the least length of a secret: 256 bits, as HMAC-SHA-256 wants (RFC 7518, section 3.2).
const minSecret = 32

// Validate checks what no single value can tell. What it wants in production it wants everywhere but in development.
func (c *Config) Validate() []error {
	var problems []error
	complain := func(variable, format string, args ...any) {
		problems = append(problems, config.Problem{Variable: variable, Err: fmt.Errorf(format, args...)})
	}
	production := c.Environment != config.Development
	if production {
		problems = append(problems, CheckSecret("JWT_SECRET", c.JWTSecret)...)
		if c.JWTSecretPrevious != "" {
			problems = append(problems, CheckSecret("JWT_SECRET_PREVIOUS", c.JWTSecretPrevious)...)
		}
	}
	for _, origin := range c.CORSOrigins {
		switch u, err := url.Parse(origin); {
		case origin == "*" && !production:
		case origin == "*":
			complain("CORS_ORIGIN", "* lets every page on the internet call us; name the origins")
		case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.Scheme+"://"+u.Host != origin:
			complain("CORS_ORIGIN", "%q is not an origin, such as https://app.example.com", origin)
		case strings.Contains(u.Host, "*"):
			complain("CORS_ORIGIN", "%q: wildcards are not supported; name the origins", origin)
		}
	}
	if _, err := telemetry.ParseLevel(c.LogLevel); err != nil {
		complain("LOG_LEVEL", "%q is not one of trace, debug, info, warn, error, fatal", c.LogLevel)
	}
	if c.LogFormat != "" && c.LogFormat != telemetry.FormatJSON && c.LogFormat != telemetry.FormatPretty {
		complain("LOG_FORMAT", "%q is not one of json, pretty", c.LogFormat)
	}
	if c.RequestTimeout <= 0 {
		complain("REQUEST_TIMEOUT", "must be more than 0")
	}
	if c.SlowRequest <= 0 {
		complain("SLOW_REQUEST_THRESHOLD", "must be more than 0")
	}
	if c.SentryMaxEventsPerMinute < 1 {
		complain("SENTRY_MAX_EVENTS_PER_MINUTE", "must be 1 or more; an empty SENTRY_DSN turns reports off")
	}
	if u, err := url.Parse(c.GrafanaURL); c.GrafanaURL != "" && (err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https") {
		complain("GRAFANA_URL", "is not an address such as https://driftsentry.example.com/grafana, without user and password")
	}
	if _, err := telemetry.SampleRatioFromEnv(); err != nil {
		problems = append(problems, err) // It names the variable itself.
	}
	return problems
}

// CheckSecret gives what is wrong with a secret that holds anywhere but in development.
func CheckSecret(variable string, secret config.Secret) []error {
	var problem string
	switch {
	case secret == "":
		problem = "is required"
	case len(secret) < minSecret:
		problem = fmt.Sprintf("must have %d bytes or more", minSecret)
	case secret == ExampleSecret:
		problem = "is the one of .env.example, which everybody knows"
	default:
		return nil
	}
	return []error{config.Problem{Variable: variable, Err: errors.New(problem)}}
}

// issued are the tokens and keys that we make, wherever they stand.
const issued = `\bds[rs]?_[A-Za-z0-9_-]{40,}`

// plumbing is what every statement goes through, so that an error never belongs to it.
var plumbing = []string{"github.com/driftsentry/driftsentry/pkg/pg.", "github.com/jackc/pgx/"}

// Telemetry is the configuration of the signals of a service with this name. The configuration must be valid.
func (c *Config) Telemetry(name, version, commit string) (telemetry.Config, error) {
	ratio, err := telemetry.SampleRatioFromEnv()
	if err != nil {
		return telemetry.Config{}, err
	}
	level, err := telemetry.ParseLevel(c.LogLevel)
	if err != nil {
		return telemetry.Config{}, fmt.Errorf("LOG_LEVEL: %w", err)
	}
	return telemetry.Config{
		ServiceName: name, Version: version, Commit: commit, Environment: string(c.Environment),
		Disabled: c.OTelDisabled, SampleRatio: ratio, Metrics: c.EnableMetrics, SlowRequest: c.SlowRequest,
		Log: telemetry.LogConfig{Level: level, Format: c.LogFormat, File: c.LogFile},
		Sentry: telemetry.SentryConfig{
			DSN: c.SentryDSN.Reveal(), Release: c.SentryRelease, Environment: c.SentryEnvironment,
			MaxEventsPerMinute: c.SentryMaxEventsPerMinute, GrafanaURL: c.GrafanaURL, Plumbing: plumbing,
		},
		RedactPatterns: []string{issued},
	}, nil
}

// Proxies are the trusted networks as text.
func (c *Config) Proxies() []string {
	list := make([]string, len(c.TrustedProxies))
	for i, p := range c.TrustedProxies {
		list[i] = p.String()
	}
	return list
}

// Listeners are a service's open ports. Metrics is nil when they are served on the public port, or not at all.
type Listeners struct{ Public, Metrics net.Listener }

// Close closes the ports of a service that never served.
func (l Listeners) Close() error {
	var errs []error
	for _, listener := range []net.Listener{l.Public, l.Metrics} {
		if listener != nil {
			errs = append(errs, listener.Close())
		}
	}
	return errors.Join(errs...)
}

// Listen opens the ports. A service does so first: a port that is taken should be told before anything else happens.
func (c *Config) Listen(port uint16) (l Listeners, err error) {
	if l.Public, err = listen(c.Host, port, "PORT"); err != nil {
		return l, err
	}
	if c.EnableMetrics && c.MetricsPort != 0 {
		if l.Metrics, err = listen(c.Host, c.MetricsPort, "METRICS_PORT"); err != nil {
			return l, errors.Join(err, l.Close())
		}
	}
	return l, nil
}

func listen(host string, port uint16, variable string) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(int(port))))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", variable, err)
	}
	return l, nil
}

// MetricsOnPublicPort reports whether /metrics is among the routes of the service's own port.
func (c *Config) MetricsOnPublicPort() bool { return c.EnableMetrics && c.MetricsPort == 0 }

// MetricsServer serves the metrics alone, on a port that no client reaches.
func MetricsServer(metrics http.Handler) *http.Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	server := rest.NewServer(rest.SecurityHeaders(mux), scrapeTimeout)
	server.ReadTimeout = scrapeTimeout // Nobody has a body to send.
	return server
}

// scrapeTimeout is more than any scraper waits.
const scrapeTimeout = 30 * time.Second
