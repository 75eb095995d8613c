package drift

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/redact"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// Attribution is who changed the resource, as a log of the provider says it.
type Attribution struct {
	By     string    // a person, a role or a program
	At     time.Time // of the change
	Source string    // who says so, such as cloudtrail
	URL    string    // where people look at it, http or https; empty when there is no such place
}

// AttributionTx writes who changed a resource.
type AttributionTx interface {
	SaveAttribution(ctx context.Context, d *Drift, a Attribution) error
}

// Bounds of an attribution, in characters. The edge checks the URL.
const (
	maxAttributedTo      = 320
	maxAttributionSource = 64
)

// Attribute notes on a drift who changed the resource. A later one replaces it; the timeline keeps all.
func (s *Service) Attribute(ctx context.Context, p identity.Principal, id uuid.UUID, a Attribution) (*Attribution, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	a.By, a.Source, a.URL = firstRunes(redact.Text(a.By), maxAttributedTo), firstRunes(redact.Text(a.Source), maxAttributionSource), redact.Text(a.URL)
	a.At = a.At.UTC().Truncate(time.Microsecond)
	err := s.inTx(ctx, p, "drift.attribute", func(ctx context.Context, w *work) error {
		d, _, err := w.LockDrift(ctx, p.AccountID, id)
		if err != nil {
			return err
		}
		if err := p.MayUse(d.Workspace); err != nil {
			return err
		}
		w.locked()
		d.changed(w.now)
		metadata := map[string]any{"changedBy": a.By, "changedAt": a.At, "source": a.Source}
		if a.URL != "" {
			metadata["url"] = a.URL
		}
		w.record(ctx, event.DriftUpdated, d, "changed by "+a.By+", says "+a.Source, "", metadata)
		return w.SaveAttribution(ctx, d, a)
	})
	return &a, err
}

func (a *Attribution) check() error {
	var fields []apierror.Field
	refuse := func(name, message string) { fields = append(fields, apierror.Field{Field: name, Message: message}) }
	if problem := checkLine(a.By, maxAttributedTo); problem != "" {
		refuse("changedBy", problem)
	}
	if problem := checkLine(a.Source, maxAttributionSource); problem != "" {
		refuse("source", problem)
	}
	if a.At.Year() < 2000 || a.At.After(now().Add(maxSkew)) {
		refuse("changedAt", "must be a time from the year 2000 to now")
	}
	if len(fields) > 0 {
		return apierror.InvalidFields(fields...)
	}
	return nil
}
