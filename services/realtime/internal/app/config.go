package app

import (
	"errors"
	"fmt"
	"time"

	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/process"
)

// DefaultPort is where the service listens when PORT does not say.
const DefaultPort = 3002

// Config is everything that can be set of the realtime service.
type Config struct {
	Service process.Config

	EnableWebSocket bool `env:"ENABLE_WEBSOCKET" envDefault:"true"`

	// Heartbeat is how often a client is pinged. Proxies on the way must allow a connection to be silent for longer.
	Heartbeat time.Duration `env:"WEBSOCKET_HEARTBEAT" envDefault:"30s"`

	// How many sockets may be open on this replica: in all, of a user, of a network address. 0 is no limit.
	MaxConnections           int `env:"MAX_CONNECTIONS"             envDefault:"20000"`
	MaxConnectionsPerUser    int `env:"MAX_CONNECTIONS_PER_USER"    envDefault:"100"`
	MaxConnectionsPerAddress int `env:"MAX_CONNECTIONS_PER_ADDRESS" envDefault:"1000"`

	// MaxConnectionsPending is how many TCP connections may be open that are no sockets yet. 0 is no limit.
	MaxConnectionsPending int `env:"MAX_CONNECTIONS_PENDING" envDefault:"2000"`

	// RateLimits says whether the following hold.
	RateLimits bool `env:"RATE_LIMIT_ENABLED" envDefault:"true"`
	// MessageRate is how many frames a second a client may send for long; it may send four times as many at once.
	MessageRate int `env:"RATE_LIMIT_MESSAGES" envDefault:"25"`
	// HandshakeRate is how many handshakes a minute a network address may try. It has to be more than the sockets that it
	// may have, for they may all come back at once.
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
	problems := c.Service.Validate()
	complain := func(variable string, err error) {
		problems = append(problems, config.Problem{Variable: variable, Err: err})
	}
	if c.Heartbeat < time.Second {
		complain("WEBSOCKET_HEARTBEAT", errors.New("must be a second or more"))
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
			complain(n.variable, fmt.Errorf("must be %d or more", n.least))
		}
	}
	return problems
}
