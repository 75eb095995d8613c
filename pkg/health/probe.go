package health

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// A probe's patience: below what orchestrators grant, above what the service takes to find its database missing.
const probeTimeout = 3 * time.Second

// Probe asks the service at host and port of this machine whether it is ready, and gives nil when it is. It is what the
// healthcheck subcommands do.
func Probe(ctx context.Context, host, port string) error {
	// A service that listens everywhere listens here.
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
