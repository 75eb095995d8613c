package drift

import (
	"slices"
	"time"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// Status is where a drift stands:
//
//	           triage
//	detected ──────────▶ triaged
//	 │ ▲  │                 │
//	 │ │  └───────┬─────────┘
//	 │ │          │ approve, reject
//	 │ │ reopen   ▼
//	 │ └──── approved, rejected
//	 │                      │
//	 └─── all four ─────────┴──resolve──▶ resolved, which is final
//
// An upload reopens when the difference is another than the one that was decided about, a user takes a decision back, and the
// clock ends an approval. A resolved drift that comes back is a new one, which names the old.
type Status string

// The statuses.
const (
	Detected Status = "detected"
	Triaged  Status = "triaged"
	Approved Status = "approved"
	Rejected Status = "rejected"
	Resolved Status = "resolved"
)

// Statuses are all statuses, in the order of a drift's life.
var Statuses = []Status{Detected, Triaged, Approved, Rejected, Resolved}

// Open reports whether there is still something to do.
func (s Status) Open() bool { return s != Resolved }

// Action is what changes a status.
type Action string

// The actions.
const (
	Triage  Action = "triage"
	Approve Action = "approve"
	Reject  Action = "reject"
	Resolve Action = "resolve"
	Reopen  Action = "reopen"
)

// transition is one row of the state machine.
type transition struct {
	from  []Status
	to    Status
	event event.Type
}

var transitions = map[Action]transition{
	Triage:  {[]Status{Detected}, Triaged, event.DriftTriaged},
	Approve: {[]Status{Detected, Triaged}, Approved, event.DriftApproved},
	Reject:  {[]Status{Detected, Triaged}, Rejected, event.DriftRejected},
	Resolve: {[]Status{Detected, Triaged, Approved, Rejected}, Resolved, event.DriftResolved},
	Reopen:  {[]Status{Approved, Rejected}, Detected, event.DriftReopened},
}

// Can reports whether the status allows the action.
func (d *Drift) Can(a Action) bool { return slices.Contains(transitions[a].from, d.Status) }

// check says why the status does not allow the action.
func (d *Drift) check(a Action) error {
	t := transitions[a]
	switch {
	case d.Can(a):
		return nil
	case d.Status == t.to:
		return apierror.Newf(apierror.Conflict, "the drift is already %s", d.Status)
	}
	return apierror.Newf(apierror.Conflict, "a drift that is %s can't become %s", d.Status, t.to)
}

// checkVersion says that the drift is another than the one that the caller has seen; zero means any.
func (d *Drift) checkVersion(seen int) error {
	if seen != 0 && seen != d.Version {
		return apierror.Newf(apierror.Conflict, "the drift has changed: its version is %d, not %d", d.Version, seen)
	}
	return nil
}

// apply does an action that the status allows.
func (d *Drift) apply(a Action, now time.Time) {
	d.Status = transitions[a].to
	d.changed(now)
}

// changed gives the drift its next version.
func (d *Drift) changed(now time.Time) {
	d.Version++
	d.UpdatedAt = now
}

// ResolvedHow says how a drift ended.
type ResolvedHow string

// Set by a user:
const (
	AutoRemediate ResolvedHow = "auto-remediate"
	ManualFix     ResolvedHow = "manual-fix"
	Acknowledged  ResolvedHow = "acknowledged"
)

// By a plan that could have seen the drift and did not, as its prior_state shows.
const (
	Reverted   ResolvedHow = ResolvedHow(plan.HowReverted)
	Accepted   ResolvedHow = ResolvedHow(plan.HowAccepted)
	Removed    ResolvedHow = ResolvedHow(plan.HowRemoved)
	Superseded ResolvedHow = ResolvedHow(plan.HowSuperseded)
	Unknown    ResolvedHow = ResolvedHow(plan.HowUnknown)
)

// ResolvedBasis says what ResolvedHow is based on.
type ResolvedBasis string

// The bases.
const (
	ByDecision ResolvedBasis = "decision" // of a person; earlier versions always used it
	ByState    ResolvedBasis = "state"    // what the plan's state shows
)

// waysToResolve are those that a person may name.
var waysToResolve = []ResolvedHow{AutoRemediate, ManualFix, Acknowledged}
