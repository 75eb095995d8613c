package ws

import (
	"context"
	"errors"
	"log/slog"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/pkg/token"
)

// maxInvalid is how many invalid messages a connection may send.
const maxInvalid = 20

// handle responds to a message. Each one is a short trace of its own, linked to the handshake, except a ping, which no
// one would look for.
func (c *conn) handle(data []byte) error {
	r, err := parse(data)
	if err == nil && r.Type == typePing {
		c.server.instruments.received(c.context(), typePing)
		return c.reply(c.context(), "pong", pongFrame(r.id()))
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.server.config.RequestTimeout)
	defer cancel()
	ctx, span := c.server.tel.Tracer().Start(ctx, "receive "+r.Type, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer),
		trace.WithLinks(trace.Link{SpanContext: c.handshake}), trace.WithAttributes(
			attrConnection.String(c.id.String()), attrAccount.String(c.account.String()), semconv.UserID(c.place.user.String())))
	defer span.End()
	c.server.instruments.received(ctx, r.Type)
	if err == nil {
		err = c.dispatch(ctx, r)
	}
	if end, ok := errors.AsType[closing](err); ok {
		return end
	}
	level, attrs := slog.LevelDebug, append(c.logAttrs(), slog.String("type", r.Type))
	if err != nil {
		f := apierror.From(err)
		if f.Kind == apierror.Internal {
			c.server.tel.Report(ctx, err, c.logAttrs()...)
		}
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("error.code", f.Kind.Code()), slog.String("error.message", f.Message))
		span.SetAttributes(attribute.String("error.code", f.Kind.Code()))
		if f.Kind == apierror.Internal || f.Kind == apierror.Unavailable {
			span.SetStatus(codes.Error, f.Kind.Code())
		}
		err = c.refuse(ctx, f, r)
	}
	c.server.tel.Logger().LogAttrs(ctx, level, "message received", attrs...)
	return err
}

// refuse responds with an error; a client that sends too many invalid messages is disconnected.
func (c *conn) refuse(ctx context.Context, f *apierror.Error, r request) error {
	if err := c.reply(ctx, "error", errorFrame(f, telemetry.TraceID(ctx), r.id())); err != nil {
		return err
	}
	if f.Kind == apierror.Invalid {
		c.invalid++
		if c.invalid > maxInvalid {
			return endPolicy
		}
	}
	return nil
}

func (c *conn) dispatch(ctx context.Context, r request) error {
	answer := func(topics []string) []byte {
		c.server.instruments.sent(ctx, "ack")
		return ackFrame(r.ID, topics)
	}
	switch r.Type {
	case typeSubscribe:
		return c.delivered(c.sub.Subscribe(ctx, r.Topics, r.After, answer))
	case typeUnsubscribe:
		return c.delivered(c.sub.Unsubscribe(r.Topics, answer))
	default:
		if err := c.authenticate(ctx, r.Token); err != nil {
			return err
		}
		return c.delivered(c.sub.Send(answer(c.sub.Topics())))
	}
}

// authenticate takes a fresh token of the same user.
func (c *conn) authenticate(ctx context.Context, accessToken string) error {
	claims, err := c.server.tokens.Verify(accessToken)
	switch {
	case errors.Is(err, token.ErrExpired):
		return apierror.Refuse(apierror.Expired, "the access token has expired")
	case err != nil:
		return apierror.Refuse(apierror.Unknown, "the access token is invalid")
	case claims.UserID != c.place.user || claims.AccountID != c.account:
		return apierror.New(apierror.Forbidden, "the access token belongs to another user")
	}
	role, over, err := c.server.sessions.Role(ctx, claims)
	if err != nil {
		return err
	}
	if over != "" {
		return apierror.Refuse(over, "the session has ended")
	}
	return c.renew(claims, role)
}
