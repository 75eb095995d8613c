package app

import (
	"time"

	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/process"
)

// DefaultPort is the port of the service if PORT is not set.
const DefaultPort = 3002

// Config is the whole configuration of the realtime service.
type Config struct {
	Service process.Config

	EnableWebSocket bool `env:"ENABLE_WEBSOCKET" envDefault:"true"`

	// Heartbeat is how often a client is pinged. Proxies on the way must allow a connection to be silent for longer.
	Heartbeat time.Duration `env:"WEBSOCKET_HEARTBEAT" envDefault:"30s"`

	// How many sockets may be open on this replica: in total, per user, and per network address. 0 is no limit. The total may be
	// lower: see capacity.
	MaxConnections           int `env:"MAX_CONNECTIONS"             envDefault:"20000"`
	MaxConnectionsPerUser    int `env:"MAX_CONNECTIONS_PER_USER"    envDefault:"100"`
	MaxConnectionsPerAddress int `env:"MAX_CONNECTIONS_PER_ADDRESS" envDefault:"1000"`

	// MaxConnectionsPending is how many TCP connections may be open that are no sockets yet. 0 is no limit.
	MaxConnectionsPending int `env:"MAX_CONNECTIONS_PENDING" envDefault:"2000"`

	// RateLimits says whether the following limits apply.
	RateLimits bool `env:"RATE_LIMIT_ENABLED" envDefault:"true"`
	// MessageRate is how many frames a second a client may send for long; it may send four times as many at once.
	MessageRate int `env:"RATE_LIMIT_MESSAGES" envDefault:"25"`
	// HandshakeRate is how many handshakes a minute a network address may try. It must exceed the number of sockets
	// that the address may have, because all of them may reconnect at once.
	HandshakeRate int `env:"RATE_LIMIT_HANDSHAKES" envDefault:"1200"`
}

// LoadConfig reads the configuration from environment variables. The error names every problem.
func LoadConfig(environ []string) (*Config, error) {
	c := &Config{Service: process.Config{Port: DefaultPort}}
	if err := config.Load(c, environ); err != nil {
		return nil, err
	}
	c.Service.SetDefaults()
	return c, nil
}

// Common implements process.Settings.
func (c *Config) Common() *process.Config { return &c.Service }

// Validate implements config.Validator.
func (c *Config) Validate() []error {
	problems := config.Problems(c.Service.Validate())
	if c.Heartbeat < time.Second {
		problems.Add("WEBSOCKET_HEARTBEAT", "must be a second or more")
	}
	for _, n := range []struct {
		variable     string
		value, least int
	}{
		{"MAX_CONNECTIONS", c.MaxConnections, 0}, {"MAX_CONNECTIONS_PER_USER", c.MaxConnectionsPerUser, 0},
		{"MAX_CONNECTIONS_PER_ADDRESS", c.MaxConnectionsPerAddress, 0}, {"MAX_CONNECTIONS_PENDING", c.MaxConnectionsPending, 0},
		{"RATE_LIMIT_MESSAGES", c.MessageRate, 1}, {"RATE_LIMIT_HANDSHAKES", c.HandshakeRate, 1},
	} {
		if n.value < n.least {
			problems.Add(n.variable, "must be %d or more", n.least)
		}
	}
	return problems
}
