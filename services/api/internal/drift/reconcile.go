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
	"github.com/driftsentry/driftsentry/services/api/internal/rule"
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
	byKey    map[string]*Drift // the open ones by fingerprint
	moved    map[*Drift]movement
	changes  map[*Drift]*plan.Change
	hidden   []*Drift // suppressed now
	reopened []uuid.UUID
	follows  bool // the plan says of each resource what it would do, also where that is nothing

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
	rules     *rule.Scope
	judged    bool // the plan was read with these rules
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
			r.see(p, change, fingerprint)
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
func (r *reconciliation) see(p *plan.Plan, c *plan.Change, fingerprint []byte) {
	d := r.byKey[string(fingerprint)]
	if d == nil {
		d = r.create(p, c, fingerprint)
		r.seen, r.changes[d] = append(r.seen, d), c
		return
	}
	r.seen, r.changes[d] = append(r.seen, d), c
	d.LastSeenAt, d.CheckID = r.now, &r.check
	d.Occurrences++
	facts, hadEyes, was := r.follow(d, c), d.needsEyes(), d.DifferenceMAC
	if c.Matches(was) || r.ignores(p, d, c) {
		if bytes.Equal(c.Hash, d.DifferenceMAC) && !c.OtherMasks {
			r.same[d] = true
		} else {
			d.DifferenceMAC = c.Hash
			r.upgraded = append(r.upgraded, d)
		}
		ruled := d.settle(r.judge(p, d, c), d.standardSeverity())
		switch noted := r.noteFacts(d, append(facts, ruled.facts...)); {
		case noted:
		case ruled.any():
			d.changed(r.now)
		default:
			r.unchanged = append(r.unchanged, d)
		}
		r.noteRuled(d, ruled)
		if d.needsEyes() && !hadEyes && !d.isSettled() {
			r.critical = append(r.critical, d)
		}
		return
	}
	d.describe(c)
	ruled := d.settle(r.judge(p, d, c), c.Severity)
	r.changed = append(r.changed, d)
	f := finding{d, event.DriftUpdated, d.Status, "the difference changed"}
	if d.Can(Reopen) {
		f.event, f.message = event.DriftReopened, fmt.Sprintf("the difference changed after it was %s", d.Status)
		d.reopen(r.now)
		r.reopened = append(r.reopened, d.ID)
	} else {
		d.changed(r.now)
	}
	r.findings = append(r.findings, f)
	r.noteRuled(d, ruled)
	if d.needsEyes() && (!hadEyes || f.event == event.DriftReopened) {
		r.critical = append(r.critical, d)
	}
}

// judge asks the rules about a change of a drift. What is planned is known from a plan before, when this one plans nothing.
func (r *reconciliation) judge(p *plan.Plan, d *Drift, c *plan.Change) rule.Verdict {
	planned := ""
	if d.PlannedAction != nil {
		planned = *d.PlannedAction
	}
	if r.judged && (!r.rules.NoOp || planned == c.PlannedAction) {
		return c.Verdict
	}
	return r.rules.Judge(c.Subject(planned, pathsOf(p, c).Names()))
}

// stored is what was known of an open drift when the plan was read.
func (r *reconciliation) stored(d *Drift) plan.Open {
	return r.asked[plan.Object{Origin: d.Origin, ID: cmp.Or(r.moved[d].from, d.ResourceID)}]
}

// pathsOf are the paths of a change of a plan.
func pathsOf(p *plan.Plan, c *plan.Change) plan.Paths {
	paths, _ := plan.ReadPaths(p.Unpack(c).Paths, c.Hash)
	return paths
}

// ignores reports whether only paths that are ignored differ from the stored drift.
func (r *reconciliation) ignores(p *plan.Plan, d *Drift, c *plan.Change) bool {
	if !r.rules.Ignores() {
		return false
	}
	stored, known := plan.ReadPaths(r.stored(d).Paths, d.DifferenceMAC)
	paths := pathsOf(p, c)
	if !known || !paths.Comparable(stored) {
		return false
	}
	return !paths.DiffersFrom(stored, r.rules.Ignored(d.subject(paths.Names())))
}

// hiding are the findings about what rules hide and show, new drifts included.
func (r *reconciliation) hiding() []finding {
	list := r.findings
	for _, d := range r.created {
		if d.IsSuppressed() {
			list = append(list, finding{drift: d, event: event.DriftSuppressed})
		}
	}
	return list
}

// noteRuled reports what rules hide and show.
func (r *reconciliation) noteRuled(d *Drift, ruled ruled) {
	r.findings = append(r.findings, ruled.findings(d)...)
	if ruled.suppressed {
		r.hidden = append(r.hidden, d)
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

func (r *reconciliation) create(p *plan.Plan, c *plan.Change, fingerprint []byte) *Drift {
	d := newDrift(r.account, r.workspace, fingerprint, c, r.now)
	d.DetectedBy, d.CheckID = DetectedByPlan, &r.check
	d.settle(r.judge(p, d, c), c.Severity)
	r.created = append(r.created, d)
	r.findings = append(r.findings, finding{d, event.DriftCreated, "", "found by a plan of " + r.workspace})
	if d.needsEyes() {
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

// counts is what the check counted. What rules ignore is counted apart, and once.
func (r *reconciliation) counts() event.Counts {
	c := event.Counts{New: notIgnored(r.created), Unchanged: notIgnored(r.unchanged), Resolved: len(r.resolved)}
	c.Suppressed = len(r.seen) - notIgnored(r.seen)
	for i, f := range r.findings {
		again := i > 0 && r.findings[i-1].drift == f.drift // Those of a drift are next to each other.
		if f.event != event.DriftCreated && f.event != event.DriftResolved && !again && !f.drift.IsSuppressed() {
			c.Changed++
		}
	}
	return c
}

// notIgnored counts those that no rule ignores.
func notIgnored(drifts []*Drift) (n int) {
	for _, d := range drifts {
		if !d.IsSuppressed() {
			n++
		}
	}
	return n
}

// leavesOpen reports whether a drift that plans found is open afterwards.
func (r *reconciliation) leavesOpen() bool {
	return len(r.created) > 0 || len(r.byKey) > len(r.resolved)
}

// saved are the drifts that were there before and that have to be written.
func (r *reconciliation) saved() []*Drift {
	var list []*Drift
	for _, f := range r.findings {
		if f.event != event.DriftCreated && (len(list) == 0 || list[len(list)-1] != f.drift) { // Those of a drift are next to each other.
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

// show picks the drifts that the response has, the most severe first, and those that rules ignore last.
func (r *reconciliation) show() {
	weight := func(d *Drift) int {
		if d.IsSuppressed() {
			return len(Severities)
		}
		return slices.Index(Severities, d.Severity)
	}
	bySeverity := func(a, b *Drift) int { return cmp.Compare(weight(a), weight(b)) }
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
	d.ApprovedAt, d.ApprovedBy, d.ApprovalReason, d.ApprovedUntil = nil, nil, nil, nil
	d.RejectedAt, d.RejectedBy, d.RejectionReason = nil, nil, nil
}
