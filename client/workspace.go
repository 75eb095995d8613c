package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Workspace is what plans are of.
type Workspace struct {
	Name             string    `json:"name"`
	Status           string    `json:"status"` // ok, drifted, failed, or stale when the last check is too old
	LastCheckAt      time.Time `json:"lastCheckAt,omitzero"`
	OpenDrifts       int       `json:"openDrifts"`       // without those that rules ignore
	SuppressedDrifts int       `json:"suppressedDrifts"` // open ones that rules ignore
	Owner            string    `json:"owner"`            // a team or a person
	Archived         bool      `json:"archived"`         // out of use, so that it is not stale
}

// Workspaces returns the workspaces, by name: the first 2,000.
func (c *Client) Workspaces(ctx context.Context) ([]Workspace, error) {
	return get[[]Workspace](ctx, c, "/api/v1/workspaces", nil)
}

// WorkspaceSettings say what of its plans a workspace records.
type WorkspaceSettings struct {
	Name       string `json:"name"`
	RecordRef  string `json:"recordRef"`  // the only ref of which plans are recorded; empty when any is
	RootKnown  bool   `json:"rootKnown"`  // a plan has shown which resources it has
	AcceptRoot bool   `json:"acceptRoot"` // the next plan may be of another root
	Owner      string `json:"owner"`      // a team or a person
	StaleAfter int    `json:"staleAfter"` // seconds after which the last check is too old; 0 is as the server is configured
	Archived   bool   `json:"archived"`   // out of use, so that it is not stale
}

// WorkspaceDetail is a workspace, and what is known of it.
type WorkspaceDetail struct {
	Workspace
	RecordRef      string           `json:"recordRef"`  // see WorkspaceSettings
	RootKnown      bool             `json:"rootKnown"`  // see WorkspaceSettings
	AcceptRoot     bool             `json:"acceptRoot"` // see WorkspaceSettings
	StaleAfter     int              `json:"staleAfter"` // see WorkspaceSettings
	CreatedAt      time.Time        `json:"createdAt"`
	OpenBySeverity map[Severity]int `json:"openBySeverity"`
	OldestOpenAt   time.Time        `json:"oldestOpenAt,omitzero"` // when the oldest open drift was first seen
	LastCheck      *Check           `json:"lastCheck"`             // nil when there was none
	LastGoodCheck  *Check           `json:"lastGoodCheck"`         // the last one that did not fail
	Trend          []WorkspaceDay   `json:"trend"`                 // of the last 30 days, today's last
}

// WorkspaceDay is what happened in a workspace on a day, in UTC.
type WorkspaceDay struct {
	Date       string `json:"date"` // 2006-01-02
	Checks     int    `json:"checks"`
	Failed     int    `json:"failed"`
	OpenDrifts int    `json:"openDrifts"` // when the day ended, or now
}

// GetWorkspace gives one workspace.
func (c *Client) GetWorkspace(ctx context.Context, name string) (WorkspaceDetail, error) {
	return get[WorkspaceDetail](ctx, c, "/api/v1/workspaces/"+url.PathEscape(name), nil)
}

// WorkspaceChange has the new settings of a workspace; nil means unchanged.
type WorkspaceChange struct {
	RecordRef  *string // an empty one records the plans of every ref
	AcceptRoot *bool
	Owner      *string // an empty one removes it
	StaleAfter *int    // in seconds; 0 is as the server is configured
	Archived   *bool
}

// UpdateWorkspace changes the settings of a workspace.
func (c *Client) UpdateWorkspace(ctx context.Context, name string, change WorkspaceChange) (settings WorkspaceSettings, err error) {
	body := map[string]any{}
	if change.RecordRef != nil {
		if body["recordRef"] = *change.RecordRef; *change.RecordRef == "" {
			body["recordRef"] = nil
		}
	}
	if change.Owner != nil {
		if body["owner"] = *change.Owner; *change.Owner == "" {
			body["owner"] = nil
		}
	}
	if change.StaleAfter != nil {
		if body["staleAfter"] = *change.StaleAfter; *change.StaleAfter == 0 {
			body["staleAfter"] = nil
		}
	}
	if change.AcceptRoot != nil {
		body["acceptRoot"] = *change.AcceptRoot
	}
	if change.Archived != nil {
		body["archived"] = *change.Archived
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return settings, fmt.Errorf("encode the request: %w", err)
	}
	// To accept a root twice may accept two of them.
	r := request{method: http.MethodPatch, path: "/api/v1/workspaces/" + url.PathEscape(name), body: jsonBody(raw), repeatable: change.AcceptRoot == nil}
	err = c.send(ctx, r, &settings)
	return settings, err
}
