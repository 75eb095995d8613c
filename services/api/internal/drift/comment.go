package drift

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/legible"
	"github.com/driftsentry/driftsentry/pkg/redact"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// maxComment is in characters.
const maxComment = 2000

// Comment is what a user says about a drift. It is a row of the audit trail, so that it never changes.
type Comment struct {
	ID   uuid.UUID // of that row
	Text string
}

// Comment adds a comment to a drift's timeline. The drift stays as it is, with its version.
func (s *Service) Comment(ctx context.Context, p identity.Principal, id uuid.UUID, text string) (*Comment, error) {
	text = strings.TrimSpace(text)
	if n := utf8.RuneCountInString(text); n < 1 || n > maxComment {
		return nil, apierror.InvalidField("text", "must have 1 to %d characters", maxComment)
	}
	if problem := legible.Text(text); problem != "" {
		return nil, apierror.InvalidField("text", "%s", problem)
	}
	text = firstRunes(redact.Text(text), maxComment)
	var made *Comment
	err := s.inTx(ctx, p, "drift.comment", func(ctx context.Context, w *work) error {
		d, _, err := w.LockDrift(ctx, p.AccountID, id)
		if err != nil {
			return err
		}
		w.audit(ctx, event.DriftCommented, &d.ID, d.ResourceID, text, nil)
		w.driftChanged(event.DriftCommented, d, "", text)
		made = &Comment{w.rows[len(w.rows)-1].ID, text}
		return nil
	})
	return made, err
}
