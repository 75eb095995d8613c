package httpapi

import (
	"encoding/json"
	"net/http"

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

// writeTimeline writes rows, oldest first, and where there are earlier ones: those for which there is no room, too.
func writeTimeline(w http.ResponseWriter, r *http.Request, rows []audit.Row, more bool) error {
	entries, size := make([]json.RawMessage, len(rows)), 0
	first := len(rows)
	for first > 0 {
		encoded, err := json.Marshal(newTimelineEntry(rows[first-1]))
		if err != nil {
			return err
		}
		if size += len(encoded) + 1; size > room {
			break
		}
		first--
		entries[first] = encoded
	}
	if first < len(rows) && (more || first > 0) {
		nextLink(w, r, "before", rows[first].ID.String())
	}
	return rest.OK(w, entries[first:])
}

func newTimelineEntry(r audit.Row) timelineEntry {
	return timelineEntry{
		r.ID, rest.Time(r.CreatedAt), r.Action, optionalText(r.ActorEmail), r.ActorRole, r.Message, optionalText(r.TraceID), r.Metadata,
	}
}
