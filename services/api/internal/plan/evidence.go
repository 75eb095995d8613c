package plan

import (
	"slices"
	"strconv"
	"strings"
)

// Mode is how a plan was made.
type Mode string

// The modes. ModeUnknown is a plan that does not show it, and of which the sender does not say it.
const (
	ModeUnknown     Mode = ""
	ModeRefreshOnly Mode = "refresh-only"
	ModeNormal      Mode = "normal"
	ModeDestroy     Mode = "destroy"
)

// Refreshed is what is known about whether the plan compared the state with reality.
type Refreshed string

// What can be known about the refresh.
const (
	RefreshProven  Refreshed = "proven"  // the plan shows it
	RefreshStated  Refreshed = "stated"  // the sender says it
	RefreshUnknown Refreshed = "unknown" // it may have been made with -refresh=false
	RefreshNo      Refreshed = "no"
)

// Coverage is how much of its root a plan covers.
type Coverage string

// What can be known about the coverage.
const (
	CoverageFull    Coverage = "full"
	CoveragePartial Coverage = "partial"
	CoverageUnknown Coverage = "unknown"
)

// Evidence is what a plan proves about the drifts that it does not list.
type Evidence struct {
	Refreshed Refreshed
	Coverage  Coverage
	Mode      Mode
	// Reasons are sentences, each of which says what was not proven and what the sender can do about it.
	Reasons []string
}

// Resolves reports whether a drift that the plan does not list is gone. Both must hold: reality was looked at, and all of
// it was. When in doubt the drift stays open.
func (e Evidence) Resolves() bool {
	return (e.Refreshed == RefreshProven || e.Refreshed == RefreshStated) && e.Coverage == CoverageFull
}

// Stale is the evidence of the same plan when a newer one was recorded before: it proves nothing.
func (e Evidence) Stale() Evidence {
	e.Refreshed = RefreshNo
	e.Reasons = append(slices.Clone(e.Reasons), reasonStale)
	return e
}

// The reasons.
const (
	reasonStale   = "A newer plan of this workspace was recorded before this one: send plans in the order in which they were made."
	reasonErrored = "The run failed, so the plan does not show what is gone: send the plan of a run that succeeds."
	reasonDestroy = "This is a destroy plan, which shows what would be deleted and not what drifted: send a refresh-only or a normal plan."
	reasonNormal  = "A normal plan that lists no drift looks like one made with -refresh=false: send refreshed=true if it was refreshed, " +
		"or send a refresh-only plan."
	reasonSlimmed = "The plan was slimmed and lists no drift, so it does not show that it was refreshed: send mode=refresh-only if it is a " +
		"refresh-only plan, or refreshed=true if it is a normal plan that was refreshed."
	reasonEmpty = "The plan lists no resource at all, so it does not show that it was refreshed: send mode=refresh-only if it is a " +
		"refresh-only plan, or refreshed=true if it is a normal plan that was refreshed."
	reasonIncomplete = "The plan says complete=false, as with -target or -exclude or a deferred change: send a plan of the whole root."
	reasonPartial    = "scope=partial was sent, so what the plan does not list was not looked at: send a plan of the whole root with scope=full."
	reasonCoverage   = "The plan does not say whether it covers its whole root, as with OpenTofu and Terraform before 1.8: send scope=full " +
		"where no -target or -exclude is used."
	reasonLost = "An entry of the plan could not be read, not even which resource it is about, so the plan does not show all of its root: " +
		"see leftOut for which entry it is and why, and resolve the drifts that are gone by hand until that is repaired."
	reasonMode = "mode=refresh-only was sent, but the plan has resource_changes, so it was read as a normal plan: send the mode that the plan was made with."
)

// tally is what pass 1 counts to tell how the plan was made. Only managed resources count.
type tally struct {
	drifts  int // entries of resource_drift that are more than a move
	planned int // entries of resource_changes, without deposed objects
	deleted int // of these, the ones that delete and give no reason, as a destroy plan does
	kept    int // of these, the ones that a destroy plan only forgets
	still   int // of these, the ones that stay as they are
	prior   int // resources of prior_state
}

// mode is how the plan was made, as far as it shows.
//
// A refresh-only plan has no resource_changes. A normal plan has one for every managed resource, also for those that stay
// as they are. A destroy plan deletes them all; a normal plan that deletes says why (action_reason).
func (t *tally) mode(slimmed bool) Mode {
	switch {
	case t.deleted > 0 && t.deleted+t.kept == t.planned:
		return ModeDestroy
	case t.planned > 0:
		return ModeNormal
	case !slimmed && t.prior+t.drifts > 0:
		return ModeRefreshOnly
	}
	return ModeUnknown
}

// evidence applies the two tables of docs/decisions/0010.
func (s *scan) evidence() Evidence {
	e := Evidence{Mode: s.tally.mode(s.out.Slimmed)}
	say := func(reason string) { e.Reasons = append(e.Reasons, reason) }
	switch {
	case s.opt.Mode == ModeRefreshOnly && e.Mode == ModeNormal:
		say(reasonMode)
	case e.Mode == ModeDestroy: // The plan shows it, whatever is stated.
	case s.opt.Mode != ModeUnknown:
		e.Mode = s.opt.Mode
	}

	switch {
	case s.out.Errored:
		e.Refreshed = RefreshNo
		say(reasonErrored)
	case e.Mode == ModeDestroy:
		e.Refreshed = RefreshNo
		say(reasonDestroy)
	case e.Mode == ModeRefreshOnly, s.tally.drifts > 0:
		e.Refreshed = RefreshProven
	case s.opt.Refreshed:
		e.Refreshed = RefreshStated
	default:
		e.Refreshed = RefreshUnknown
		switch {
		case e.Mode == ModeNormal:
			say(reasonNormal)
		case s.out.Slimmed:
			say(reasonSlimmed)
		default:
			say(reasonEmpty)
		}
	}

	complete, cover := s.out.Complete, func(c Coverage, reason string) {
		e.Coverage = c
		if reason != "" && e.Refreshed != RefreshNo { // Of a plan that cannot resolve anything it would not help.
			say(reason)
		}
	}
	switch {
	case complete != nil && !*complete:
		cover(CoveragePartial, reasonIncomplete)
	case s.opt.Scope == ScopePartial:
		cover(CoveragePartial, reasonPartial)
	case complete != nil || s.opt.Scope == ScopeFull:
		cover(CoverageFull, "")
	default:
		cover(CoverageUnknown, reasonCoverage)
	}
	if s.lostOne { // It may be about any drift that looks as if it were gone.
		e.Coverage = CoveragePartial
		say(reasonLost)
	}
	return e
}

// checkTool refuses the plans of a Terraform that cannot express drift: before 0.15.4 it lists no resource_drift, whatever
// there is. The version of the format says nothing about that.
func (s *scan) checkTool() error {
	var v [3]uint64
	version, _, _ := strings.Cut(s.out.TerraformVersion, "-")
	parts := strings.Split(version, ".")
	if len(parts) != len(v) {
		return nil
	}
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil {
			return nil //nolint:nilerr // A version of another form is not an old one.
		}
		v[i] = n
	}
	if slices.Compare(v[:], []uint64{0, 15, 4}) < 0 {
		return invalid("terraform_version", "is %d.%d.%d, which cannot show drift: use Terraform 0.15.4 or later", v[0], v[1], v[2])
	}
	return nil
}
