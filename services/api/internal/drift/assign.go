package drift

import (
	"context"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// AssignTx changes whose a drift is.
type AssignTx interface {
	// SaveOwner writes the drift's owner, and who set it.
	SaveOwner(ctx context.Context, d *Drift) error
}

// Assign changes the owner of a drift, a team or a person; nil removes it. version is as for a decision. A change to what it is
// already leaves no trace.
func (s *Service) Assign(ctx context.Context, p identity.Principal, id uuid.UUID, owner *string, version int) (*Drift, error) {
	if owner != nil {
		if problem := checkLine(*owner, maxOwner); problem != "" {
			return nil, apierror.InvalidField("owner", "%s", problem+"; null removes it")
		}
	}
	owner = masked(owner, maxOwner)
	var d *Drift
	err := s.inTx(ctx, p, "drift.assign", func(ctx context.Context, w *work) (err error) {
		if owner == nil { // Then rules may give it one. What asks for them locks before the drift.
			if err := w.RequestRules(ctx, p.AccountID); err != nil {
				return err
			}
		}
		if d, _, err = w.LockDrift(ctx, p.AccountID, id); err != nil {
			return err
		}
		w.locked()
		if err := d.checkVersion(version); err != nil {
			return err
		}
		if same(d.Owner, owner) {
			return nil
		}
		message, by := "has no owner", (*string)(nil)
		if owner != nil {
			message, by = "is owned by "+*owner, w.email
		}
		from := d.Owner
		d.Owner, d.OwnerBy = owner, by
		d.changed(w.now)
		w.record(ctx, event.DriftAssigned, d, message, "", map[string]any{"from": from, "to": owner})
		return w.SaveOwner(ctx, d)
	})
	if err != nil {
		return nil, err
	}
	if owner == nil {
		s.wakeRules()
	}
	return d, nil
}
