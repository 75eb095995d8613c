package ws

import (
	"context"
	"fmt"
	"strconv"

	"github.com/gobwas/ws"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/driftsentry/driftsentry/pkg/apierror"
)

const (
	attrAccount    = attribute.Key("driftsentry.account.id")
	attrConnection = attribute.Key("driftsentry.connection.id")
)

// The outcomes of handshakes.
const (
	outcomeAccepted = "accepted"
	outcomeExpired  = "expired"
	outcomeRevoked  = "revoked"
)

func outcomeOf(err error) string {
	switch apierror.From(err).Kind {
	case apierror.Invalid:
		return "invalid"
	case apierror.Forbidden:
		return "origin"
	case apierror.Unauthenticated:
		return "unauthorized"
	case apierror.RateLimited:
		return "limited"
	case apierror.Unavailable, apierror.Timeout:
		return "unavailable"
	case apierror.Canceled:
		return "canceled"
	default:
		return "failed"
	}
}

type meters struct {
	handshakes metric.Int64Counter
	limits     metric.Int64Counter
	closes     metric.Int64Counter
	frames     metric.Int64Counter
}

func newMeters(m metric.Meter, s *Server) (meters, error) {
	var (
		all  meters
		errs [7]error
	)
	_, errs[0] = m.Int64ObservableGauge("driftsentry.realtime.connections",
		metric.WithDescription("Open sockets."), metric.WithUnit("{connection}"),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(s.registry.count()))
			return nil
		}))
	all.handshakes, errs[1] = m.Int64Counter("driftsentry.realtime.handshakes",
		metric.WithDescription("Handshakes, by outcome."), metric.WithUnit("{handshake}"))
	all.closes, errs[2] = m.Int64Counter("driftsentry.realtime.closes",
		metric.WithDescription("Connections that ended, by close code; 1005 and 1006 are never sent, as in RFC 6455."),
		metric.WithUnit("{connection}"))
	all.frames, errs[3] = m.Int64Counter("driftsentry.realtime.frames",
		metric.WithDescription("Frames beside events, by direction and type; those of the protocol itself begin with ws_."),
		metric.WithUnit("{frame}"))
	all.limits, errs[4] = m.Int64Counter("driftsentry.realtime.limited",
		metric.WithDescription("Attempts to connect that were refused, by the limit that they met: total, user or address (open sockets), handshakes (too often), pending (connections that are no sockets yet)."),
		metric.WithUnit("{attempt}"))
	_, errs[5] = m.Int64ObservableGauge("driftsentry.realtime.connections.limit",
		metric.WithDescription("How many sockets may be open; 0 is no limit."), metric.WithUnit("{connection}"),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(s.config.Limits.Total))
			return nil
		}))
	_, errs[6] = m.Int64ObservableGauge("driftsentry.realtime.connections.pending",
		metric.WithDescription("TCP connections that are no sockets yet, or never will be."), metric.WithUnit("{connection}"),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(s.pending.n.Load())
			return nil
		}))
	for _, err := range errs {
		if err != nil {
			return meters{}, fmt.Errorf("make an instrument: %w", err)
		}
	}
	// An alert counts on these. A series that begins with three hundred at once would have no increase.
	all.closes.Add(context.Background(), 0, metric.WithAttributes(attribute.String("code", strconv.Itoa(int(endTooSlow.code)))))
	return all, nil
}

func (m *meters) handshake(ctx context.Context, outcome string) {
	m.handshakes.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", outcome)))
}

func (m *meters) limited(l limit) {
	m.limits.Add(context.Background(), 1, metric.WithAttributes(attribute.String("limit", l.name)))
}

func (m *meters) closed(ctx context.Context, code ws.StatusCode) {
	label := strconv.Itoa(int(code))
	if code.IsPrivateSpec() && code != endExpired.code && code != endTooSlow.code && code != endTooMany.code || code.IsApplicationSpec() {
		label = "other" // A client may send a thousand of these.
	}
	m.closes.Add(ctx, 1, metric.WithAttributes(attribute.String("code", label)))
}

func (m *meters) received(ctx context.Context, kind string) { m.frame(ctx, "received", kind) }

func (m *meters) sent(ctx context.Context, kind string) { m.frame(ctx, "sent", kind) }

func (m *meters) frame(ctx context.Context, direction, kind string) {
	m.frames.Add(ctx, 1, metric.WithAttributes(attribute.String("direction", direction), attribute.String("type", kind)))
}
