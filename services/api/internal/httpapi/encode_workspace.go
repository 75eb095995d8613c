package httpapi

import (
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/monitor"
)

type workspaceBody struct {
	Name        string         `json:"name"`
	Status      monitor.Status `json:"status"`
	LastCheckAt *rest.Time     `json:"lastCheckAt"`
	OpenDrifts  int            `json:"openDrifts"`
}

func newWorkspaceBody(w monitor.Workspace) workspaceBody {
	return workspaceBody{w.Name, w.Status, rest.TimePtr(w.LastCheckAt), w.OpenDrifts}
}
