package httpapi

import (
	"net/http"

	"github.com/driftsentry/driftsentry/pkg/rest"
)

func (s *Server) listWorkspaces(w http.ResponseWriter, r *http.Request) error {
	workspaces, err := s.drifts.Workspaces(r.Context(), caller(r))
	if err != nil {
		return err
	}
	return rest.OK(w, workspaces)
}
