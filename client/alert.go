package client

import (
	"context"
	"iter"
	"net/url"
	"time"
)

// AlertType says what an alert is about.
type AlertType string

// The types.
const (
	DriftDetected     AlertType = "drift_detected"
	ApprovalNeeded    AlertType = "approval_needed"
	RemediationFailed AlertType = "remediation_failed"
	CheckFailed       AlertType = "check_failed"
	WorkspaceIsStale  AlertType = "workspace_stale"
)

// Alert is something that people should look at.
type Alert struct {
	ID        string    `json:"id"`
	DriftID   string    `json:"driftId"` // empty when it is not about one drift
	Type      AlertType `json:"type"`
	Severity  Severity  `json:"severity"`
	Title     string    `json:"title"`
	Message   string    `json:"message"`
	IsRead    bool      `json:"isRead"` // by the caller, or settled for all by a decision or a plan
	ReadAt    time.Time `json:"readAt,omitzero"`
	ReadBy    string    `json:"readBy,omitempty"` // an email; empty when a plan settled it
	CreatedAt time.Time `json:"createdAt"`
}

// AlertQuery filters alerts. A zero field does not filter; AnyOf gives Severity and Type several values.
type AlertQuery struct {
	DriftID  string
	IsRead   *bool
	Severity Severity
	Type     AlertType
}

func (q AlertQuery) values() url.Values {
	v := url.Values{}
	set(v, "driftId", q.DriftID)
	set(v, "severity", q.Severity)
	set(v, "type", q.Type)
	setBool(v, "isRead", q.IsRead)
	return v
}

// ListAlerts returns a page of alerts, newest first.
func (c *Client) ListAlerts(ctx context.Context, q AlertQuery, p Page) (List[Alert], error) {
	return list[Alert](ctx, c, "/api/v1/alerts", q.values(), p)
}

// Alerts returns all alerts, page by page.
func (c *Client) Alerts(ctx context.Context, q AlertQuery) iter.Seq2[Alert, error] {
	return all(func(p Page) (List[Alert], error) { return c.ListAlerts(ctx, q, p) })
}

// GetAlert returns one alert.
func (c *Client) GetAlert(ctx context.Context, id string) (Alert, error) {
	return get[Alert](ctx, c, "/api/v1/alerts/"+url.PathEscape(id), nil)
}

// CountUnreadAlerts returns how many alerts the caller has not read.
func (c *Client) CountUnreadAlerts(ctx context.Context) (int, error) {
	data, err := get[struct {
		Count int `json:"count"`
	}](ctx, c, "/api/v1/alerts/unread-count", nil)
	return data.Count, err
}

// MarkAlertRead marks one alert read by the caller.
func (c *Client) MarkAlertRead(ctx context.Context, id string) (Alert, error) {
	return post[Alert](ctx, c, "/api/v1/alerts/"+url.PathEscape(id)+"/mark-read", struct{}{})
}

// MarkAllAlertsRead marks all alerts read by the caller, and returns how many were not.
func (c *Client) MarkAllAlertsRead(ctx context.Context) (int, error) {
	data, err := post[struct {
		MarkedCount int `json:"markedCount"`
	}](ctx, c, "/api/v1/alerts/mark-all-read", struct{}{})
	return data.MarkedCount, err
}
