package httpapi

import (
	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
)

type auditBody struct {
	ID         uuid.UUID      `json:"id"`
	Timestamp  rest.Time      `json:"timestamp"`
	Action     string         `json:"action"`
	ActorID    *uuid.UUID     `json:"actorId"`
	ActorEmail *string        `json:"actorEmail"`
	ActorRole  string         `json:"actorRole"`
	DriftID    *uuid.UUID     `json:"driftId"`
	Subject    string         `json:"subject"`
	Message    string         `json:"message"`
	TraceID    *string        `json:"traceId"`
	Metadata   map[string]any `json:"metadata"`
}

func newAuditBody(r audit.Row) auditBody {
	return auditBody{
		r.ID, rest.Time(r.CreatedAt), r.Action, r.ActorID, optionalText(r.ActorEmail), r.ActorRole, r.DriftID, r.Subject, r.Message,
		optionalText(r.TraceID), r.Metadata,
	}
}

// timelineEntry is an audit row as a drift's timeline shows it.
type timelineEntry struct {
	ID         uuid.UUID      `json:"id"`
	Timestamp  rest.Time      `json:"timestamp"`
	Action     string         `json:"action"`
	ActorEmail *string        `json:"actorEmail"`
	ActorRole  string         `json:"actorRole"`
	Message    string         `json:"message"`
	TraceID    *string        `json:"traceId"`
	Metadata   map[string]any `json:"metadata"`
}

func newTimelineEntry(r audit.Row) timelineEntry {
	return timelineEntry{
		r.ID, rest.Time(r.CreatedAt), r.Action, optionalText(r.ActorEmail), r.ActorRole, r.Message, optionalText(r.TraceID), r.Metadata,
	}
}
