package health

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// The timeout of a probe: less than the timeout of orchestrators, more than the service needs to notice a missing database.
const probeTimeout = 3 * time.Second

// Probe asks the service at host and port of this machine whether it is ready, and returns nil if it is. The
// healthcheck subcommands use it.
func Probe(ctx context.Context, host, port string) error {
	// A service that listens on all addresses listens on the loopback too.
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	url := "http://" + net.JoinHostPort(host, port) + "/health/ready"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	return nil
}
