package drift

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
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
	account   uuid.UUID
	workspace string
	now       time.Time
	open      map[string]*Drift // by fingerprint
	moved     map[*Drift]string // the addresses that they had
	addresses map[string]bool   // what the plan shows
	changes   map[*Drift]*plan.Change

	same map[*Drift]bool // seen with the difference that is stored

	seen      []*Drift // what the plan shows, each once
	unchanged []*Drift // seen, and just as before
	created   []*Drift
	changed   []*Drift // their difference is another
	parked    []*Drift // those with another address, whose fingerprints must be free before they are written
	resolved  []*Drift
	critical  []*Drift // of those that people should look at
	findings  []finding

	shown   []*Drift // in the response to the upload
	isShown map[*Drift]bool
}

// reconcile compares what a plan shows with the open drifts that plans found.
func reconcile(account uuid.UUID, workspace string, open []*Drift, p *plan.Plan, now time.Time) *reconciliation {
	r := &reconciliation{
		account: account, workspace: workspace, now: now,
		open: make(map[string]*Drift, len(open)), moved: make(map[*Drift]string), addresses: make(map[string]bool),
		changes: make(map[*Drift]*plan.Change, len(p.Changes)), same: make(map[*Drift]bool),
	}
	for _, d := range open {
		r.open[string(d.Fingerprint)] = d
	}
	r.move(p)
	done := make(map[string]bool, len(p.Changes))
	for i := range p.Changes {
		c := &p.Changes[i]
		fingerprint := Fingerprint(account, workspace, c.Origin, c.Identity())
		if key := string(fingerprint); !done[key] {
			done[key] = true
			r.see(c, fingerprint)
		}
	}
	// In the order in which they came from the database: a map's order would make every run another one.
	for _, d := range open {
		if !done[string(d.Fingerprint)] {
			r.miss(d, p)
		}
	}
	r.show()
	return r
}

// see takes one resource that the plan shows.
func (r *reconciliation) see(c *plan.Change, fingerprint []byte) {
	r.addresses[c.ResourceID()] = true
	d := r.open[string(fingerprint)]
	if d == nil {
		d = r.create(c, fingerprint)
		r.seen, r.changes[d] = append(r.seen, d), c
		return
	}
	r.seen, r.changes[d] = append(r.seen, d), c
	d.LastSeenAt = r.now
	d.Occurrences++
	if c.Matches(d.DifferenceMAC) {
		r.same[d] = true
		if !r.reportMove(d) {
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

func (r *reconciliation) create(c *plan.Change, fingerprint []byte) *Drift {
	d := newDrift(r.account, r.workspace, fingerprint, c, r.now)
	d.DetectedBy = DetectedByPlan
	r.created = append(r.created, d)
	r.findings = append(r.findings, finding{d, event.DriftCreated, "", "found by a plan of " + r.workspace})
	if d.Severity == plan.Critical {
		r.critical = append(r.critical, d)
	}
	return d
}

// miss takes an open drift that the plan does not show. It is resolved if the plan would have shown it.
func (r *reconciliation) miss(d *Drift, p *plan.Plan) {
	if !p.Judge(d.Origin, d.ResourceID).Resolved {
		r.reportMove(d)
		return
	}
	from := d.Status
	how := Unknown
	switch {
	case r.addresses[d.ResourceID]:
		how = Superseded
	case from == Approved:
		how = Accepted
	case from == Rejected:
		how = Reverted
	}
	d.resolve(how, r.now)
	r.resolved = append(r.resolved, d)
	r.findings = append(r.findings, finding{d, event.DriftResolved, from, string(how)})
}

// reportMove makes a new address a change of its own when nothing else changed.
func (r *reconciliation) reportMove(d *Drift) bool {
	from, ok := r.moved[d]
	if ok {
		d.changed(r.now)
		r.findings = append(r.findings, finding{d, event.DriftUpdated, d.Status, "moved from " + from})
	}
	return ok
}

// move gives drifts the new addresses of their resources. One whose new address has an open drift already stays where
// it is, and so does, in turn, what would have moved to its place.
func (r *reconciliation) move(p *plan.Plan) {
	type mover struct {
		drift        *Drift
		from, to     string // fingerprints
		fromID, toID string
	}
	var movers []mover
	taken := make(map[string]bool)
	for _, m := range p.Moves {
		for _, origin := range []Origin{plan.OriginDrift, plan.OriginChange} {
			from := string(Fingerprint(r.account, r.workspace, origin, m.From))
			to := string(Fingerprint(r.account, r.workspace, origin, m.To))
			if d := r.open[from]; d != nil && !taken[to] {
				taken[to] = true
				delete(r.open, from)
				movers = append(movers, mover{d, from, to, p.Shown(m.From), p.Shown(m.To)})
			}
		}
	}
	for {
		blocked := slices.IndexFunc(movers, func(m mover) bool { return r.open[m.to] != nil })
		if blocked < 0 {
			break
		}
		r.open[movers[blocked].from] = movers[blocked].drift
		movers = slices.Delete(movers, blocked, blocked+1)
	}
	for _, m := range movers {
		m.drift.Fingerprint, m.drift.ResourceID = []byte(m.to), m.toID
		r.open[m.to] = m.drift
		r.moved[m.drift] = m.fromID
		r.parked = append(r.parked, m.drift)
	}
}

// counts is what the check tells of itself.
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
	return len(r.created) > 0 || len(r.open) > len(r.resolved)
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

// The uploader is told about so many drifts at most, and about fewer when their states are very large.
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
	d.describe(c)
	return d
}

// describe takes over what a change says about the resource.
func (d *Drift) describe(c *plan.Change) {
	d.Provider, d.Region, d.PlannedAction = c.Provider, c.Region, nil
	if c.PlannedAction != "" {
		d.PlannedAction = &c.PlannedAction
	}
	d.ExpectedState, d.ActualState, d.Difference = c.Expected, c.Actual, c.Difference
	d.DifferenceMAC, d.Severity = c.Hash, c.Severity
}

// reopen takes the decision back; the timeline keeps it.
func (d *Drift) reopen(now time.Time) {
	d.apply(Reopen, now)
	d.DetectedAt = now
	d.ApprovedAt, d.ApprovedBy, d.ApprovalReason = nil, nil, nil
	d.RejectedAt, d.RejectedBy, d.RejectionReason = nil, nil, nil
}
