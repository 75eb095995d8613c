package telemetry

import (
	"context"
	"errors"
	"io"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Outcomes of an event for Sentry.
var (
	outcomeSent    = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "sent")))
	outcomeFailed  = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "failed")))
	outcomeLimited = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "limited")))
)

// upload is the Sentry client's HTTP transport. It counts what becomes of each
// event, and can be cut off: the client itself would wait for a Sentry that
// hangs, once for every queued event.
type upload struct {
	base   *http.Transport
	events metric.Int64Counter
	ctx    context.Context // done when cut off
	cut    context.CancelFunc
}

var errCut = errors.New("telemetry was shut down")

func newUpload(events metric.Int64Counter) *upload {
	u := &upload{base: http.DefaultTransport.(*http.Transport).Clone(), events: events}
	u.ctx, u.cut = context.WithCancel(context.Background())
	context.AfterFunc(u.ctx, u.base.CloseIdleConnections)
	return u
}

func (u *upload) RoundTrip(r *http.Request) (*http.Response, error) {
	if u.ctx.Err() != nil {
		u.events.Add(r.Context(), 1, outcomeFailed)
		return nil, errCut
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	stop := context.AfterFunc(u.ctx, func() { cancel(errCut) })
	release := func() { stop(); cancel(nil) }
	resp, err := u.base.RoundTrip(r.WithContext(ctx))
	if err != nil {
		release()
		u.events.Add(r.Context(), 1, outcomeFailed)
		return nil, err
	}
	outcome := outcomeSent
	if resp.StatusCode >= http.StatusBadRequest {
		outcome = outcomeFailed
	}
	u.events.Add(r.Context(), 1, outcome)
	resp.Body = releasingBody{resp.Body, release}
	return resp, nil
}

// releasingBody lets go of the request's context when the answer was read.
type releasingBody struct {
	io.ReadCloser
	release func()
}

func (b releasingBody) Close() error {
	defer b.release()
	return b.ReadCloser.Close()
}
