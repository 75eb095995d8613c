package drift

import (
	"context"
	"log/slog"
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

// Triage takes note of a drift. version is the one that the caller has seen; zero means any.
func (s *Service) Triage(ctx context.Context, p identity.Principal, id uuid.UUID, version int) (*Drift, error) {
	return s.decide(ctx, p, id, version, decision{action: Triage})
}

// Approve accepts a drift: the actual state is fine, and the code should follow.
func (s *Service) Approve(ctx context.Context, p identity.Principal, id uuid.UUID, reason string, version int) (*Drift, error) {
	reason, err := checkReason(reason)
	if err != nil {
		return nil, err
	}
	return s.decide(ctx, p, id, version, decision{action: Approve, reason: reason})
}

// Reject demands that a drift is reverted: the expected state is right.
func (s *Service) Reject(ctx context.Context, p identity.Principal, id uuid.UUID, reason string, version int) (*Drift, error) {
	reason, err := checkReason(reason)
	if err != nil {
		return nil, err
	}
	return s.decide(ctx, p, id, version, decision{action: Reject, reason: reason})
}

// Resolve closes a drift.
func (s *Service) Resolve(ctx context.Context, p identity.Principal, id uuid.UUID, how ResolvedHow, version int) (*Drift, error) {
	if !slices.Contains(waysToResolve, how) {
		return nil, apierror.InvalidField("resolvedHow", "must be one of auto-remediate, manual-fix, acknowledged")
	}
	return s.decide(ctx, p, id, version, decision{action: Resolve, reason: string(how)})
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

// decision is what a user decided. The reason is in their words, or says how a drift was resolved.
type decision struct {
	action Action
	reason string
}

// decide makes one change of one drift's status. Of two people who decide at once, the second waits for the row's lock
// and then finds a status, or a version, that does not allow it.
func (s *Service) decide(ctx context.Context, p identity.Principal, id uuid.UUID, version int, what decision) (*Drift, error) {
	trace.SpanFromContext(ctx).SetAttributes(attribute.String("driftsentry.drift.id", id.String()))
	var d *Drift
	err := s.inTx(ctx, p, "drift."+string(what.action), func(ctx context.Context, w *work) (err error) {
		var alerts int
		if d, alerts, err = w.LockDrift(ctx, p.AccountID, id); err != nil {
			return err
		}
		w.locked()
		from := d.Status
		if err := d.check(what.action); err != nil {
			return err
		}
		if version != 0 && version != d.Version {
			return apierror.Newf(apierror.Conflict, "the drift has changed: its version is %d, not %d", d.Version, version)
		}
		what.apply(d, w)
		// Triage leaves the alerts unread. LockDrift locks them anyway, so that all decisions share one query.
		markAlerts := alerts > 0 && what.action != Triage
		if err := w.SaveDecision(ctx, d, markAlerts, w.email); err != nil {
			return err
		}
		if what.action == Approve || what.action == Reject {
			if err := w.decided(ctx, d); err != nil {
				return err
			}
		}
		w.record(ctx, transitions[what.action].event, d, what.reason, what.reason, map[string]any{"from": from, "to": d.Status})
		if markAlerts {
			w.alertsRead(&d.ID, alerts, nil)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.instruments.decision(ctx, d.Status)
	s.log.LogAttrs(ctx, slog.LevelInfo, "drift "+string(d.Status), //nolint:sloglint // One of five statuses.
		slog.String("driftId", id.String()))
	return d, nil
}

// apply changes the drift, and writes on it who decided and why.
func (what decision) apply(d *Drift, w *work) {
	switch what.action { //nolint:exhaustive // The others leave nothing on the drift but the status.
	case Approve:
		d.ApprovedAt, d.ApprovedBy, d.ApprovalReason = &w.now, w.email, &what.reason
	case Reject:
		d.RejectedAt, d.RejectedBy, d.RejectionReason = &w.now, w.email, &what.reason
	case Resolve:
		d.resolve(ResolvedHow(what.reason), ByDecision, w.now)
		return
	}
	d.apply(what.action, w.now)
}

// resolve ends an open drift.
func (d *Drift) resolve(how ResolvedHow, basis ResolvedBasis, now time.Time) {
	d.apply(Resolve, now)
	d.ResolvedAt, d.ResolvedHow, d.ResolvedBasis = &now, &how, &basis
}
