package drift

import (
	"context"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// WorkspaceStatus is what the last check of a workspace said, as long as that was not too long ago.
type WorkspaceStatus string

// The statuses of a workspace.
const (
	WorkspaceOK      WorkspaceStatus = "ok"
	WorkspaceDrifted WorkspaceStatus = "drifted"
	WorkspaceFailed  WorkspaceStatus = "failed"
	WorkspaceStale   WorkspaceStatus = "stale" // never checked, or too long ago: unknown is not fine
)

var workspaceStatuses = []WorkspaceStatus{WorkspaceOK, WorkspaceDrifted, WorkspaceFailed, WorkspaceStale}

// Workspace is where plans come from.
type Workspace struct {
	Name        string          `json:"name"`
	Status      WorkspaceStatus `json:"status"`
	LastCheckAt *event.Time     `json:"lastCheckAt"`
	OpenDrifts  int             `json:"openDrifts"` // reported ones too
}

// Workspaces are all of the account, by name.
func (s *Service) Workspaces(ctx context.Context, p identity.Principal) ([]Workspace, error) {
	return s.store.Workspaces(ctx, p.AccountID, now().Add(-s.staleAfter))
}
