package httpapi

import (
	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/monitor"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

type recordedCheckBody struct {
	ID               uuid.UUID         `json:"id"`
	Workspace        string            `json:"workspace"`
	Status           drift.CheckStatus `json:"status"`
	Stale            bool              `json:"stale"`
	Purpose          monitor.Purpose   `json:"purpose"`
	Counts           event.Counts      `json:"counts"`
	Evidence         *evidenceBody     `json:"evidence"`
	RootMismatch     bool              `json:"rootMismatch"`
	Ref              *string           `json:"ref"`
	Commit           *string           `json:"commit"`
	RunURL           *string           `json:"runUrl"`
	TriggeredBy      *string           `json:"triggeredBy"`
	FailureReason    *string           `json:"failureReason"`
	LeftOut          int               `json:"leftOut"`
	WrapperLines     int               `json:"wrapperLines"`
	FormatVersion    *string           `json:"formatVersion"`
	TerraformVersion *string           `json:"terraformVersion"`
	PlanTimestamp    *rest.Time        `json:"planTimestamp"`
	SentBy           string            `json:"sentBy"`
	TraceID          *string           `json:"traceId"`
	CreatedAt        rest.Time         `json:"createdAt"`
}

func newRecordedCheckBody(c monitor.Check) recordedCheckBody {
	return recordedCheckBody{
		c.ID, c.Workspace, c.Status, c.Stale, c.Purpose, c.Counts, newEvidenceBody(&c), c.RootMismatch,
		optionalText(c.Ref), optionalText(c.Commit), optionalText(c.RunURL), optionalText(c.TriggeredBy), optionalText(c.FailureReason),
		c.LeftOut, c.WrapperLines, optionalText(c.FormatVersion), optionalText(c.TerraformVersion), rest.TimePtr(c.PlanTimestamp),
		c.Actor, optionalText(c.TraceID), rest.Time(c.CreatedAt),
	}
}

// maxShown bounds the reasons and the left-out entries of a check in a response.
const maxShown = 20

type evidenceBody struct {
	Refreshed plan.Refreshed `json:"refreshed"`
	Coverage  plan.Coverage  `json:"coverage"`
	Mode      *string        `json:"mode"`
	Unproven  int            `json:"unproven"`
	Reasons   []string       `json:"reasons"`
}

// newEvidenceBody is nil when the check has none.
func newEvidenceBody(c *monitor.Check) *evidenceBody {
	if c == nil || c.Refreshed == "" {
		return nil
	}
	return &evidenceBody{c.Refreshed, c.Coverage, optionalText(string(c.Mode)), c.Unproven, c.Reasons[:min(len(c.Reasons), maxShown)]}
}

// checkDetailBody is a check, and what could not be read of its plan.
type checkDetailBody struct {
	recordedCheckBody
	LeftOutEntries []leftOutBody `json:"leftOutEntries"`
}

func newCheckDetailBody(c *monitor.Check) checkDetailBody {
	return checkDetailBody{newRecordedCheckBody(*c), bodies(c.LeftOutEntries[:min(len(c.LeftOutEntries), maxShown)], newLeftOutBody)}
}

type leftOutBody struct {
	Path     string  `json:"path"`
	Resource *string `json:"resource"`
	Reason   string  `json:"reason"`
}

func newLeftOutBody(o plan.Omission) leftOutBody {
	return leftOutBody{o.Path, optionalText(o.Resource), o.Reason}
}
