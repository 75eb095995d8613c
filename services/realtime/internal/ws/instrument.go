package ws

import (
	"context"
	"strconv"

	"github.com/gobwas/ws"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/driftconv"
	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
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

type instruments struct {
	handshakes metric.Int64Counter
	limits     metric.Int64Counter
	closes     metric.Int64Counter
	frames     metric.Int64Counter
}

func newInstruments(m metric.Meter, s *Server) (instruments, error) {
	in := instrument.From(m)
	in.Value(driftconv.RealtimeConnections, func() int64 { return int64(s.registry.count()) })
	in.Value(driftconv.RealtimeConnectionsLimit, func() int64 { return int64(s.config.Limits.Total) })
	in.Value(driftconv.RealtimeConnectionsPending, s.pending.n.Load)
	all := instruments{
		handshakes: in.Counter(driftconv.RealtimeHandshakes),
		closes:     in.Counter(driftconv.RealtimeCloses),
		frames:     in.Counter(driftconv.RealtimeFrames),
		limits:     in.Counter(driftconv.RealtimeLimited),
	}
	// An alert uses these. A series that begins at three hundred would show no increase.
	all.closes.Add(context.Background(), 0, metric.WithAttributes(attribute.String("code", strconv.Itoa(int(endTooSlow.code)))))
	return all, in.Err()
}

func (i *instruments) handshake(ctx context.Context, outcome string) {
	i.handshakes.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", outcome)))
}

func (i *instruments) limited(l limit) {
	i.limits.Add(context.Background(), 1, metric.WithAttributes(attribute.String("limit", l.name)))
}

func (i *instruments) closed(ctx context.Context, code ws.StatusCode) {
	label := strconv.Itoa(int(code))
	if code.IsPrivateSpec() && code != endExpired.code && code != endTooSlow.code && code != endTooMany.code || code.IsApplicationSpec() {
		label = "other" // A client may send a thousand of these.
	}
	i.closes.Add(ctx, 1, metric.WithAttributes(attribute.String("code", label)))
}

func (i *instruments) received(ctx context.Context, kind string) { i.frame(ctx, "received", kind) }

func (i *instruments) sent(ctx context.Context, kind string) { i.frame(ctx, "sent", kind) }

func (i *instruments) frame(ctx context.Context, direction, kind string) {
	i.frames.Add(ctx, 1, metric.WithAttributes(attribute.String("direction", direction), attribute.String("type", kind)))
}
