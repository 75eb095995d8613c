package httpapi

import (
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/services/api/internal/notify"
)

type channelBody struct {
	ID            uuid.UUID   `json:"id"`
	Name          string      `json:"name"`
	Kind          notify.Kind `json:"kind"`
	Host          string      `json:"host"`
	Enabled       bool        `json:"enabled"`
	Events        []string    `json:"events"`
	Severities    []string    `json:"severities"`
	Workspaces    []string    `json:"workspaces"` // null: every workspace
	Owners        []string    `json:"owners"`     // null: every owner
	CreatedAt     rest.Time   `json:"createdAt"`
	CreatedBy     string      `json:"createdBy"`
	UpdatedAt     rest.Time   `json:"updatedAt"`
	LastSuccessAt *rest.Time  `json:"lastSuccessAt"`
	FailingSince  *rest.Time  `json:"failingSince"`
	LastError     *string     `json:"lastError"`
	Waiting       int         `json:"waiting"`
	Parked        int         `json:"parked"`
}

func newChannelBody(c notify.Channel) channelBody {
	return channelBody{
		c.ID, c.Name, c.Kind, c.Host, c.Enabled, c.Events, c.Severities, c.Workspaces, c.Owners, rest.Time(c.CreatedAt), c.CreatedBy,
		rest.Time(c.UpdatedAt), rest.TimePtr(c.LastSuccessAt), rest.TimePtr(c.FailingSince), c.LastError, c.Waiting, c.Parked,
	}
}

// savedChannelBody is a channel with its new secret, which is shown this once.
type savedChannelBody struct {
	Channel channelBody `json:"channel"`
	Secret  *string     `json:"secret"`
}

type deliveryBody struct {
	ID            uuid.UUID            `json:"id"`
	State         notify.DeliveryState `json:"state"`
	Attempts      int                  `json:"attempts"`
	CreatedAt     rest.Time            `json:"createdAt"`
	NextAttemptAt *rest.Time           `json:"nextAttemptAt"` // null unless it waits
	ExpiresAt     rest.Time            `json:"expiresAt"`
	FinishedAt    *rest.Time           `json:"finishedAt"`
	LastStatus    *int                 `json:"lastStatus"`
	LastError     *string              `json:"lastError"`
	FirstPosition int64                `json:"firstPosition"`
	LastPosition  int64                `json:"lastPosition"`
	TraceID       string               `json:"traceId"`
}

func newDeliveryBody(d notify.Delivery) deliveryBody {
	body := deliveryBody{
		d.ID, d.State, d.Attempts, rest.Time(d.CreatedAt), nil, rest.Time(d.ExpiresAt), rest.TimePtr(d.FinishedAt), d.LastStatus, d.LastError,
		d.FirstPosition, d.LastPosition, telemetry.TraceIDOf(d.Traceparent),
	}
	if d.State == notify.Waiting {
		body.NextAttemptAt = rest.TimePtr(&d.NextAttemptAt)
	}
	return body
}

type testBody struct {
	Delivered  bool    `json:"delivered"`
	Status     *int    `json:"status"` // of the response; null when there was none
	Error      *string `json:"error"`
	DurationMs int64   `json:"durationMs"`
}

func newTestBody(out notify.Outcome, took time.Duration) testBody {
	body := testBody{Delivered: out.Failure == "", Error: optionalText(out.Failure), DurationMs: took.Milliseconds()}
	if out.Status != 0 {
		body.Status = &out.Status
	}
	return body
}
