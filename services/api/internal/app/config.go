package app

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/process"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/services/api/internal/httpapi"
)

// DefaultPort is the port of the service if PORT is not set.
const DefaultPort = 3001

// Config is the whole configuration of the api service.
type Config struct {
	Service process.Config
	Limits  httpapi.Limits
	OIDC    OIDCConfig
	KeyConfig

	// PublicURL is where people reach the installation, such as https://driftsentry.example.com.
	PublicURL string `env:"PUBLIC_URL"`
	// OutgoingNetworks are networks that admins of accounts may name servers in, although they are not public: receivers of
	// notifications, and issuers of tokens of CI.
	OutgoingNetworks []netip.Prefix `env:"OUTGOING_NETWORKS"`
	// OutgoingCA has certificate authorities beside those of the system, in PEM, for servers that this service calls.
	OutgoingCA string `env:"OUTGOING_CA"`
	// EnableConsole serves the page that people use.
	EnableConsole bool `env:"ENABLE_CONSOLE" envDefault:"true"`
	// RealtimeURL is where that page opens its socket, such as ws://localhost:3002/ws; empty is /ws of its own origin.
	RealtimeURL string `env:"REALTIME_URL"`
	// Values says whether values of resources are stored: shown, or hidden.
	Values string `env:"VALUES" envDefault:"shown"`
	// JWTPrivateKey is the Ed25519 key that signs access tokens, in PEM. Its public half is in JWT_PUBLIC_KEY. Without it
	// JWT_SECRET signs.
	JWTPrivateKey config.Secret `env:"JWT_PRIVATE_KEY"`
	// JWTExpiry is the lifetime of an access token, RefreshExpiry the idle lifetime of a session.
	JWTExpiry     time.Duration `env:"JWT_EXPIRY"     envDefault:"15m"`
	RefreshExpiry time.Duration `env:"REFRESH_EXPIRY" envDefault:"168h"`
	// SessionMaxAge is the lifetime of a session, however often it is refreshed.
	SessionMaxAge time.Duration `env:"SESSION_MAX_AGE" envDefault:"720h"`
	// RecentSignIn is how long ago a user may have signed in who changes users, makes API keys, or ends sessions; zero is any time.
	RecentSignIn time.Duration `env:"RECENT_SIGN_IN" envDefault:"0s"`

	EventRetention      time.Duration `env:"EVENT_RETENTION"       envDefault:"168h"`
	WorkspaceStaleAfter time.Duration `env:"WORKSPACE_STALE_AFTER" envDefault:"36h"`

	// The targets: how long a drift of a severity may be neither approved nor resolved; zero is no target.
	SLACritical time.Duration `env:"SLA_CRITICAL" envDefault:"24h"`
	SLAWarning  time.Duration `env:"SLA_WARNING"  envDefault:"168h"`
	SLAInfo     time.Duration `env:"SLA_INFO"     envDefault:"720h"`

	// NotifyAllowedNetworks is an old name of OutgoingNetworks, which holds for channels of notifications alone.
	NotifyAllowedNetworks []netip.Prefix `env:"NOTIFY_ALLOWED_NETWORKS"`

	// TraceURL is where people look at a trace, with {traceId} in it.
	TraceURL string `env:"TRACE_URL"`
	// TraceSourceURL is where the console reads a trace in development, with {traceId} in it. It shows its access token there.
	TraceSourceURL string `env:"TRACE_SOURCE_URL"`
}

// KeyConfig is the key of the stored data, for the service and for the commands that read that data.
type KeyConfig struct {
	// DataKey encrypts stored responses and fingerprints masked values. It must be kept as long as the data is.
	DataKey config.Secret `env:"DATA_KEY"`
	// DataKeyPrevious is the one that DataKey replaced, as long as something that was made with it is still needed.
	DataKeyPrevious config.Secret `env:"DATA_KEY_PREVIOUS"`
}

// setDefault uses the public key if there is none. It reports whether it did.
func (k *KeyConfig) setDefault() bool {
	if k.DataKey != "" {
		return false
	}
	k.DataKey = process.ExampleSecret
	return true
}

// check applies the rules for keys, which hold everywhere except in development.
func (k *KeyConfig) check(e config.Environment) []error {
	if e == config.Development {
		return nil
	}
	problems := process.CheckSecret("DATA_KEY", k.DataKey)
	if k.DataKeyPrevious != "" {
		problems = append(problems, process.CheckSecret("DATA_KEY_PREVIOUS", k.DataKeyPrevious)...)
	}
	return problems
}

// The values of VALUES, and of an account's setting.
const (
	ValuesShown  = "shown"
	ValuesHidden = "hidden"
)

// LoadConfig reads the configuration from environment variables. The error names every problem.
func LoadConfig(environ []string) (*Config, error) {
	c := &Config{Service: process.Config{Port: DefaultPort}}
	if err := config.Load(c, environ); err != nil {
		return nil, err
	}
	c.Service.SetDefaults()
	if c.setDefault() {
		c.Service.Warnings = append(c.Service.Warnings, "DATA_KEY is not set: stored responses and masked values are protected with a public key")
	}
	if len(c.NotifyAllowedNetworks) > 0 {
		c.Service.Warnings = append(c.Service.Warnings, "NOTIFY_ALLOWED_NETWORKS is an old name, and holds for notifications alone: set OUTGOING_NETWORKS in its place")
	}
	return c, nil
}

// keyring adds the key that signs to those that are accepted.
func (c *Config) keyring(accepted token.Keyring) (token.Keyring, error) {
	switch {
	case c.JWTPrivateKey != "":
		return accepted.WithPrivateKey(c.JWTPrivateKey.Reveal())
	case c.Service.JWTSecret == "" && c.Service.JWTPublicKey != "":
		return accepted, errors.New("is required where JWT_SECRET is not set; otherwise nothing signs access tokens")
	}
	return accepted, nil
}

// Common implements process.Settings.
func (c *Config) Common() *process.Config { return &c.Service }

// Validate implements config.Validator.
func (c *Config) Validate() []error {
	problems := config.Problems(slices.Concat(c.Service.Validate(), c.check(c.Service.Environment)))
	if c.PublicURL != "" && !isSite(c.PublicURL) {
		problems.Add("PUBLIC_URL", "must be http:// or https:// and a host, without a path, such as https://driftsentry.example.com")
	}
	if c.RealtimeURL != "" && !isSocket(c.RealtimeURL) {
		problems.Add("REALTIME_URL", "must be ws:// or wss://, a host and a path, such as wss://driftsentry.example.com/ws")
	}
	if keys, err := c.Service.Keyring(); err == nil { // Else Service.Validate reports it.
		if _, err := c.keyring(keys); err != nil {
			problems.Add("JWT_PRIVATE_KEY", "%w", err)
		}
	}
	if _, err := c.roots(); err != nil {
		problems.Add("OUTGOING_CA", "%w", err)
	}
	c.checkOIDC(&problems)
	if c.RecentSignIn != 0 && c.RecentSignIn < time.Minute {
		problems.Add("RECENT_SIGN_IN", "must be a minute or more, or 0s for any time")
	}
	if c.Values != ValuesShown && c.Values != ValuesHidden {
		problems.Add("VALUES", "must be shown or hidden")
	}
	if problem := checkTraceURL(c.TraceURL); problem != "" {
		problems.Add("TRACE_URL", "%s", problem)
	}
	if problem := checkTraceURL(c.TraceSourceURL); problem != "" {
		problems.Add("TRACE_SOURCE_URL", "%s", problem)
	}
	if c.TraceSourceURL != "" && c.Service.Environment != config.Development {
		problems.Add("TRACE_SOURCE_URL", "is for development alone, since it gets access tokens; set TRACE_URL")
	}
	for _, d := range []struct {
		variable string
		value    time.Duration
	}{
		{"JWT_EXPIRY", c.JWTExpiry}, {"REFRESH_EXPIRY", c.RefreshExpiry}, {"SESSION_MAX_AGE", c.SessionMaxAge}, {"EVENT_RETENTION", c.EventRetention},
		{"WORKSPACE_STALE_AFTER", c.WorkspaceStaleAfter}, {"RATE_LIMIT_LOGIN_WINDOW", c.Limits.LoginWindow},
	} {
		if d.value < time.Second {
			problems.Add(d.variable, "must be a second or more")
		}
	}
	for _, d := range []struct {
		variable string
		value    time.Duration
	}{{"SLA_CRITICAL", c.SLACritical}, {"SLA_WARNING", c.SLAWarning}, {"SLA_INFO", c.SLAInfo}} {
		if d.value != 0 && d.value < time.Minute {
			problems.Add(d.variable, "must be a minute or more, such as 24h, or 0s for no target")
		}
	}
	for _, n := range []struct {
		variable string
		value    int
	}{
		{"RATE_LIMIT_REQUESTS", c.Limits.Requests}, {"RATE_LIMIT_LOGIN_PER_ADDRESS", c.Limits.LoginPerAddress},
		{"RATE_LIMIT_LOGIN_PER_EMAIL", c.Limits.LoginPerEmail}, {"RATE_LIMIT_LOGIN_ELSEWHERE", c.Limits.LoginElsewhere},
	} {
		if n.value < 1 {
			problems.Add(n.variable, "must be 1 or more; RATE_LIMIT_ENABLED=false turns all limits off")
		}
	}
	return problems
}

// isSite reports whether text is the URL of a host, and of nothing on it.
func isSite(text string) bool {
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.Scheme+"://"+u.Host == u.String()
}

// isSocket reports whether text is the URL of a WebSocket.
func isSocket(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "ws" || u.Scheme == "wss") && u.Host != "" && u.Scheme+"://"+u.Host+u.Path == text
}

// checkTraceURL says what is wrong with the address of traces, nothing when it is fine or empty.
func checkTraceURL(address string) string {
	u, err := url.Parse(address)
	if address != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || !strings.Contains(address, "{traceId}")) {
		return "must be an http or https URL with {traceId} in it, such as https://grafana.example.com/explore/{traceId}"
	}
	return ""
}
