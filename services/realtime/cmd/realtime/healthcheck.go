package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/driftsentry/driftsentry/pkg/config"
)

// A probe's patience: below what orchestrators grant, above what the service takes to find its database missing.
const healthTimeout = 3 * time.Second

func healthcheck(ctx context.Context) error {
	var c struct {
		Host string `env:"HOST"`
		Port string `env:"PORT" envDefault:"3002"`
	}
	if err := config.Load(&c, os.Environ()); err != nil {
		return err
	}
	// A service that listens everywhere listens here.
	if ip := net.ParseIP(c.Host); c.Host == "" || ip != nil && ip.IsUnspecified() {
		c.Host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	url := "http://" + net.JoinHostPort(c.Host, c.Port) + "/health/ready"
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
