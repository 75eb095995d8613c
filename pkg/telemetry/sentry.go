package telemetry

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/getsentry/sentry-go"
	sentryotel "github.com/getsentry/sentry-go/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"golang.org/x/time/rate"
)

// sentryReporter sends unexpected errors to Sentry, linked to their trace. It
// only ever queues, and a nil reporter does nothing.
type sentryReporter struct {
	client   *sentry.Client // nil when the DSN is none: all events fail
	upload   *upload
	limit    *rate.Limiter
	limited  atomic.Int64 // events since the last one that were one too many
	events   metric.Int64Counter
	redactor *redactor
	service  string
	grafana  grafana
	plumbing []string
}

// newSentryReporter makes the reporter. With a DSN that is none it counts what
// it can't send: errors have to be answered, and never by their own reporting.
// The error is for whoever runs the service, not a reason to stop.
func newSentryReporter(cfg SentryConfig, res *resource.Resource, r *redactor, events metric.Int64Counter) (*sentryReporter, error) {
	if cfg.DSN == "" {
		return nil, nil
	}
	s := &sentryReporter{
		grafana:  grafana(strings.TrimRight(cfg.GrafanaURL, "/")),
		plumbing: cfg.Plumbing,
		upload:   newUpload(events),
		limit:    rate.NewLimiter(rate.Every(time.Minute/time.Duration(cfg.MaxEventsPerMinute)), cfg.MaxEventsPerMinute),
		events:   events,
		redactor: r,
		service:  resourceValue(res, semconv.ServiceNameKey),
	}
	release := cfg.Release
	if release == "" {
		release = resourceValue(res, semconv.ServiceVersionKey)
	}
	if release == "" {
		release = "unknown" // or the client would ask git
	}
	environment := cfg.Environment
	if environment == "" {
		environment = resourceValue(res, semconv.DeploymentEnvironmentNameKey)
	}
	var err error
	s.client, err = sentry.NewClient(sentry.ClientOptions{
		Dsn:         cfg.DSN,
		Release:     release,
		Environment: environment,
		ServerName:  resourceValue(res, semconv.ServiceInstanceIDKey),
		// Errors only; traces have their own store. Without the default
		// integrations, and without a request on the scope, nothing is collected
		// by itself: an event holds what the method event puts into it.
		TracesSampleRate: 0,
		Integrations: func([]sentry.Integration) []sentry.Integration {
			return []sentry.Integration{sentryotel.NewOtelIntegration()}
		},
		HTTPClient:           &http.Client{Timeout: 3 * time.Second, Transport: s.upload},
		DisableClientReports: true,
	})
	if err != nil {
		// The client's error may quote the DSN, which holds a key.
		return s, errors.New("the Sentry DSN is not valid")
	}
	return s, nil
}

// report is what is known about an unexpected error beside itself.
type report struct {
	transaction string // of HTTP: method and route
	tags        map[string]string
	userID      string
	crumbs      []crumb
}

// capture queues one event, unless the minute's events are used up.
func (s *sentryReporter) capture(ctx context.Context, err error, rep report) {
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
	event := s.event(err, rep)
	if n := s.limited.Swap(0); n > 0 {
		event.Contexts["storm"] = sentry.Context{"errors not sent before this one": n}
	}
	if links := s.grafana.links(TraceID(ctx), event.Timestamp); links != nil {
		event.Contexts["grafana"] = links
	}
	// The client takes the trace from the hint's context, and adds it only when
	// there is a scope to apply.
	s.client.CaptureEvent(event, &sentry.EventHint{Context: ctx, OriginalException: err}, sentry.NewScope())
}

func (s *sentryReporter) event(err error, rep report) *sentry.Event {
	kind, stack := errorType(err), origin(err)
	event := sentry.NewEvent()
	event.Level = sentry.LevelError
	event.Transaction = rep.transaction
	event.Tags = map[string]string{"service": s.service}
	for key, value := range rep.tags {
		event.Tags[key] = s.redactor.text(value)
	}
	event.User.ID = rep.userID
	for _, c := range rep.crumbs {
		event.Breadcrumbs = append(event.Breadcrumbs, c.breadcrumb())
	}
	event.Fingerprint = []string{kind, s.place(stack, rep.transaction)}
	event.Exception = []sentry.Exception{{
		Type:       kind,
		Value:      s.redactor.text(err.Error()),
		Stacktrace: sentryStack(stack),
		Mechanism:  &sentry.Mechanism{Type: "generic", Handled: new(!isPanic(err))},
	}}
	return event
}

// place is where an error belongs, for grouping: the function that it began in,
// or what was asked when that is not known. Line numbers would split a group at
// each release; plumbing, and generic helpers, would make one group of all.
func (s *sentryReporter) place(stack []runtime.Frame, transaction string) string {
	for _, frame := range stack {
		name := frame.Function
		plumbing := strings.HasPrefix(name, "runtime.") || strings.HasSuffix(name, "[...]") ||
			slices.ContainsFunc(s.plumbing, func(p string) bool { return strings.HasPrefix(name, p) })
		if !plumbing {
			return name
		}
	}
	return transaction
}

// sentryStack is the stack as Sentry wants it, outermost first.
func sentryStack(stack []runtime.Frame) *sentry.Stacktrace {
	if len(stack) == 0 {
		return nil
	}
	frames := make([]sentry.Frame, 0, len(stack))
	for _, frame := range slices.Backward(stack) {
		frames = append(frames, sentry.NewFrame(frame))
	}
	return &sentry.Stacktrace{Frames: frames}
}

func (s *sentryReporter) flush(ctx context.Context) error {
	if s == nil || s.client == nil || s.client.FlushWithContext(ctx) {
		return nil
	}
	return errors.New("events are left")
}

// close flushes, then cuts off an upload that hangs.
func (s *sentryReporter) close(ctx context.Context) error {
	if s == nil || s.client == nil {
		return nil
	}
	err := s.flush(ctx)
	s.upload.cut()
	s.client.Close()
	return err
}
