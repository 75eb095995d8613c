package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"time"
)

// AuditRow is an entry of the audit trail.
type AuditRow struct {
	ID         string          `json:"id"`
	Timestamp  time.Time       `json:"timestamp"`
	Action     string          `json:"action"`  // such as user.created
	ActorID    string          `json:"actorId"` // empty for the system
	ActorEmail string          `json:"actorEmail"`
	ActorRole  string          `json:"actorRole"`
	DriftID    string          `json:"driftId"`
	Subject    string          `json:"subject"`
	Message    string          `json:"message"`
	TraceID    string          `json:"traceId"`
	Metadata   json.RawMessage `json:"metadata"`
}

// AuditQuery filters the audit trail. A zero field does not filter.
type AuditQuery struct{ DriftID, ActorID, Action string }

// ListAudit returns a page of the audit trail, newest first.
func (c *Client) ListAudit(ctx context.Context, q AuditQuery, p Page) (List[AuditRow], error) {
	return list[AuditRow](ctx, c, "/api/v1/audit", q.values(), p)
}

func (q AuditQuery) values() url.Values {
	v := url.Values{}
	set(v, "driftId", q.DriftID)
	set(v, "actorId", q.ActorID)
	set(v, "action", q.Action)
	return v
}

// Audit returns the audit trail, page by page.
func (c *Client) Audit(ctx context.Context, q AuditQuery) iter.Seq2[AuditRow, error] {
	return all(func(p Page) (List[AuditRow], error) { return c.ListAudit(ctx, q, p) })
}

// ErrorReport is what went wrong lately in the replica that responds.
type ErrorReport struct {
	Replica string       `json:"replica"`
	Since   time.Time    `json:"since"`
	Total   int          `json:"total"`
	ByCode  map[Code]int `json:"byCode"`
	Recent  []struct {
		Timestamp time.Time `json:"timestamp"`
		Code      Code      `json:"code"`
		Status    int       `json:"status"`
		Method    string    `json:"method"`
		Route     string    `json:"route"`
		Message   string    `json:"message"`
		TraceID   string    `json:"traceId"`
	} `json:"recent"`
}

// RecentErrors returns the errors of the caller's account.
func (c *Client) RecentErrors(ctx context.Context) (ErrorReport, error) {
	return get[ErrorReport](ctx, c, "/api/v1/ops/errors", nil)
}
