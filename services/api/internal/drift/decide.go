package drift

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/legible"
	"github.com/driftsentry/driftsentry/pkg/redact"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// Bounds of a reason, in characters.
const (
	minReason = 10
	maxReason = 1000
)

// Bounds of how long an approval may hold.
const (
	minHold = time.Minute
	maxHold = 5 * 366 * 24 * time.Hour
)

// Decision is what a user decides about a drift, or about many.
type Decision struct {
	Action Action
	Reason string     // in the user's words; for Resolve it is how
	Until  *time.Time // when an approval ends; nil when it does not
}

// Triage takes note of a drift. version is the one that the caller has seen; zero means any.
func (s *Service) Triage(ctx context.Context, p identity.Principal, id uuid.UUID, version int) (*Drift, error) {
	return s.Decide(ctx, p, id, version, Decision{Action: Triage})
}

// Approve accepts a drift: the actual state is fine, and the code should follow.
func (s *Service) Approve(ctx context.Context, p identity.Principal, id uuid.UUID, reason string, version int) (*Drift, error) {
	return s.Decide(ctx, p, id, version, Decision{Action: Approve, Reason: reason})
}

// Reject demands that a drift is reverted: the expected state is right.
func (s *Service) Reject(ctx context.Context, p identity.Principal, id uuid.UUID, reason string, version int) (*Drift, error) {
	return s.Decide(ctx, p, id, version, Decision{Action: Reject, Reason: reason})
}

// Resolve closes a drift.
func (s *Service) Resolve(ctx context.Context, p identity.Principal, id uuid.UUID, how ResolvedHow, version int) (*Drift, error) {
	return s.Decide(ctx, p, id, version, Decision{Action: Resolve, Reason: string(how)})
}

// checked is the decision with its reason masked, or what is wrong with it.
func (what Decision) checked(now time.Time) (Decision, error) {
	switch what.Action { //nolint:exhaustive // The others have a reason in words.
	case Triage:
		return what, nil
	case Resolve:
		if !slices.Contains(waysToResolve, ResolvedHow(what.Reason)) {
			return what, apierror.InvalidField("resolvedHow", "must be one of auto-remediate, manual-fix, acknowledged")
		}
		return what, nil
	}
	if what.Until != nil {
		if what.Until.Before(now.Add(minHold)) || what.Until.After(now.Add(maxHold)) {
			return what, apierror.InvalidField("until", "must be from one minute to five years ahead")
		}
		what.Until = new(what.Until.UTC().Truncate(time.Microsecond)) // As it is stored.
	}
	var err error
	what.Reason, err = checkReason(what.Reason)
	return what, err
}

func checkReason(reason string) (string, error) {
	reason = strings.TrimSpace(reason)
	if n := utf8.RuneCountInString(reason); n < minReason || n > maxReason {
		return "", apierror.InvalidField("reason", "must have %d to %d characters", minReason, maxReason)
	}
	if problem := legible.Text(reason); problem != "" {
		return "", apierror.InvalidField("reason", "%s", problem)
	}
	// People paste what they should not. The mask may be longer than what it stands for.
	return firstRunes(redact.Text(reason), maxReason), nil
}

// firstRunes is a text, or as many of its characters.
func firstRunes(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most])
	}
	return text
}

// DecisionTx changes one drift.
type DecisionTx interface {
	// LockDrift is one drift, and how many of its alerts are unread, which are locked too. apierror.NotFound when there is
	// none.
	LockDrift(ctx context.Context, account, id uuid.UUID) (d *Drift, unread int, err error)
	// SaveDecision writes what the decision changed; markAlerts settles the drift's alerts: they are read for all.
	SaveDecision(ctx context.Context, d *Drift, markAlerts bool, by *string) error
	DecidedTx
}

// Decide makes one change of one drift's status. version is the one that the caller has seen; zero means any. Of two people who
// decide at once, the second waits for the row's lock and then finds a status, or a version, that does not allow it.
func (s *Service) Decide(ctx context.Context, p identity.Principal, id uuid.UUID, version int, what Decision) (*Drift, error) {
	what, err := what.checked(now())
	if err != nil {
		return nil, err
	}
	trace.SpanFromContext(ctx).SetAttributes(attribute.String("driftsentry.drift.id", id.String()))
	var d *Drift
	err = s.inTx(ctx, p, "drift."+string(what.Action), func(ctx context.Context, w *work) (err error) {
		var alerts int
		if d, alerts, err = w.LockDrift(ctx, p.AccountID, id); err != nil {
			return err
		}
		w.locked()
		if err := w.decideOn(ctx, d, version, what); err != nil {
			return err
		}
		// LockDrift locks the alerts in any case, so that all decisions share one query.
		markAlerts := alerts > 0 && what.settles()
		if err := w.SaveDecision(ctx, d, markAlerts, w.email); err != nil {
			return err
		}
		if err := w.decided(ctx, what.Action, d); err != nil {
			return err
		}
		if markAlerts {
			w.alertsRead(&d.ID, alerts, nil)
		}
		return w.alertReopened(ctx, []*Drift{d}, what.Action)
	})
	if err != nil {
		return nil, err
	}
	s.instruments.decision(ctx, d.Status, 1)
	s.log.LogAttrs(ctx, slog.LevelInfo, "drift "+string(d.Status), //nolint:sloglint // One of five statuses.
		slog.String("driftId", id.String()))
	return d, nil
}

// decideOn changes a drift that is locked, with its audit row and its event, or says why the decision does not fit it.
func (w *work) decideOn(ctx context.Context, d *Drift, version int, what Decision) error {
	from := d.Status
	if err := d.check(what.Action); err != nil {
		return err
	}
	if err := d.checkVersion(version); err != nil {
		return err
	}
	what.apply(d, w)
	metadata := map[string]any{"from": from, "to": d.Status}
	if what.Until != nil {
		metadata["until"] = what.Until
	}
	w.record(ctx, transitions[what.Action].event, d, what.Reason, what.Reason, metadata)
	return nil
}

// settles reports whether the drift needs no more attention, so that its alerts are read.
func (what Decision) settles() bool { return what.Action != Triage && what.Action != Reopen }

// apply changes the drift, and writes on it who decided and why.
func (what Decision) apply(d *Drift, w *work) {
	switch what.Action {
	case Approve:
		d.ApprovedAt, d.ApprovedBy, d.ApprovalReason, d.ApprovedUntil = &w.now, w.email, &what.Reason, what.Until
	case Reject:
		d.RejectedAt, d.RejectedBy, d.RejectionReason = &w.now, w.email, &what.Reason
	case Resolve:
		d.resolve(ResolvedHow(what.Reason), ByDecision, w.now)
		return
	case Reopen:
		d.reopen(w.now)
		return
	case Triage:
	}
	d.apply(what.Action, w.now)
}

// alertReopened raises alerts about critical drifts that are open for decisions again, as about new ones.
func (w *work) alertReopened(ctx context.Context, drifts []*Drift, a Action) error {
	if a != Reopen {
		return nil
	}
	critical := make(map[string][]*Drift)
	for _, d := range drifts {
		if d.needsEyes() {
			critical[d.Workspace] = append(critical[d.Workspace], d)
		}
	}
	var alerts []Alert
	for _, workspace := range slices.Sorted(maps.Keys(critical)) {
		alerts = append(alerts, alertsFor(workspace, critical[workspace], w.now)...)
	}
	return w.raise(ctx, alerts)
}

// resolve ends an open drift.
func (d *Drift) resolve(how ResolvedHow, basis ResolvedBasis, now time.Time) {
	d.apply(Resolve, now)
	d.ResolvedAt, d.ResolvedHow, d.ResolvedBasis = &now, &how, &basis
}
