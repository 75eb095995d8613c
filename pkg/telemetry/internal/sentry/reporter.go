// Package sentry reports unexpected errors to Sentry, each once, with its trace,
// its stack and the log lines before it.
package sentry

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	sdk "github.com/getsentry/sentry-go"
	"go.opentelemetry.io/otel/metric"
	sdkresource "go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/redaction"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/request"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/resource"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/tracing"
)

// Reporter sends unexpected errors to Sentry, linked to their trace. It
// only ever queues, and a nil reporter does nothing.
type Reporter struct {
	client   *sdk.Client // nil when the DSN is none: all events fail
	upload   *upload
	limit    *rate.Limiter
	pages    *rate.Limiter // of errors in browsers
	limited  atomic.Int64  // events since the last one that were one too many
	events   metric.Int64Counter
	redactor *redaction.Redactor
	service  string
	grafana  grafana
	plumbing []string
}

// New makes the reporter. With a DSN that is none it counts what
// it can't send: a request that failed gets its response, with or without
// the report. The error is for those who run the service, not a reason to stop.
func New(cfg Config, res *sdkresource.Resource, r *redaction.Redactor, events metric.Int64Counter) (*Reporter, error) {
	if cfg.DSN == "" {
		return nil, nil
	}
	s := &Reporter{
		grafana:  grafana(strings.TrimRight(cfg.GrafanaURL, "/")),
		plumbing: cfg.Plumbing,
		upload:   newUpload(events),
		limit:    rate.NewLimiter(rate.Every(time.Minute/time.Duration(cfg.MaxEventsPerMinute)), cfg.MaxEventsPerMinute),
		pages:    rate.NewLimiter(rate.Every(time.Minute/pagesPerMinute), pagesPerMinute),
		events:   events,
		redactor: r,
		service:  resource.Value(res, semconv.ServiceNameKey),
	}
	release := cfg.Release
	if release == "" {
		release = resource.Value(res, semconv.ServiceVersionKey)
	}
	if release == "" {
		release = "unknown" // or the client would ask git
	}
	environment := cfg.Environment
	if environment == "" {
		environment = resource.Value(res, semconv.DeploymentEnvironmentNameKey)
	}
	var err error
	s.client, err = sdk.NewClient(sdk.ClientOptions{
		Dsn:         cfg.DSN,
		Release:     release,
		Environment: environment,
		ServerName:  resource.Value(res, semconv.ServiceInstanceIDKey),
		// Errors only; traces have their own store. Without the default
		// integrations, and without a request on the scope, nothing is collected
		// by itself: an event holds what the method event puts into it.
		TracesSampleRate: 0,
		Integrations:     func([]sdk.Integration) []sdk.Integration { return nil },
		HTTPClient: &http.Client{
			Timeout: 3 * time.Second, Transport: s.upload,
			// The reports, and the project's key, are for this server only.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		DisableClientReports: true,
	})
	if err != nil {
		// The client's error may quote the DSN, which holds a key.
		return s, errors.New("the Sentry DSN is not valid")
	}
	s.client.SetExternalContextTraceResolver(traceOf)
	return s, nil
}

// traceOf tells the client of which trace an event is.
func traceOf(ctx context.Context) (sdk.TraceID, sdk.SpanID, bool) {
	sc := trace.SpanContextFromContext(ctx)
	return sdk.TraceID(sc.TraceID()), sdk.SpanID(sc.SpanID()), sc.IsValid()
}

// Circumstances are what is known about an unexpected error beside itself.
type Circumstances struct {
	Transaction string // of HTTP: method and route
	Tags        map[string]string
	UserID      string
	Lines       []request.Line // the last log lines of the request
	// ExecutionTrace is the path of one at the metrics port, if there is one.
	ExecutionTrace string
}

// Capture queues one event, unless the minute's events are used up.
func (s *Reporter) Capture(ctx context.Context, err error, c Circumstances) {
	if s == nil {
		return
	}
	if s.client == nil {
		s.events.Add(ctx, 1, outcomeFailed)
		return
	}
	if !s.limit.Allow() {
		s.limited.Add(1)
		s.events.Add(ctx, 1, outcomeLimited)
		return
	}
	event := s.event(err, c)
	if n := s.limited.Swap(0); n > 0 {
		event.Contexts["storm"] = sdk.Context{"errors not sent before this one": n}
	}
	if links := s.grafana.links(tracing.TraceID(ctx), event.Timestamp); links != nil {
		event.Contexts["grafana"] = links
	}
	if c.ExecutionTrace != "" {
		event.Contexts["execution trace"] = sdk.Context{"path": c.ExecutionTrace, "at the metrics port of": s.client.Options().ServerName}
	}
	// The client takes the trace from the hint's context, and adds it only when
	// there is a scope to apply.
	s.client.CaptureEvent(event, &sdk.EventHint{Context: ctx, OriginalException: err}, sdk.NewScope())
}

// Flush waits until the queued events are sent, or the context is done.
func (s *Reporter) Flush(ctx context.Context) error {
	if s == nil || s.client == nil || s.client.FlushWithContext(ctx) {
		return nil
	}
	return errors.New("events are left")
}

// Close flushes, then cuts off an upload that hangs.
func (s *Reporter) Close(ctx context.Context) error {
	if s == nil || s.client == nil {
		return nil
	}
	err := s.Flush(ctx)
	s.upload.end()
	s.client.Close()
	return err
}
