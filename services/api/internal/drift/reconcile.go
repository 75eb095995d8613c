package drift

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/uid"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// finding is one drift that a plan changed, and how. What it only saw again has no finding.
type finding struct {
	drift   *Drift
	event   event.Type
	from    Status // before
	message string
}

// reconciliation is what a plan means for a workspace: pure, so that a transaction may do it again.
type reconciliation struct {
	comparison
	byKey   map[string]*Drift // the open ones by fingerprint
	moved   map[*Drift]movement
	changes map[*Drift]*plan.Change
	follows bool // the plan says of each resource what it would do, also where that is nothing

	same map[*Drift]bool // seen with the difference that is stored, as it is stored

	seen      []*Drift // what the plan shows, each once
	unchanged []*Drift // seen, and just as before
	upgraded  []*Drift // seen with the difference that is stored, but its hash is of another version or key, or its masks are others
	created   []*Drift
	changed   []*Drift // their difference is another
	parked    []*Drift // those with another address, whose fingerprints must be free before they are written
	resolved  []*Drift
	critical  []*Drift // of those that people should look at
	findings  []finding

	unproven int      // open drifts that the plan does not show, and of which it does not prove that they are gone
	reasons  []string // why some of them are, each once

	shown   []*Drift // in the response to the upload
	isShown map[*Drift]bool
}

// movement is where the resource of a drift was, as it may be shown, and its move.
type movement struct {
	from string
	plan.Move
}

// comparison is what reconcile is about.
type comparison struct {
	account   uuid.UUID
	workspace string
	open      []*Drift // that plans found
	asked     asked    // of these, those that the plan was read with
	proves    bool     // false for a plan that can resolve nothing here, whatever it shows
	check     uuid.UUID
	now       time.Time
}

// asked are the open drifts that a plan was read with.
type asked map[plan.Object]plan.Open

// reconcile compares what a plan shows with the open drifts that plans found.
func reconcile(c comparison, p *plan.Plan) *reconciliation {
	r := &reconciliation{
		comparison: c,
		byKey:      make(map[string]*Drift, len(c.open)), moved: make(map[*Drift]movement),
		changes: make(map[*Drift]*plan.Change, len(p.Changes)), same: make(map[*Drift]bool),
		follows: p.Evidence.Mode == plan.ModeNormal && !p.Slimmed,
	}
	for _, d := range c.open {
		r.byKey[string(d.Fingerprint)] = d
	}
	r.move(p)
	done := make(map[string]bool, len(p.Changes))
	for i := range p.Changes {
		change := &p.Changes[i]
		fingerprint := Fingerprint(c.account, c.workspace, change.Origin, change.Identity())
		if key := string(fingerprint); !done[key] {
			done[key] = true
			r.see(change, fingerprint)
		}
	}
	// In the order in which they came from the database: a map's order would make every run another one.
	for _, d := range c.open {
		if !done[string(d.Fingerprint)] {
			r.miss(d, p)
		}
	}
	r.show()
	return r
}

// see takes one resource that the plan shows.
func (r *reconciliation) see(c *plan.Change, fingerprint []byte) {
	d := r.byKey[string(fingerprint)]
	if d == nil {
		d = r.create(c, fingerprint)
		r.seen, r.changes[d] = append(r.seen, d), c
		return
	}
	r.seen, r.changes[d] = append(r.seen, d), c
	d.LastSeenAt, d.CheckID = r.now, &r.check
	d.Occurrences++
	facts := r.follow(d, c)
	if c.Matches(d.DifferenceMAC) {
		if bytes.Equal(c.Hash, d.DifferenceMAC) && !c.OtherMasks {
			r.same[d] = true
		} else {
			d.DifferenceMAC = c.Hash
			r.upgraded = append(r.upgraded, d)
		}
		if !r.noteFacts(d, facts) {
			r.unchanged = append(r.unchanged, d)
		}
		return
	}
	wasCritical := d.Severity == plan.Critical
	d.describe(c)
	r.changed = append(r.changed, d)
	f := finding{d, event.DriftUpdated, d.Status, "the difference changed"}
	if d.Can(Reopen) {
		f.event, f.message = event.DriftReopened, fmt.Sprintf("the difference changed after it was %s", d.Status)
		d.reopen(r.now)
	} else {
		d.changed(r.now)
	}
	r.findings = append(r.findings, f)
	if d.Severity == plan.Critical && (!wasCritical || f.event == event.DriftReopened) {
		r.critical = append(r.critical, d)
	}
}

// follow gives an open drift the facts about its resource that every plan states again, and says which of them changed.
func (r *reconciliation) follow(d *Drift, c *plan.Change) []string {
	changed := d.retype(c.Type, c.Provider)
	planned := ""
	if d.PlannedAction != nil {
		planned = *d.PlannedAction
	}
	if c.PlannedAction != planned && (c.PlannedAction != "" || r.follows) { // A refresh-only plan plans nothing.
		changed = append(changed, "the planned action is "+cmp.Or(c.PlannedAction, "none"))
		d.plan(c)
	}
	return changed
}

// retype gives a drift the type and the provider of its resource, and says what changed.
func (d *Drift) retype(typ, provider string) (changed []string) {
	switch {
	case d.ResourceType != typ:
		changed = append(changed, fmt.Sprintf("the type is %s, not %s", typ, d.ResourceType))
	case d.Provider != provider:
		changed = append(changed, "the provider is "+provider)
	}
	d.ResourceType, d.Provider = typ, provider
	return changed
}

func (r *reconciliation) create(c *plan.Change, fingerprint []byte) *Drift {
	d := newDrift(r.account, r.workspace, fingerprint, c, r.now)
	d.DetectedBy, d.CheckID = DetectedByPlan, &r.check
	r.created = append(r.created, d)
	r.findings = append(r.findings, finding{d, event.DriftCreated, "", "found by a plan of " + r.workspace})
	if d.Severity == plan.Critical {
		r.critical = append(r.critical, d)
	}
	return d
}

// miss takes an open drift that the plan does not show. It is resolved if the plan proves that it is gone. One that was
// found after the plan was read was not asked about.
func (r *reconciliation) miss(d *Drift, p *plan.Plan) {
	var verdict plan.Verdict
	move, moved := r.moved[d]
	open, known := r.asked[plan.Object{Origin: d.Origin, ID: cmp.Or(move.from, d.ResourceID)}]
	var facts []string
	if d.Retyped = open.Retyped; moved && move.Type != "" && move.Type != d.ResourceType {
		d.Retyped = true
		facts = d.retype(move.Type, move.Provider)
	}
	if known && r.proves {
		verdict = p.Judge(d.Origin, d.ResourceID)
	}
	if !verdict.Resolved {
		r.unproven++
		if verdict.Reason != "" && !slices.Contains(r.reasons, verdict.Reason) {
			r.reasons = append(r.reasons, verdict.Reason)
		}
		r.noteFacts(d, facts)
		return
	}
	from := d.Status
	d.resolve(ResolvedHow(verdict.How), ByState, r.now)
	d.CheckID = &r.check
	r.resolved = append(r.resolved, d)
	r.findings = append(r.findings, finding{d, event.DriftResolved, from, string(verdict.How)})
}

// noteFacts makes a new address, and other facts, a change of their own when the difference did not change.
func (r *reconciliation) noteFacts(d *Drift, facts []string) bool {
	if move, ok := r.moved[d]; ok {
		facts = append([]string{"moved from " + move.from}, facts...)
	}
	if len(facts) == 0 {
		return false
	}
	d.changed(r.now)
	r.findings = append(r.findings, finding{d, event.DriftUpdated, d.Status, strings.Join(facts, "; ")})
	return true
}

// move gives drifts the new addresses of their resources. One whose new address has an open drift already stays where
// it is, and so does, in turn, what would have moved to its place.
func (r *reconciliation) move(p *plan.Plan) {
	type mover struct {
		drift    *Drift
		from, to string // fingerprints
		move     plan.Move
	}
	var movers []mover
	taken := make(map[string]bool)
	for _, m := range p.Moves {
		for _, origin := range []Origin{plan.OriginDrift, plan.OriginChange} {
			from := string(Fingerprint(r.account, r.workspace, origin, m.From))
			to := string(Fingerprint(r.account, r.workspace, origin, m.To))
			if d := r.byKey[from]; d != nil && !taken[to] {
				taken[to] = true
				delete(r.byKey, from)
				movers = append(movers, mover{d, from, to, m})
			}
		}
	}
	for {
		blocked := slices.IndexFunc(movers, func(m mover) bool { return r.byKey[m.to] != nil })
		if blocked < 0 {
			break
		}
		r.byKey[movers[blocked].from] = movers[blocked].drift
		movers = slices.Delete(movers, blocked, blocked+1)
	}
	for _, m := range movers {
		m.drift.Fingerprint, m.drift.ResourceID = []byte(m.to), p.Shown(m.move.To)
		r.byKey[m.to] = m.drift
		r.moved[m.drift] = movement{p.Shown(m.move.From), m.move}
		r.parked = append(r.parked, m.drift)
	}
}

// counts is what the check counted.
func (r *reconciliation) counts() event.Counts {
	c := event.Counts{New: len(r.created), Unchanged: len(r.unchanged), Resolved: len(r.resolved)}
	for _, f := range r.findings {
		if f.event == event.DriftUpdated || f.event == event.DriftReopened {
			c.Changed++
		}
	}
	return c
}

// leavesOpen reports whether a drift that plans found is open afterwards.
func (r *reconciliation) leavesOpen() bool {
	return len(r.created) > 0 || len(r.byKey) > len(r.resolved)
}

// saved are the drifts that were there before and that have to be written.
func (r *reconciliation) saved() []*Drift {
	var list []*Drift
	for _, f := range r.findings {
		if f.event != event.DriftCreated {
			list = append(list, f.drift)
		}
	}
	return list
}

// The response shows so many drifts at most, and fewer when their states are very large.
const (
	maxShown      = 100
	maxShownBytes = 4 << 20
)

// show picks the drifts that the response has, the most severe first.
func (r *reconciliation) show() {
	bySeverity := func(a, b *Drift) int {
		return cmp.Compare(slices.Index(Severities, a.Severity), slices.Index(Severities, b.Severity))
	}
	shown, size := slices.Clone(r.seen), 0
	slices.SortStableFunc(shown, bySeverity)
	r.shown = slices.DeleteFunc(shown[:min(len(shown), maxShown)], func(d *Drift) bool {
		size += r.changes[d].Size()
		return size > maxShownBytes
	})
	slices.SortFunc(r.shown, func(a, b *Drift) int {
		return cmp.Or(bySeverity(a, b), cmp.Compare(a.ResourceID, b.ResourceID), bytes.Compare(a.ID[:], b.ID[:]))
	})
	r.isShown = make(map[*Drift]bool, len(r.shown))
	for _, d := range r.shown {
		r.isShown[d] = true
	}
}

// shownUnchanged are those of the shown drifts whose states the plan does not change.
func (r *reconciliation) shownUnchanged() []*Drift {
	var list []*Drift
	for _, d := range r.shown {
		if r.same[d] {
			list = append(list, d)
		}
	}
	return list
}

// newDrift makes a drift of a change.
func newDrift(account uuid.UUID, workspace string, fingerprint []byte, c *plan.Change, now time.Time) *Drift {
	d := &Drift{
		ID: uid.New(), AccountID: account, Version: 1, Fingerprint: fingerprint, Workspace: workspace,
		ResourceID: c.ResourceID(), ResourceType: c.Type, Origin: c.Origin, Status: Detected,
		DetectedAt: now, FirstSeenAt: now, LastSeenAt: now, Occurrences: 1, CreatedAt: now, UpdatedAt: now,
	}
	d.Provider = c.Provider
	d.plan(c)
	d.describe(c)
	return d
}

// describe takes over what a change says about the difference.
func (d *Drift) describe(c *plan.Change) {
	d.Region, d.Severity, d.DifferenceMAC = c.Region, c.Severity, c.Hash
	d.take(c.States)
}

// take takes over the states.
func (d *Drift) take(s plan.States) {
	d.ExpectedState, d.ActualState, d.Difference, d.Sides, d.PathHashes = s.Expected, s.Actual, s.Difference, s.Sides, s.Paths
}

// plan takes over what is planned.
func (d *Drift) plan(c *plan.Change) {
	d.PlannedAction = nil
	if c.PlannedAction != "" {
		d.PlannedAction = &c.PlannedAction
	}
}

// reopen takes the decision back; the timeline keeps it.
func (d *Drift) reopen(now time.Time) {
	d.apply(Reopen, now)
	d.DetectedAt = now
	d.ApprovedAt, d.ApprovedBy, d.ApprovalReason = nil, nil, nil
	d.RejectedAt, d.RejectedBy, d.RejectionReason = nil, nil, nil
}
