package httpapi

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

type checkBody struct {
	ID               uuid.UUID         `json:"id"`
	Workspace        string            `json:"workspace"`
	Status           drift.CheckStatus `json:"status"`
	Stale            bool              `json:"stale"`
	Counts           event.Counts      `json:"counts"`
	TerraformVersion *string           `json:"terraformVersion"`
	PlanTimestamp    *rest.Time        `json:"planTimestamp"`
	CreatedAt        rest.Time         `json:"createdAt"`
}

// encodeIngested is the data of the response to an upload. It is stored, and given again in the envelope of the day: what
// stands in it must stay valid.
func encodeIngested(i *drift.Ingested) ([]byte, error) {
	c := i.Check
	check, err := json.Marshal(checkBody{
		c.ID, c.Workspace, c.Status, c.Stale, c.Counts, optionalText(c.TerraformVersion), rest.TimePtr(c.PlanTimestamp), rest.Time(c.CreatedAt),
	})
	if err != nil {
		return nil, fmt.Errorf("encode the check: %w", err)
	}
	b := append(append([]byte(`{"check":`), check...), `,"drifts":`...)
	return append(appendDrifts(b, i.Drifts), '}'), nil
}
