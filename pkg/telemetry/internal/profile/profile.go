// Package profile takes profiles of the process: by hand at the metrics port, and all
// the time where they go to a Pyroscope. While one is taken, the samples of the
// processor have labels that say for which request they were taken.
package profile

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/grafana/pyroscope-go"
	byhand "github.com/grafana/pyroscope-go/http/pprof"
	"go.opentelemetry.io/otel/attribute"
	sdkresource "go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/resource"
)

// Config says where profiles go and whose they are.
type Config struct {
	URL      string // of a Pyroscope, such as http://pyroscope:4040; empty sends nothing
	Resource *sdkresource.Resource
	// Failed is told what could not be sent.
	Failed func(error)
}

// Profiles are those of the process. The zero value takes them by hand only.
type Profiles struct {
	pusher *pyroscope.Profiler // nil when nothing is sent
	cut    context.CancelFunc  // ends what is being sent
	// taken is how many are being taken by hand.
	taken atomic.Int32
}

// Start begins to send profiles when there is an address. With an error, none are
// sent, and the Profiles are usable.
func Start(cfg Config) (*Profiles, error) {
	p := &Profiles{}
	if cfg.URL == "" {
		return p, nil
	}
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return p, errors.New("PYROSCOPE_URL is not an address such as http://pyroscope:4040: no profiles are sent")
	}
	end, cut := context.WithCancel(context.Background())
	pusher, err := pyroscope.Start(pyroscope.Config{
		ApplicationName: resource.Value(cfg.Resource, semconv.ServiceNameKey), ServerAddress: cfg.URL, Tags: labelsOf(cfg.Resource),
		HTTPClient: newClient(end), Logger: logger(cfg.Failed),
		ProfileTypes: []pyroscope.ProfileType{
			pyroscope.ProfileCPU, pyroscope.ProfileAllocObjects, pyroscope.ProfileAllocSpace, pyroscope.ProfileInuseObjects, pyroscope.ProfileInuseSpace,
		},
		// A collection of garbage for each heap profile would cost more than the rest.
		DisableGCRuns: true,
	})
	if err != nil {
		cut()
		return p, fmt.Errorf("PYROSCOPE_URL: no profiles are sent: %w", err)
	}
	p.pusher, p.cut = pusher, cut
	return p, nil
}

// labelsOf are the labels of every profile, with the names that Pyroscope gives to
// OpenTelemetry's attributes.
func labelsOf(res *sdkresource.Resource) map[string]string {
	labels := map[string]string{}
	for _, key := range []attribute.Key{semconv.ServiceVersionKey, semconv.ServiceInstanceIDKey, semconv.DeploymentEnvironmentNameKey} {
		if value := resource.Value(res, key); value != "" {
			labels[strings.ReplaceAll(string(key), ".", "_")] = value
		}
	}
	return labels
}

// Pushed reports whether profiles are sent to a Pyroscope.
func (p *Profiles) Pushed() bool { return p != nil && p.pusher != nil }

// ServeCPU takes a profile of the processor by hand. It also works where Go's own handler
// would refuse, because profiles are being sent.
func (p *Profiles) ServeCPU(w http.ResponseWriter, r *http.Request) {
	p.taken.Add(1)
	defer p.taken.Add(-1)
	byhand.Profile(w, r)
}

// Close sends what was measured last, and stops. What hangs is cut off with the
// context.
func (p *Profiles) Close(ctx context.Context) error {
	if !p.Pushed() {
		return nil
	}
	defer p.cut()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		p.pusher.Flush(true)
		_ = p.pusher.Stop() // It has no errors.
	}()
	select {
	case <-stopped:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the last profiles were not sent: %w", ctx.Err())
	}
}

// logger is told what the library says; only its errors matter.
type logger func(error)

func (logger) Infof(string, ...any)  {}
func (logger) Debugf(string, ...any) {}

// Errorf implements the library's interface.
func (l logger) Errorf(format string, args ...any) { l(fmt.Errorf("profiles: "+format, args...)) }
