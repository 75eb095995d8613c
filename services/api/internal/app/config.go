package app

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/process"
	"github.com/driftsentry/driftsentry/services/api/internal/httpapi"
)

// DefaultPort is the port of the service if PORT is not set.
const DefaultPort = 3001

// Config is the whole configuration of the api service.
type Config struct {
	Service process.Config
	Limits  httpapi.Limits
	KeyConfig

	// Values says whether values of resources are stored: shown, or hidden.
	Values string `env:"VALUES" envDefault:"shown"`
	// JWTExpiry is the lifetime of an access token, RefreshExpiry the idle lifetime of a session.
	JWTExpiry     time.Duration `env:"JWT_EXPIRY"     envDefault:"15m"`
	RefreshExpiry time.Duration `env:"REFRESH_EXPIRY" envDefault:"168h"`

	EventRetention      time.Duration `env:"EVENT_RETENTION"       envDefault:"168h"`
	WorkspaceStaleAfter time.Duration `env:"WORKSPACE_STALE_AFTER" envDefault:"36h"`

	// TraceURL is where people look at a trace, with {traceId} in it.
	TraceURL string `env:"TRACE_URL"`
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

// The values of VALUES.
const (
	valuesShown  = "shown"
	valuesHidden = "hidden"
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
	return c, nil
}

// Common implements process.Settings.
func (c *Config) Common() *process.Config { return &c.Service }

// Validate implements config.Validator.
func (c *Config) Validate() []error {
	problems := config.Problems(slices.Concat(c.Service.Validate(), c.check(c.Service.Environment)))
	if c.Values != valuesShown && c.Values != valuesHidden {
		problems.Add("VALUES", "must be shown or hidden")
	}
	if problem := checkTraceURL(c.TraceURL); problem != "" {
		problems.Add("TRACE_URL", "%s", problem)
	}
	for _, d := range []struct {
		variable string
		value    time.Duration
	}{
		{"JWT_EXPIRY", c.JWTExpiry}, {"REFRESH_EXPIRY", c.RefreshExpiry}, {"EVENT_RETENTION", c.EventRetention},
		{"WORKSPACE_STALE_AFTER", c.WorkspaceStaleAfter}, {"RATE_LIMIT_LOGIN_WINDOW", c.Limits.LoginWindow},
	} {
		if d.value < time.Second {
			problems.Add(d.variable, "must be a second or more")
		}
	}
	for _, n := range []struct {
		variable string
		value    int
	}{
		{"RATE_LIMIT_REQUESTS", c.Limits.Requests}, {"RATE_LIMIT_LOGIN_PER_ADDRESS", c.Limits.LoginPerAddress},
		{"RATE_LIMIT_LOGIN_PER_EMAIL", c.Limits.LoginPerEmail},
	} {
		if n.value < 1 {
			problems.Add(n.variable, "must be 1 or more; RATE_LIMIT_ENABLED=false turns all limits off")
		}
	}
	return problems
}

// checkTraceURL says what is wrong with the address of traces, nothing when it is fine or empty.
func checkTraceURL(address string) string {
	u, err := url.Parse(address)
	if address != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || !strings.Contains(address, "{traceId}")) {
		return "must be an http or https URL with {traceId} in it, such as https://grafana.example.com/explore/{traceId}"
	}
	return ""
}
