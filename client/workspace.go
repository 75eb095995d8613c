package client

import (
	"context"
	"time"
)

// Workspace is what plans are of.
type Workspace struct {
	Name        string    `json:"name"`
	Status      string    `json:"status"` // ok, drifted, failed, or stale when the last check is too old
	LastCheckAt time.Time `json:"lastCheckAt,omitzero"`
	OpenDrifts  int       `json:"openDrifts"`
}

// Workspaces gives all workspaces, by name.
func (c *Client) Workspaces(ctx context.Context) ([]Workspace, error) {
	return get[[]Workspace](ctx, c, "/api/v1/workspaces", nil)
}
