package health

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// The timeout of a probe: less than the timeout of orchestrators, more than the service needs to notice a missing database.
const probeTimeout = 3 * time.Second

// The most of a response that Probe reads.
const longestReport = 64 << 10

// Probe asks the service at host and port of this machine whether it is ready. It returns the response's body, which says what is
// missing, and an error if the service is not ready or does not respond. The healthcheck subcommands use it.
func Probe(ctx context.Context, host, port string) (body []byte, err error) {
	// A service that listens on all addresses listens on the loopback too.
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	url := "http://" + net.JoinHostPort(host, port) + "/health/ready"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, longestReport))
	if resp.StatusCode != http.StatusOK {
		return body, fmt.Errorf("%s: %s", url, resp.Status)
	}
	return body, err
}
