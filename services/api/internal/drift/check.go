package drift

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
)

// CheckStatus is what one look at a workspace said.
type CheckStatus string

// The statuses of a check.
const (
	CheckOK      CheckStatus = "ok"
	CheckDrifted CheckStatus = "drifted" // something that plans found is open
	CheckErrored CheckStatus = "failed"  // the plan says that it errored
)

// Check is one look at a workspace.
type Check struct {
	ID               uuid.UUID    `json:"id"`
	Workspace        string       `json:"workspace"`
	Status           CheckStatus  `json:"status"`
	Stale            bool         `json:"stale"` // older than the last one: it changed nothing
	Counts           event.Counts `json:"counts"`
	TerraformVersion *string      `json:"terraformVersion"`
	PlanTimestamp    *event.Time  `json:"planTimestamp"`
	CreatedAt        event.Time   `json:"createdAt"`

	AccountID     uuid.UUID `json:"-"`
	WorkspaceID   uuid.UUID `json:"-"`
	FormatVersion string    `json:"-"`
	Actor         string    `json:"-"`
	TraceID       *string   `json:"-"`
	BodyHash      []byte    `json:"-"` // of the plan and the options it came with
	Answer        []byte    `json:"-"` // what the uploader was told
}

// WorkspaceState is what a check needs to know, and to write, about its workspace.
type WorkspaceState struct {
	ID                uuid.UUID
	LastPlanTimestamp *time.Time // the newest plan's own
	LastCheckID       *uuid.UUID
	LastCheckAt       *time.Time
	LastCheckStatus   *CheckStatus
}

// answer is the data that the uploader is answered with.
func (c *Check) answer(drifts []*Drift) ([]byte, error) {
	check, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode the check: %w", err)
	}
	b := append(append([]byte(`{"check":`), check...), `,"drifts":[`...)
	for i, d := range drifts {
		if i > 0 {
			b = append(b, ',')
		}
		b = d.AppendJSON(b)
	}
	return append(b, "]}"...), nil
}
