package client

import (
	"context"
	"iter"
	"net/url"
	"strconv"
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
)

// Alert is something that people should look at.
type Alert struct {
	ID        string    `json:"id"`
	DriftID   string    `json:"driftId"` // empty when it is not about one drift
	Type      AlertType `json:"type"`
	Severity  Severity  `json:"severity"`
	Title     string    `json:"title"`
	Message   string    `json:"message"`
	IsRead    bool      `json:"isRead"`
	ReadAt    time.Time `json:"readAt,omitzero"`
	ReadBy    string    `json:"readBy,omitempty"` // an email; empty when the system did it
	CreatedAt time.Time `json:"createdAt"`
}

// AlertQuery filters alerts. A zero field does not filter.
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
	if q.IsRead != nil {
		v.Set("isRead", strconv.FormatBool(*q.IsRead))
	}
	return v
}

// ListAlerts gives a page of alerts, newest first.
func (c *Client) ListAlerts(ctx context.Context, q AlertQuery, p Page) (List[Alert], error) {
	return list[Alert](ctx, c, "/api/v1/alerts", q.values(), p)
}

// Alerts gives all alerts, page by page, up to the first 10,000.
func (c *Client) Alerts(ctx context.Context, q AlertQuery) iter.Seq2[Alert, error] {
	return all(func(p Page) (List[Alert], error) { return c.ListAlerts(ctx, q, p) })
}

// CountUnreadAlerts gives how many alerts of the account are unread.
func (c *Client) CountUnreadAlerts(ctx context.Context) (int, error) {
	data, err := get[struct {
		Count int `json:"count"`
	}](ctx, c, "/api/v1/alerts/unread-count", nil)
	return data.Count, err
}

// MarkAlertRead marks one alert read.
func (c *Client) MarkAlertRead(ctx context.Context, id string) (Alert, error) {
	return post[Alert](ctx, c, "/api/v1/alerts/"+url.PathEscape(id)+"/mark-read", struct{}{})
}

// MarkAllAlertsRead marks all alerts read, and gives how many were not.
func (c *Client) MarkAllAlertsRead(ctx context.Context) (int, error) {
	data, err := post[struct {
		MarkedCount int `json:"markedCount"`
	}](ctx, c, "/api/v1/alerts/mark-all-read", struct{}{})
	return data.MarkedCount, err
}
