package client

import (
	"context"
	"time"
)

// DriftComment is a comment, as it is kept in a drift's timeline.
type DriftComment struct {
	ID      string `json:"id"` // of its TimelineEntry
	DriftID string `json:"driftId"`
	Text    string `json:"text"`
}

// CommentDrift comments on a drift in 1 to 2000 characters.
func (c *Client) CommentDrift(ctx context.Context, id, text string) (DriftComment, error) {
	return post[DriftComment](ctx, c, driftPath(id, "/comments"), struct {
		Text string `json:"text"`
	}{text})
}

// AssignDrift says whose a drift is, a team's or a person's; an empty owner removes it. version is as in Decision.
func (c *Client) AssignDrift(ctx context.Context, id, owner string, version int) (Drift, error) {
	change := struct {
		Owner   *string `json:"owner"`
		Version int     `json:"version,omitempty"`
	}{nil, version}
	if owner != "" {
		change.Owner = &owner
	}
	return patch[Drift](ctx, c, driftPath(id, ""), change)
}

// Attribution is who changed a resource, as a log of the provider says.
type Attribution struct {
	ChangedBy string    `json:"changedBy"`
	ChangedAt time.Time `json:"changedAt"`
	Source    string    `json:"source"`        // who says so, such as cloudtrail
	URL       string    `json:"url,omitempty"` // where people look at it
}

// AttributeDrift says who changed the resource of a drift.
func (c *Client) AttributeDrift(ctx context.Context, id string, a Attribution) (Attribution, error) {
	return post[Attribution](ctx, c, driftPath(id, "/attribution"), a)
}
