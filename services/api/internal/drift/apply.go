package drift

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// OpenReader reads what a plan is compared with.
type OpenReader interface {
	// OpenDrifts gives the kept values of a workspace's drifts that plans found and that are not resolved, and what their account says.
	OpenDrifts(ctx context.Context, account uuid.UUID, workspace string) (map[plan.Object]plan.Open, Account, error)
}

// Account is what an account says about all its drifts.
type Account struct {
	HidesValues  bool  // no values are stored
	RulesVersion int64 // of the rules that are in force; 0 when there has never been one
}

// OpenTx finds and adds the open drifts of a workspace.
type OpenTx interface {
	// LockOpenDrifts are a workspace's drifts that plans found and that are not resolved, without their states.
	LockOpenDrifts(ctx context.Context, account uuid.UUID, workspace string) ([]*Drift, error)
	// CountOpenDrifts counts them.
	CountOpenDrifts(ctx context.Context, account uuid.UUID, workspace string) (int, error)
	// LastResolved gives the last resolved drift of each fingerprint that has one.
	LastResolved(ctx context.Context, account uuid.UUID, fingerprints [][]byte) (map[string]uuid.UUID, error)
	// InsertDrifts fails with apierror.Conflict when a resource has an open drift already.
	InsertDrifts(ctx context.Context, drifts []*Drift) error
}

// SeenTx writes what a plan says about drifts that are open already.
type SeenTx interface {
	// ReadStates fills in the states of drifts that are read without them.
	ReadStates(ctx context.Context, account uuid.UUID, drifts []*Drift) error
	// ParkDrifts frees the fingerprints of drifts that SaveDrifts is about to give others.
	ParkDrifts(ctx context.Context, drifts []*Drift) error
	// SaveDrifts writes everything but what a plan says about the resource, which SaveStates writes.
	SaveDrifts(ctx context.Context, drifts []*Drift) error
	SaveStates(ctx context.Context, drifts []*Drift) error
	// SaveSightings counts that unchanged drifts were seen again, by one check.
	SaveSightings(ctx context.Context, drifts []*Drift) error
}

// apply writes what a plan means for its workspace: drifts, alerts, and the workspace itself.
func (w *work) apply(ctx context.Context, r *reconciliation, read *plan.Plan, c *Check, workspace *WorkspaceState) error {
	if err := w.link(ctx, r.created); err != nil {
		return err
	}
	if err := w.readUnchanged(ctx, r); err != nil {
		return err
	}
	if err := w.write(ctx, r, read); err != nil {
		return err
	}
	for _, f := range r.findings {
		w.recordFinding(ctx, f, c)
	}
	if err := w.rekeyDecided(ctx, r, read); err != nil {
		return err
	}
	if len(r.reopened) > 0 {
		if err := w.ForgetDecided(ctx, r.reopened); err != nil {
			return err
		}
	}
	if err := w.markAlertsOf(ctx, slices.Concat(r.resolved, r.hidden)); err != nil {
		return err
	}
	alerts := alertsFor(c.Workspace, r.critical, w.now)
	workspace.keepRoot(read)
	if workspace.note(c, w.now) {
		alerts = append(alerts, failedCheckAlert(c.Workspace, "the plan says that it errored, so it is unknown what drifted", w.now))
	}
	if err := w.raise(ctx, alerts); err != nil {
		return err
	}
	return w.saveChecked(ctx, workspace, c.Workspace)
}

// readUnchanged gives the unchanged drifts of the response their states as they are stored, because those stay, and not the
// plan's.
func (w *work) readUnchanged(ctx context.Context, r *reconciliation) error {
	stored := r.shownUnchanged()
	if len(stored) == 0 {
		return nil
	}
	return w.ReadStates(ctx, w.account, stored)
}

// link names, on each new drift, the resolved one that it is a return of.
func (w *work) link(ctx context.Context, created []*Drift) error {
	if len(created) == 0 {
		return nil
	}
	fingerprints := make([][]byte, len(created))
	for i, d := range created {
		fingerprints[i] = d.Fingerprint
	}
	previous, err := w.LastResolved(ctx, w.account, fingerprints)
	if err != nil {
		return err
	}
	for _, d := range created {
		if id, ok := previous[string(d.Fingerprint)]; ok {
			d.PreviousID = &id
		}
	}
	return nil
}

// write writes the changes of the drifts.
func (w *work) write(ctx context.Context, r *reconciliation, read *plan.Plan) error {
	for _, step := range []struct {
		save   func(context.Context, []*Drift) error
		drifts []*Drift
		states bool // it also writes what the plan shows
	}{
		{w.ParkDrifts, r.parked, false},
		{w.SaveDrifts, r.saved(), false},
		{w.SaveStates, slices.Concat(r.changed, r.upgraded), true},
		{w.InsertDrifts, r.created, true},
		{w.SaveSightings, r.unchanged, false},
	} {
		save := func(part []*Drift) error { return step.save(ctx, part) }
		if step.states {
			if err := r.withStates(read, step.drifts, save); err != nil {
				return err
			}
			continue
		}
		for part := range slices.Chunk(step.drifts, partRows) {
			if err := save(part); err != nil {
				return err
			}
		}
	}
	return nil
}

// Bounds of a part of the drifts whose states are in memory at once. One drift may be larger than a part.
const (
	partDrifts = 500
	partBytes  = 1 << 20
)

// withStates saves drifts together with the states that the plan shows, a part at a time. Those that the response shows keep
// theirs.
func (r *reconciliation) withStates(p *plan.Plan, drifts []*Drift, save func([]*Drift) error) error {
	for len(drifts) > 0 {
		n, size := 0, 0
		for n < len(drifts) && n < partDrifts && (n == 0 || size < partBytes) {
			d := drifts[n]
			states := p.Unpack(r.changes[d])
			d.take(states)
			size += r.changes[d].Size()
			n++
		}
		if err := save(drifts[:n]); err != nil {
			return err
		}
		for _, d := range drifts[:n] {
			if !r.isShown[d] {
				d.take(plan.States{})
			}
		}
		drifts = drifts[n:]
	}
	return nil
}

// recordFinding adds the audit row and the event of a finding, of a check unless c is nil.
func (w *work) recordFinding(ctx context.Context, f finding, c *Check) {
	metadata := map[string]any{}
	if c != nil {
		metadata["checkId"] = c.ID
	}
	if f.drift.IsSuppressed() {
		metadata["rule"], metadata["until"] = *f.drift.SuppressedBy, f.drift.SuppressedUntil
	}
	if f.from != "" && f.from != f.drift.Status {
		metadata["from"], metadata["to"] = f.from, f.drift.Status
	}
	if f.drift.PreviousID != nil && f.event == event.DriftCreated {
		metadata["previousId"] = *f.drift.PreviousID
	}
	reason := ""
	if f.event == event.DriftResolved {
		reason = f.message
	}
	w.record(ctx, f.event, f.drift, f.message, reason, metadata)
}
