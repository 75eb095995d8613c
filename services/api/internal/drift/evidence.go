package drift

import (
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// Evidence is what a check proves about the open drifts that it does not show. The two enums are empty on a check of a
// version that did not keep them.
type Evidence struct {
	Refreshed plan.Refreshed
	Coverage  plan.Coverage
	Mode      plan.Mode
	// Unproven counts the open drifts that the check could not judge.
	Unproven int
	// Reasons are sentences, each of which says what was not proven and what the sender can do about it.
	Reasons []string
}

// The reasons that a plan does not have by itself.
const (
	reasonRoot = "The state of this plan shares no resource with the earlier plans of this workspace, so it was taken for one of another " +
		"root and changed no drift: send it to a workspace of its own, or accept the new root (PATCH /workspaces/{name}, acceptRoot: true) and send it again."
	reasonPreview = "This is a preview, so it changed nothing: send the plan without purpose=preview to record it."
	reasonNew     = "There is no such workspace yet, and only a plan of a run that succeeded creates it, so this check is not kept: " +
		"record such a plan first."
	reasonNoRef  = "The plan names no ref, so it was recorded, although this workspace records %s only: send ref= with the branch of the run."
	reasonOther  = "The plan is of another ref than %s, of which this workspace records plans, so it is a preview and changed nothing."
	reasonNoPlan = "No plan came with this check, so it shows nothing about the open drifts: send the plan of a run that succeeds."
)

// evidenceOf is what the plan proves in this workspace.
func evidenceOf(read *plan.Plan, c *Check, ws *WorkspaceState, stated Purpose) Evidence {
	e := read.Evidence
	if c.Stale {
		e = e.Stale()
	}
	reasons := slices.Clone(e.Reasons)
	if c.RootMismatch {
		reasons = append(reasons, reasonRoot)
	}
	switch {
	case stated == Preview:
		reasons = append(reasons, reasonPreview)
	case c.Purpose == Preview:
		reasons = append(reasons, fmt.Sprintf(reasonOther, *ws.RecordRef))
	case ws.RecordRef != nil && c.Source.Ref == "":
		reasons = append(reasons, fmt.Sprintf(reasonNoRef, *ws.RecordRef))
	}
	if ws.ID == uuid.Nil {
		reasons = append(reasons, reasonNew)
	}
	return Evidence{Refreshed: e.Refreshed, Coverage: e.Coverage, Mode: e.Mode, Reasons: reasons}
}

// add takes over what the comparison found to be unproven.
func (e *Evidence) add(r *reconciliation) {
	e.Unproven = r.unproven
	for _, reason := range r.reasons {
		if !slices.Contains(e.Reasons, reason) {
			e.Reasons = append(e.Reasons, reason)
		}
	}
}
