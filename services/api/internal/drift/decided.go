package drift

import (
	"bytes"
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// A decision is about the values at the drift's paths. It stays as long as what is not ignored has these values: also when rules
// begin and end, while the values of ignored paths change.

// DecidedPath is what a decision was about at one path: keyed hashes, as plan.Paths has them.
type DecidedPath struct {
	DriftID   uuid.UUID
	Path      []byte // plan.Path's At
	Hash      []byte // plan.Paths' Mark
	DecidedAt time.Time
}

// DecidedTx keeps what decisions were about.
type DecidedTx interface {
	// SaveDecided adds paths; a path that exists is replaced.
	SaveDecided(ctx context.Context, paths []DecidedPath) error
	// Decided gives the decided paths of these drifts.
	Decided(ctx context.Context, drifts []uuid.UUID) (map[uuid.UUID][]DecidedPath, error)
	// ForgetDecided removes it.
	ForgetDecided(ctx context.Context, drifts []uuid.UUID) error
}

// decided keeps the paths of drifts that are decided about now, all that they have. An earlier decision about them was about others,
// and one that is taken back is about none. Without known paths, of a drift of an earlier version, there is nothing to keep: then only
// its difference as a whole tells.
func (w *work) decided(ctx context.Context, a Action, drifts ...*Drift) error {
	if a != Approve && a != Reject && a != Reopen || len(drifts) == 0 {
		return nil
	}
	if err := w.ForgetDecided(ctx, ids(drifts)); err != nil || a == Reopen {
		return err
	}
	var rows []DecidedPath
	for _, d := range drifts {
		if paths, ok := plan.ReadPaths(d.PathHashes, d.DifferenceMAC); ok {
			rows = append(rows, decidedPaths(d.ID, paths, w.now)...)
		}
	}
	return w.SaveDecided(ctx, rows)
}

func decidedPaths(drift uuid.UUID, paths plan.Paths, at time.Time) []DecidedPath {
	list := make([]DecidedPath, len(paths.List))
	for i, p := range paths.List {
		list[i] = DecidedPath{drift, p.At[:], paths.Mark(p), at}
	}
	return list
}

// leavesDecision says whether a path that is not ignored has other values than those that were decided about. What is not
// known leaves the decision alone.
func (d *Drift) leavesDecision(decided []DecidedPath, paths plan.Paths, ignored func(path string) bool) bool {
	at := d.ApprovedAt
	if d.Status == Rejected {
		at = d.RejectedAt
	}
	hashes := make(map[string][]byte, len(decided))
	isThis := false
	for _, p := range decided {
		if !paths.Marked(p.Hash) {
			return false
		}
		hashes[string(p.Path)] = p.Hash
		isThis = isThis || at != nil && p.DecidedAt.Equal(*at)
	}
	if !isThis {
		return false
	}
	for _, p := range paths.List {
		if !ignored(p.Name) && !bytes.Equal(hashes[string(p.At[:])], paths.Mark(p)) {
			return true
		}
	}
	return false
}

// rekeyDecided hashes what decisions were about with the present key, where the plan shows the difference that is stored, whose paths
// were hashed with the one before. A path that has other values by now was decided with values that are not known any more.
func (w *work) rekeyDecided(ctx context.Context, r *reconciliation, read *plan.Plan) error {
	var old []*Drift
	for _, d := range r.upgraded {
		if stored := r.stored(d); d.isSettled() && len(stored.Paths) > 0 && !bytes.HasPrefix(d.DifferenceMAC, plan.KeyOf(stored.Paths)) {
			old = append(old, d)
		}
	}
	if len(old) == 0 {
		return nil
	}
	about, err := w.Decided(ctx, ids(old))
	if err != nil {
		return err
	}
	var rows []DecidedPath
	for _, d := range old {
		stored, _ := plan.ReadPaths(r.stored(d).Paths, r.stored(d).Hash)
		rows = append(rows, rekeyed(d.ID, about[d.ID], stored, pathsOf(read, r.changes[d]))...)
	}
	if err := w.ForgetDecided(ctx, ids(old)); err != nil {
		return err
	}
	return w.SaveDecided(ctx, rows)
}

// rekeyed are the rows whose values the stored paths still have, with the hashes of the present paths, which have the same names.
func rekeyed(drift uuid.UUID, about []DecidedPath, stored, present plan.Paths) (rows []DecidedPath) {
	decided := make(map[string]DecidedPath, len(about))
	for _, row := range about {
		decided[string(row.Path)] = row
	}
	at := make(map[string]time.Time, len(stored.List))
	for _, p := range stored.List {
		if row, ok := decided[string(p.At[:])]; ok && bytes.Equal(row.Hash, stored.Mark(p)) {
			at[p.Name] = row.DecidedAt
		}
	}
	for _, p := range present.List {
		if when, ok := at[p.Name]; ok {
			rows = append(rows, DecidedPath{drift, p.At[:], present.Mark(p), when})
		}
	}
	return rows
}
