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
	// SaveDecided adds paths; a path that is there already is replaced.
	SaveDecided(ctx context.Context, paths []DecidedPath) error
	// Decided gives what is kept of these drifts.
	Decided(ctx context.Context, drifts []uuid.UUID) (map[uuid.UUID][]DecidedPath, error)
	// ForgetDecided removes it.
	ForgetDecided(ctx context.Context, drifts []uuid.UUID) error
}

// decided keeps the paths of a drift that is decided about now, all that it has. An earlier decision about it was about others.
// Without known paths, of a drift of an earlier version, there is nothing to keep: then only its difference as a whole tells.
func (w *work) decided(ctx context.Context, d *Drift) error {
	if err := w.ForgetDecided(ctx, []uuid.UUID{d.ID}); err != nil {
		return err
	}
	paths, ok := plan.ReadPaths(d.PathHashes, d.DifferenceMAC)
	if !ok {
		return nil
	}
	return w.SaveDecided(ctx, decidedPaths(d.ID, paths, w.now))
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
