package httpapi

import (
	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/rule"
)

// matchBody is what a rule matches. Absent lists are empty.
type matchBody struct {
	Workspaces []string `json:"workspaces"`
	Addresses  []string `json:"addresses"`
	Types      []string `json:"types"`
	Providers  []string `json:"providers"`
	Paths      []string `json:"paths"`
	Origins    []string `json:"origins"`
	NoOp       bool     `json:"plannedNoOp"`
}

func (b matchBody) match() rule.Match { return rule.Match(b) }

type ruleBody struct {
	ID               uuid.UUID      `json:"id"`
	Position         int            `json:"position"`
	Status           rule.Status    `json:"status"`
	Effect           rule.Effect    `json:"effect"`
	Match            matchBody      `json:"match"`
	Severity         *string        `json:"severity"`
	Owner            *string        `json:"owner"`
	Reason           string         `json:"reason"`
	ExpiresAt        *rest.Time     `json:"expiresAt"`
	SuppressedDrifts int            `json:"suppressedDrifts"`
	CreatedAt        rest.Time      `json:"createdAt"`
	CreatedBy        string         `json:"createdBy"`
	AcceptedAt       *rest.Time     `json:"acceptedAt"`
	AcceptedBy       *string        `json:"acceptedBy"`
	UpdatedAt        rest.Time      `json:"updatedAt"`
	UpdatedBy        string         `json:"updatedBy"`
	EndedAt          *rest.Time     `json:"endedAt"`
	EndedBy          *string        `json:"endedBy"`
	EndedHow         *rule.EndedHow `json:"endedHow"`
}

func newRuleBody(r rule.Rule) ruleBody {
	return ruleBody{
		ID: r.ID, Position: r.Position, Status: r.Status, Effect: r.Effect, Match: matchBody(r.Match), Severity: r.Severity, Owner: r.Owner,
		Reason: r.Reason, ExpiresAt: rest.TimePtr(r.ExpiresAt), SuppressedDrifts: r.SuppressedDrifts,
		CreatedAt: rest.Time(r.CreatedAt), CreatedBy: r.CreatedBy, AcceptedAt: rest.TimePtr(r.AcceptedAt), AcceptedBy: r.AcceptedBy,
		UpdatedAt: rest.Time(r.UpdatedAt), UpdatedBy: r.UpdatedBy, EndedAt: rest.TimePtr(r.EndedAt), EndedBy: r.EndedBy, EndedHow: r.EndedHow,
	}
}

type rulePreviewBody struct {
	Examined   int                  `json:"examined"`
	Complete   bool                 `json:"complete"`
	Matched    int                  `json:"matched"`
	Suppressed int                  `json:"suppressed"`
	Changed    int                  `json:"changed"`
	Drifts     []previewedDriftBody `json:"drifts"`
}

type previewedDriftBody struct {
	ID           uuid.UUID      `json:"id"`
	Workspace    string         `json:"workspace"`
	ResourceID   string         `json:"resourceId"`
	ResourceType string         `json:"resourceType"`
	Severity     drift.Severity `json:"severity"`
	Status       drift.Status   `json:"status"`
	Paths        []string       `json:"paths"`
	Suppressed   bool           `json:"suppressed"`
}

func newRulePreviewBody(p *drift.RulePreview) rulePreviewBody {
	return rulePreviewBody{p.Examined, p.Complete, p.Matched, p.Suppressed, p.Changed, bodies(p.Drifts, func(d drift.PreviewedDrift) previewedDriftBody {
		return previewedDriftBody{
			d.Drift.ID, d.Drift.Workspace, d.Drift.ResourceID, d.Drift.ResourceType, d.Drift.Severity, d.Drift.Status, append([]string{}, d.Paths...), d.Suppressed,
		}
	})}
}
