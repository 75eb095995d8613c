package httpapi

import (
	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

type alertBody struct {
	ID        uuid.UUID       `json:"id"`
	DriftID   *uuid.UUID      `json:"driftId"`
	Type      drift.AlertType `json:"type"`
	Severity  drift.Severity  `json:"severity"`
	Title     string          `json:"title"`
	Message   string          `json:"message"`
	IsRead    bool            `json:"isRead"`
	ReadAt    *rest.Time      `json:"readAt"`
	ReadBy    *string         `json:"readBy"`
	CreatedAt rest.Time       `json:"createdAt"`
}

func newAlertBody(a drift.Alert) alertBody {
	return alertBody{
		a.ID, a.DriftID, a.Type, a.Severity, a.Title, a.Message, a.IsRead, rest.TimePtr(a.ReadAt), a.ReadBy, rest.Time(a.CreatedAt),
	}
}

type unreadBody struct {
	Count int `json:"count"`
}

type markedBody struct {
	MarkedCount int `json:"markedCount"`
}
