package drift

import (
	"context"
	"log/slog"
	"slices"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// MaxBulk is how many drifts one request decides about.
const MaxBulk = 500

// Selection says which drifts a decision is about: those that are named, or those that pass a filter.
type Selection struct {
	IDs []uuid.UUID
	// Versions are those that the caller has seen of the named drifts; of one that is not in it, any will do.
	Versions map[uuid.UUID]int
	// Filter, unless nil, must fit just Expected drifts.
	Filter   *Filter
	Expected int
}

// Outcome is what a decision did to one drift.
type Outcome struct {
	ID    uuid.UUID
	Drift *Drift // as it is now, without its states and its difference; nil when there is none
	Err   error  // an apierror.Error: why the decision does not fit this drift; nil when it was done
}

// BulkTx changes many drifts.
type BulkTx interface {
	// LockDrifts are at most limit of the drifts with these ids or, if filter is not nil, of those that pass it, in the order of
	// their ids, without their states, but with the hashes of their paths.
	LockDrifts(ctx context.Context, account uuid.UUID, ids []uuid.UUID, filter *Filter, limit int) ([]*Drift, error)
}

// DecideMany decides about many drifts in one transaction. A drift that the decision does not fit has its error and stays as it is;
// the others are decided. If the filter does not fit as many drifts as the caller has seen, nothing is.
func (s *Service) DecideMany(ctx context.Context, p identity.Principal, which Selection, what Decision) ([]Outcome, error) {
	what, err := what.checked(now())
	if err != nil {
		return nil, err
	}
	if err := which.check(); err != nil {
		return nil, err
	}
	var outcomes []Outcome
	var decided []*Drift
	err = s.inTx(ctx, p, "drift.bulk", func(ctx context.Context, w *work) error {
		outcomes, decided = nil, nil
		drifts, err := w.LockDrifts(ctx, p.AccountID, which.IDs, which.Filter, which.limit())
		if err != nil {
			return err
		}
		if which.Filter != nil {
			if err := which.counted(len(drifts)); err != nil {
				return err
			}
		}
		w.locked()
		outcomes = which.missing(drifts)
		for _, d := range drifts {
			err := w.decideOn(ctx, d, which.Versions[d.ID], what)
			if err == nil {
				decided = append(decided, d)
			}
			outcomes = append(outcomes, Outcome{d.ID, d, err})
		}
		return w.saveDecided(ctx, decided, what)
	})
	if err != nil {
		return nil, err
	}
	trace.SpanFromContext(ctx).SetAttributes(attribute.Int("driftsentry.drifts.decided", len(decided)))
	if len(decided) > 0 {
		s.instruments.decision(ctx, transitions[what.Action].to, int64(len(decided)))
	}
	s.log.LogAttrs(ctx, slog.LevelInfo, "drifts decided", slog.String("action", string(what.Action)),
		slog.Int("decided", len(decided)), slog.Int("selected", len(outcomes)))
	return outcomes, nil
}

// saveDecided writes drifts that were decided about, and settles or raises their alerts.
func (w *work) saveDecided(ctx context.Context, decided []*Drift, what Decision) error {
	for part := range slices.Chunk(decided, partRows) {
		if err := w.SaveDecisions(ctx, part); err != nil {
			return err
		}
	}
	if err := w.decided(ctx, what.Action, decided...); err != nil {
		return err
	}
	if what.settles() {
		if err := w.settleAlerts(ctx, decided, w.email); err != nil {
			return err
		}
	}
	return w.alertReopened(ctx, decided, what.Action)
}

func (which *Selection) check() error {
	switch {
	case (which.Filter == nil) == (len(which.IDs) == 0):
		return apierror.InvalidField("ids", "send either ids, or filter with expectedCount")
	case which.Filter == nil && len(which.IDs) > MaxBulk:
		return apierror.InvalidField("ids", "must have at most %d ids", MaxBulk)
	case which.Filter != nil && (which.Expected < 1 || which.Expected > MaxBulk):
		return apierror.InvalidField("expectedCount", "must be from 1 to %d: the total of a list with this filter", MaxBulk)
	}
	seen := make(map[uuid.UUID]bool, len(which.IDs))
	for _, id := range which.IDs {
		if seen[id] {
			return apierror.InvalidField("ids", "must have each id once")
		}
		seen[id] = true
	}
	for id, version := range which.Versions {
		if !seen[id] || version < 1 {
			return apierror.InvalidField("versions", "must have ids that are in ids, with versions from 1")
		}
	}
	return nil
}

// limit is one more than what a filter may fit: then the filter fits more.
func (which *Selection) limit() int {
	if which.Filter != nil {
		return which.Expected + 1
	}
	return len(which.IDs)
}

func (which *Selection) counted(n int) error {
	switch {
	case n > which.Expected:
		return apierror.Newf(apierror.Conflict, "the filter fits more than the expected %d drifts: list them again", which.Expected)
	case n < which.Expected:
		return apierror.Newf(apierror.Conflict, "the filter fits %d drifts, not the expected %d: list them again", n, which.Expected)
	}
	return nil
}

// missing are the outcomes of the named drifts that are not there.
func (which *Selection) missing(found []*Drift) []Outcome {
	isThere := make(map[uuid.UUID]bool, len(found))
	for _, d := range found {
		isThere[d.ID] = true
	}
	outcomes := make([]Outcome, 0, len(which.IDs))
	for _, id := range which.IDs {
		if !isThere[id] {
			outcomes = append(outcomes, Outcome{ID: id, Err: apierror.New(apierror.NotFound, "there is no such drift")})
		}
	}
	return outcomes
}
