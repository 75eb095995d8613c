package drift

import (
	"context"
	"unicode/utf8"

	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/legible"
	"github.com/driftsentry/driftsentry/pkg/redact"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// Failure is a run that gave no plan.
type Failure struct {
	Workspace string
	Reason    string // why, for people
	Purpose   Purpose
	Source    Source
}

// maxFailureReason is in characters.
const maxFailureReason = 1000

// Fail records a run that gave no plan as a failed check. The workspace must be there: a plan creates it, a failure does not.
func (s *Service) Fail(ctx context.Context, p identity.Principal, f Failure) (*Check, error) {
	if n := utf8.RuneCountInString(f.Reason); n < 1 || n > maxFailureReason {
		return nil, apierror.InvalidField("reason", "must have 1 to %d characters", maxFailureReason)
	}
	if legible.Blank(f.Reason) {
		return nil, apierror.InvalidField("reason", "must not be blank")
	}
	return s.fail(ctx, p, f, false)
}

// Refuse records an upload that was refused as a failed check, so that a workspace whose plans cannot be read does not stay
// as it was. For a workspace that is not there, and for a preview, it does nothing.
func (s *Service) Refuse(ctx context.Context, p identity.Principal, f Failure) error {
	_, err := s.fail(ctx, p, f, true)
	if apierror.Is(err, apierror.NotFound) {
		return nil
	}
	return err
}

// fail records a failed check; refused says that an upload was refused, which counts for nothing in a preview.
func (s *Service) fail(ctx context.Context, p identity.Principal, f Failure, refused bool) (*Check, error) {
	if err := p.MayUse(f.Workspace); err != nil {
		return nil, err
	}
	f.Source = f.Source.masked()
	trace.SpanFromContext(ctx).SetAttributes(f.Source.attributes()...)
	// People paste what they should not, such as a log with colours.
	f.Reason = firstRunes(legible.EscapeText(redact.Text(f.Reason)), maxFailureReason)
	var check *Check
	err := s.inTx(ctx, p, "check.fail", func(ctx context.Context, w *work) error {
		check = nil
		workspace, err := w.LockKnownWorkspace(ctx, w.account, f.Workspace)
		if apierror.Is(err, apierror.NotFound) {
			return apierror.Newf(apierror.NotFound, "the failure is not recorded: there is no workspace %q yet, and a failed run makes none, because its name may be "+
				"wrong. Check the name; if it is right, mend the run: its first plan creates the workspace, and failures after that are recorded", f.Workspace)
		}
		if err != nil {
			return err
		}
		w.locked()
		isPreview := workspace.isPreview(f.Purpose, f.Source)
		if refused && isPreview {
			return nil
		}
		check = newCheck(ctx, w, p, f.Workspace, workspace, f.Source)
		check.Status, check.FailureReason = CheckErrored, f.Reason
		check.BodyHash, check.Response = []byte{}, []byte("null") // There was no plan, so it cannot be sent again.
		check.Evidence = Evidence{Refreshed: plan.RefreshNo, Coverage: plan.CoverageUnknown, Reasons: []string{reasonNoPlan}}
		if check.Evidence.Unproven, err = w.CountOpenDrifts(ctx, w.account, f.Workspace); err != nil {
			return err
		}
		if isPreview {
			check.Purpose = Preview
		} else if err := w.noteFailure(ctx, check, workspace); err != nil {
			return err
		}
		if err := w.InsertCheck(ctx, check); err != nil {
			return err
		}
		w.completed(ctx, check)
		return nil
	})
	if err != nil || check == nil {
		return nil, err
	}
	s.instruments.checked(ctx, check)
	s.logCheck(ctx, f.Workspace, check)
	return check, nil
}

// noteFailure writes a failed check on its workspace, and raises the one alert of a streak.
func (w *work) noteFailure(ctx context.Context, c *Check, workspace *WorkspaceState) error {
	if workspace.note(c, w.now) {
		if err := w.raise(ctx, []Alert{failedCheckAlert(c.Workspace, c.FailureReason, w.now)}); err != nil {
			return err
		}
	}
	return w.saveChecked(ctx, workspace, c.Workspace)
}
