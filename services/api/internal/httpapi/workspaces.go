package httpapi

import (
	"net/http"

	"github.com/driftsentry/driftsentry/pkg/rest"
)

func (s *Server) listWorkspaces(w http.ResponseWriter, r *http.Request) error {
	workspaces, err := s.options.Monitor.Workspaces(r.Context(), caller(r).AccountID)
	if err != nil {
		return err
	}
	return rest.OK(w, bodies(workspaces, newWorkspaceBody))
}
