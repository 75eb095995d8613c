package httpapi

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// checkBody is a check. What is below createdAt is not in the responses that earlier versions stored.
type checkBody struct {
	ID               uuid.UUID         `json:"id"`
	Workspace        string            `json:"workspace"`
	Status           drift.CheckStatus `json:"status"`
	Stale            bool              `json:"stale"`
	Counts           event.Counts      `json:"counts"`
	TerraformVersion *string           `json:"terraformVersion"`
	PlanTimestamp    *rest.Time        `json:"planTimestamp"`
	CreatedAt        rest.Time         `json:"createdAt"`

	Evidence      *evidenceBody `json:"evidence"`
	RootMismatch  bool          `json:"rootMismatch"`
	Purpose       drift.Purpose `json:"purpose"`
	Ref           *string       `json:"ref"`
	Commit        *string       `json:"commit"`
	RunURL        *string       `json:"runUrl"`
	TriggeredBy   *string       `json:"triggeredBy"`
	FailureReason *string       `json:"failureReason"`
	LeftOut       leftOutBody   `json:"leftOut"`
	WrapperLines  int           `json:"wrapperLines"`
}

// failureBody is the response to a report that a run failed.
type failureBody struct {
	Check checkBody `json:"check"`
}

type evidenceBody struct {
	Refreshed plan.Refreshed `json:"refreshed"`
	Coverage  plan.Coverage  `json:"coverage"`
	Mode      *string        `json:"mode"`
	Unproven  int            `json:"unproven"`
	Reasons   []string       `json:"reasons"`
}

type leftOutBody struct {
	Count   int            `json:"count"`
	Entries []omissionBody `json:"entries"`
}

type omissionBody struct {
	Path     string `json:"path"`
	Resource string `json:"resource"`
	Reason   string `json:"reason"`
}

func newCheckBody(c *drift.Check) checkBody {
	return checkBody{
		ID: c.ID, Workspace: c.Workspace, Status: c.Status, Stale: c.Stale, Counts: c.Counts,
		TerraformVersion: optionalText(c.TerraformVersion), PlanTimestamp: rest.TimePtr(c.PlanTimestamp), CreatedAt: rest.Time(c.CreatedAt),
		Evidence: newEvidenceBody(&c.Evidence), RootMismatch: c.RootMismatch, Purpose: c.Purpose,
		Ref: optionalText(c.Source.Ref), Commit: optionalText(c.Source.Commit), RunURL: optionalText(c.Source.RunURL),
		TriggeredBy: optionalText(c.Source.TriggeredBy), FailureReason: optionalText(c.FailureReason),
		LeftOut: leftOutBody{c.LeftOut.Count, bodies(firstOf(c.LeftOut.Entries), func(o plan.Omission) omissionBody { return omissionBody(o) })}, WrapperLines: c.WrapperLines,
	}
}

// newEvidenceBody is null in JSON for a check of a version that kept none.
func newEvidenceBody(e *drift.Evidence) *evidenceBody {
	if e.Refreshed == "" {
		return nil
	}
	return &evidenceBody{e.Refreshed, e.Coverage, optionalText(string(e.Mode)), e.Unproven, append([]string{}, firstOf(e.Reasons)...)}
}

// firstOf bounds a list of texts about a check.
func firstOf[T any](list []T) []T { return list[:min(len(list), 20)] }

// recordedCheckBody is a check as it is kept.
type recordedCheckBody struct {
	checkBody
	FormatVersion *string `json:"formatVersion"`
	SentBy        string  `json:"sentBy"`
	TraceID       *string `json:"traceId"`
}

func newRecordedCheckBody(c drift.Check) recordedCheckBody {
	return recordedCheckBody{newCheckBody(&c), optionalText(c.FormatVersion), c.Actor, optionalText(c.TraceID)}
}

// remainingBody is what is open in a workspace after a check.
type remainingBody struct {
	Unsettled  openBody `json:"unsettled"`
	Approved   int      `json:"approved"`
	Suppressed int      `json:"suppressed"`
}

func newRemainingBody(r *drift.Remaining) remainingBody {
	return remainingBody{openBody{r.Unsettled[plan.Critical], r.Unsettled[plan.Warning], r.Unsettled[plan.Info]}, r.Approved, r.Suppressed}
}

// encodeIngested is the data of the response to an upload. It is stored, and given again in the envelope of the day: what
// stands in it must stay valid.
func encodeIngested(i *drift.Ingested) ([]byte, error) {
	check, err := json.Marshal(newCheckBody(i.Check))
	if err != nil {
		return nil, fmt.Errorf("encode the check: %w", err)
	}
	open, err := json.Marshal(newRemainingBody(i.Remaining))
	if err != nil {
		return nil, fmt.Errorf("encode what is open: %w", err)
	}
	b := slices.Concat([]byte(`{"check":`), check, []byte(`,"open":`), open, []byte(`,"drifts":`))
	return append(appendDrifts(b, i.Drifts), '}'), nil
}
