package sentry

import (
	"context"
	"io"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/cut"
)

// Outcomes of an event for Sentry.
var (
	outcomeSent    = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "sent")))
	outcomeFailed  = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "failed")))
	outcomeLimited = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "limited")))
)

// upload is the Sentry client's HTTP transport. It counts the outcome of each
// event, and can be cut off: the client itself would wait for a Sentry that
// hangs, once for every queued event.
type upload struct {
	base   *http.Transport
	events metric.Int64Counter
	ctx    context.Context // done when cut off
	end    context.CancelFunc
}

func newUpload(events metric.Int64Counter) *upload {
	u := &upload{base: http.DefaultTransport.(*http.Transport).Clone(), events: events}
	u.ctx, u.end = context.WithCancel(context.Background())
	context.AfterFunc(u.ctx, u.base.CloseIdleConnections)
	return u
}

func (u *upload) RoundTrip(r *http.Request) (*http.Response, error) {
	if u.ctx.Err() != nil {
		u.events.Add(r.Context(), 1, outcomeFailed)
		return nil, cut.Err
	}
	ctx, release := cut.With(r.Context(), u.ctx)
	resp, err := u.base.RoundTrip(r.WithContext(ctx))
	if err != nil {
		release()
		u.events.Add(r.Context(), 1, outcomeFailed)
		return nil, err
	}
	outcome := outcomeSent
	if resp.StatusCode >= http.StatusMultipleChoices { // A redirect is not followed.
		outcome = outcomeFailed
	}
	u.events.Add(r.Context(), 1, outcome)
	resp.Body = releasingBody{resp.Body, release}
	return resp, nil
}

// releasingBody lets go of the request's context when the response was read.
type releasingBody struct {
	io.ReadCloser
	release func()
}

func (b releasingBody) Close() error {
	defer b.release()
	return b.ReadCloser.Close()
}
