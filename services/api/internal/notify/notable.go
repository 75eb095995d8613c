package notify

import (
	"slices"

	"github.com/driftsentry/driftsentry/pkg/event"
)

// Events are the types that a channel can have. Alerts are not among them: what they are about has an event of its own.
var Events = []event.Type{
	event.DriftCreated, event.DriftUpdated, event.DriftReopened, event.DriftResolved, event.DriftTriaged, event.DriftApproved, event.DriftRejected,
	event.DriftSuppressed, event.DriftSurfaced, event.DriftExpired, event.RuleCreated, event.RuleUpdated, event.RuleEnded, event.CheckCompleted,
	event.WorkspaceStale,
}

// DefaultEvents are those of a channel that names none: what is new or comes back, failed checks, and checks that stopped coming.
var DefaultEvents = []event.Type{
	event.DriftCreated, event.DriftUpdated, event.DriftReopened, event.DriftSurfaced, event.DriftExpired, event.CheckCompleted, event.WorkspaceStale,
}

// Severities are those of drifts, the most severe first. A failed check, a change of a rule and a workspace without checks are warnings, any
// other check is an info.
var Severities = []string{"critical", "warning", "info"}

// DefaultSeverities are those of a channel that names none.
var DefaultSeverities = []string{"critical", "warning"}

// ruleSeverity is the severity of the events about rules.
const ruleSeverity = "warning"

// statusFailed is event.CheckData's status of a failed check.
const statusFailed = "failed"

// staleSeverity is the severity of workspace.stale.
const staleSeverity = "warning"

// checkSeverity is the severity of a check; empty when it says nothing about the workspace.
func checkSeverity(c event.CheckData) string {
	switch {
	case c.Purpose == "preview" || c.Stale:
		return ""
	case c.Status == statusFailed:
		return "warning"
	}
	return "info"
}

// driftSeverity is the severity of an event about a drift; empty when rules ignore all of the drift, and the event says anything else.
func driftSeverity(t event.Type, d event.DriftData) string {
	if d.Suppressed != nil && t != event.DriftSuppressed {
		return ""
	}
	return d.Severity
}

// Notice says what a transaction's events are, so that the statement that stores them finds the channels that may want them.
type Notice struct {
	Types      []string
	Severities []string
	Events     int // of the transaction
}

// NoticeOf is the notice of a transaction's events; nil when no channel can want one.
func NoticeOf(drafts []event.Draft) *Notice {
	n := &Notice{Events: len(drafts)}
	for _, d := range drafts {
		severity := ""
		switch data := d.Data.(type) {
		case event.DriftData:
			severity = driftSeverity(d.Type, data)
		case event.CheckData:
			severity = checkSeverity(data)
		case event.RuleData:
			severity = ruleSeverity
		case event.WorkspaceStaleData:
			severity = staleSeverity
		}
		if severity == "" || !slices.Contains(Events, d.Type) {
			continue
		}
		if !slices.Contains(n.Types, string(d.Type)) {
			n.Types = append(n.Types, string(d.Type))
		}
		if !slices.Contains(n.Severities, severity) {
			n.Severities = append(n.Severities, severity)
		}
	}
	if n.Types == nil {
		return nil
	}
	return n
}
