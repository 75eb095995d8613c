package courier

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/notify"
)

// links makes the links of messages.
type links struct{ public, trace string }

// workspace is where people see a workspace; empty when that is not known.
func (l links) workspace(name string) string {
	if l.public == "" {
		return ""
	}
	return l.public + "/workspaces/" + url.PathEscape(name)
}

// drift is where people see a drift; empty when that is not known.
func (l links) drift(id uuid.UUID) string {
	if l.public == "" {
		return ""
	}
	return l.public + "/drifts/" + id.String()
}

func (l links) traceOf(id string) string {
	if l.trace == "" || id == "" {
		return ""
	}
	return strings.ReplaceAll(l.trace, "{traceId}", id)
}

// words are what happened to drifts, as messages say it.
var words = map[event.Type]string{
	event.DriftCreated: "new", event.DriftUpdated: "changed", event.DriftReopened: "reopened", event.DriftResolved: "resolved",
	event.DriftTriaged: "triaged", event.DriftApproved: "approved", event.DriftRejected: "rejected", event.DriftExpired: "open again (approval ended)",
}

func word(t event.Type) string {
	if w, ok := words[t]; ok {
		return w
	}
	_, verb, _ := strings.Cut(string(t), ".")
	return verb
}

// title says in a line what a message is about, after the workspace.
func title(m *notify.Message) string {
	if m.Test {
		return "This is a test. This channel works."
	}
	var parts []string
	for _, c := range m.Counts {
		parts = append(parts, fmt.Sprintf("%d %s", c.N, word(c.Type)))
	}
	said := strings.Join(parts, ", ")
	switch {
	case len(m.Rules) == 1:
		return ruleLine(m.Rules[0])
	case len(m.Rules) > 1: // Other events are not in their transactions.
		return fmt.Sprintf("rules: %d %s", m.Total, word(m.Type))
	case m.Check != nil && m.Check.Status == "failed":
		failed := "the check failed"
		if m.Check.FailureReason != "" {
			failed += ": " + m.Check.FailureReason
		}
		if said != "" {
			failed += "; drifts: " + said
		}
		return failed
	case m.StaleN > 0:
		stale := "no check came for too long"
		if m.StaleN > 1 {
			stale = fmt.Sprintf("no check of %d workspaces came for too long", m.StaleN)
		}
		if said != "" {
			stale += "; drifts: " + said
		}
		return stale
	case said != "":
		return "drifts: " + said
	case m.Check != nil && m.Check.Status == "drifted":
		return "the check found no other drift than those that are open"
	}
	return "the check found no drift"
}

// ruleLine says what happened to a rule.
func ruleLine(r notify.RuleItem) string {
	said := word(r.Type)
	if r.Type == event.RuleCreated && r.Status == "proposed" {
		said = "proposed"
	}
	line := "rule of the effect " + r.Effect + " " + said
	if r.Actor != nil && r.Actor.Email != "" {
		line += " by " + r.Actor.Email
	}
	line += ": " + r.Reason
	if r.ExpiresAt != nil && r.Type != event.RuleEnded {
		line += until(*r.ExpiresAt)
	}
	return line
}

// until says when something ends.
func until(at event.Time) string {
	return " (until " + time.Time(at).UTC().Format("2006-01-02 15:04") + " UTC)"
}
