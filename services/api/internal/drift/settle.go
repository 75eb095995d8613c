package drift

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
	"github.com/driftsentry/driftsentry/services/api/internal/rule"
)

// ruleOwner is how the OwnerBy of an owner begins that a rule set.
const ruleOwner = "rule:"

// RuleOwner is the OwnerBy of an owner that this rule set.
func RuleOwner(id uuid.UUID) string { return ruleOwner + id.String() }

// ruled is what rules changed of a drift.
type ruled struct {
	suppressed, surfaced bool
	facts                []string // other changes, for people
}

func (r ruled) any() bool { return r.suppressed || r.surfaced || len(r.facts) > 0 }

// IsSuppressed reports whether a rule ignores all of the drift.
func (d *Drift) IsSuppressed() bool { return d.SuppressedBy != nil }

// standardSeverity is the severity without rules.
func (d *Drift) standardSeverity() Severity {
	if d.DefaultSeverity != nil {
		return *d.DefaultSeverity
	}
	return d.Severity
}

// settle gives the drift what the rules make of it, and says what that changed. standard is the severity without rules.
func (d *Drift) settle(v rule.Verdict, standard Severity) (r ruled) {
	note := func(format string, args ...any) { r.facts = append(r.facts, fmt.Sprintf(format, args...)) }
	d.settleSeverity(v.Severity, standard, note)
	if d.OwnerBy == nil || strings.HasPrefix(*d.OwnerBy, ruleOwner) {
		d.settleOwner(v.Owner, note)
	}
	was := d.SuppressedBy
	if v.Ignore == nil {
		d.SuppressedBy, d.SuppressedReason, d.SuppressedUntil = nil, nil, nil
		r.surfaced = was != nil
		return r
	}
	other := !same(was, &v.Ignore.ID) || !same(d.SuppressedReason, &v.Ignore.Reason) || !sameTime(d.SuppressedUntil, v.Ignore.ExpiresAt)
	d.SuppressedBy, d.SuppressedReason, d.SuppressedUntil = &v.Ignore.ID, &v.Ignore.Reason, v.Ignore.ExpiresAt
	if r.suppressed = was == nil; !r.suppressed && other {
		note("it is ignored by another rule, or for another time or reason: %s", v.Ignore.Reason)
	}
	return r
}

func (d *Drift) settleSeverity(by *rule.Rule, standard Severity, note func(string, ...any)) {
	severity, id, before := standard, (*uuid.UUID)(nil), d.Severity
	d.DefaultSeverity = nil
	if by != nil {
		severity, id, d.DefaultSeverity = Severity(*by.Severity), &by.ID, &standard
	}
	other := !same(d.SeverityBy, id)
	d.Severity, d.SeverityBy = severity, id
	switch {
	case by != nil && (other || before != severity):
		note("a rule makes it %s: %s", severity, by.Reason)
	case by == nil && other:
		note("no rule sets its severity any more: it is %s", severity)
	}
}

func (d *Drift) settleOwner(by *rule.Rule, note func(string, ...any)) {
	var owner, ownerBy *string
	if by != nil {
		name := RuleOwner(by.ID)
		owner, ownerBy = by.Owner, &name
	}
	if !same(d.Owner, owner) || !same(d.OwnerBy, ownerBy) {
		if by != nil {
			note("a rule makes it %s's: %s", *owner, by.Reason)
		} else {
			note("no rule says whose it is any more")
		}
	}
	d.Owner, d.OwnerBy = owner, ownerBy
}

func sameTime(a, b *time.Time) bool { return a == b || a != nil && b != nil && a.Equal(*b) }

// findings are the events about what rules hide and show.
func (r ruled) findings(d *Drift) (list []finding) {
	if r.suppressed {
		list = append(list, finding{d, event.DriftSuppressed, d.Status, *d.SuppressedReason})
	}
	if r.surfaced {
		list = append(list, finding{d, event.DriftSurfaced, d.Status, "rules do not ignore all of it any more"})
	}
	return list
}

// needsEyes reports whether an alert is raised about the drift.
func (d *Drift) needsEyes() bool { return d.Severity == plan.Critical && !d.IsSuppressed() }

// subject is what rules are asked about the drift as it is stored.
func (d *Drift) subject(paths []string) rule.Subject {
	return rule.Subject{
		Address: d.ResourceID, Type: d.ResourceType, Provider: d.Provider, Origin: string(d.Origin),
		NoOp: d.PlannedAction != nil && *d.PlannedAction == noOp, Severity: string(d.standardSeverity()), Paths: paths,
	}
}

// noOp is the planned action of a plan that leaves the resource as it is.
const noOp = "no-op"
