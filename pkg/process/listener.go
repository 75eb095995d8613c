package process

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/driftsentry/driftsentry/pkg/rest"
)

// listeners are a service's open ports. metrics is nil when they are served on the public port, or not at all.
type listeners struct{ public, metrics net.Listener }

// close closes the ports of a service that never served.
func (l listeners) close() error {
	var errs []error
	for _, listener := range []net.Listener{l.public, l.metrics} {
		if listener != nil {
			errs = append(errs, listener.Close())
		}
	}
	return errors.Join(errs...)
}

// listen opens the ports.
func (c *Config) listen() (l listeners, err error) {
	if l.public, err = listen(c.Host, c.Port, "PORT"); err != nil {
		return l, err
	}
	if c.debugPort() {
		if l.metrics, err = listen(c.Host, c.MetricsPort, "METRICS_PORT"); err != nil {
			return l, errors.Join(err, l.close())
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

// debugPort reports whether there is a port of its own for the metrics and for /debug.
func (c *Config) debugPort() bool { return c.EnableMetrics && c.MetricsPort != 0 }

// MetricsOnPublicPort reports whether /metrics is among the routes of the service's own port.
func (c *Config) MetricsOnPublicPort() bool { return c.EnableMetrics && c.MetricsPort == 0 }

// scrapeTimeout is longer than any scraper waits.
const scrapeTimeout = 30 * time.Second

// metricsServer serves the metrics, and what operators do by hand, on a port that no client reaches.
func metricsServer(metrics, debug http.Handler) *http.Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.Handle("/debug/", debug)
	server := rest.NewServer(rest.SecurityHeaders(mux), scrapeTimeout)
	server.ReadTimeout = scrapeTimeout // Nothing here has a long body.
	return server
}
