package ws

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strconv"
	"time"

	"github.com/gobwas/ws"
	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/realtime/internal/hub"
)

// text is the frame of a message to the client.
func text(message any) []byte {
	payload, err := json.Marshal(message)
	if err != nil {
		panic(err) // Plain structs: this can't fail.
	}
	return ws.MustCompileFrame(ws.NewTextFrame(payload))
}

func welcomeFrame(id uuid.UUID, at event.Cursor, heartbeat time.Duration) []byte {
	return text(struct {
		Type         string       `json:"type"`
		ConnectionID uuid.UUID    `json:"connectionId"`
		Cursor       event.Cursor `json:"cursor"`
		HeartbeatMs  int64        `json:"heartbeatMs"`
	}{"welcome", id, at, max(heartbeat.Milliseconds(), 1)})
}

func ackFrame(id string, topics []string) []byte {
	return text(struct {
		Type   string   `json:"type"`
		ID     string   `json:"id"`
		Topics []string `json:"topics"`
	}{"ack", id, topics})
}

func pongFrame(id *string) []byte {
	return text(struct {
		Type string  `json:"type"`
		ID   *string `json:"id,omitempty"`
	}{"pong", id})
}

func reconnectFrame(after time.Duration) []byte {
	return text(struct {
		Type    string `json:"type"`
		AfterMs int64  `json:"afterMs"`
	}{"reconnect", after.Milliseconds()})
}

func errorFrame(f *apierror.Error, traceID string, id *string) []byte {
	var reason apierror.Reason
	if f.Kind == apierror.Unauthenticated {
		reason = cmp.Or(f.Reason, apierror.Unknown)
	}
	return text(struct {
		Type    string          `json:"type"`
		Code    string          `json:"code"`
		Message string          `json:"message"`
		Reason  apierror.Reason `json:"reason,omitempty"`
		TraceID string          `json:"traceId"`
		ID      *string         `json:"id"`
	}{"error", f.Kind.Code(), f.Message, reason, traceID, id})
}

// Encoder makes the frames of the hub's messages.
type Encoder struct{}

// Position implements hub.Encoder.
func (Encoder) Position(at event.Cursor) []byte {
	return text(struct {
		Type   string       `json:"type"`
		Cursor event.Cursor `json:"cursor"`
	}{"position", at})
}

// Resync implements hub.Encoder.
func (Encoder) Resync(reason hub.Reason, head event.Cursor) []byte {
	return text(struct {
		Type   string       `json:"type"`
		Reason hub.Reason   `json:"reason"`
		Cursor event.Cursor `json:"cursor"`
	}{"resync", reason, head})
}

// Event implements hub.Encoder. The stored body is sent unchanged.
func (Encoder) Event(to *bytes.Buffer, e event.Event, at event.Cursor) {
	topics, err := json.Marshal(e.Topics)
	if err != nil {
		panic(err) // Strings: this can't fail.
	}
	p := make([]byte, 0, len(topics)+len(e.Body)+128)
	p = append(p, `{"type":"event","topics":`...)
	p = append(p, topics...)
	p = append(p, `,"position":`...)
	p = strconv.AppendInt(p, e.Position, 10)
	p = append(p, `,"cursor":"`...)
	p = append(p, at.String()...) // an epoch has letters and digits only
	p = append(p, `","event":`...)
	p = append(p, e.Body...)
	p = append(p, '}')
	if err := ws.WriteFrame(to, ws.NewTextFrame(p)); err != nil {
		panic(err) // Writing to a buffer can't fail.
	}
}
