package httpapi

import (
	"encoding/json"
	"net/http"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

func (s *Server) listWorkspaces(w http.ResponseWriter, r *http.Request) error {
	workspaces, err := s.options.Monitor.Workspaces(r.Context(), caller(r).AccountID)
	if err != nil {
		return err
	}
	return rest.OK(w, bodies(workspaces, newWorkspaceBody))
}

func (s *Server) getWorkspace(w http.ResponseWriter, r *http.Request) error {
	name, err := pathWorkspace(r)
	if err != nil {
		return err
	}
	workspace, err := s.options.Monitor.Workspace(r.Context(), caller(r).AccountID, name)
	if err != nil {
		return err
	}
	return rest.OK(w, newWorkspaceDetailBody(workspace))
}

func (s *Server) updateWorkspace(w http.ResponseWriter, r *http.Request) error {
	name, err := pathWorkspace(r)
	if err != nil {
		return err
	}
	var body struct {
		RecordRef  nullable[string] `json:"recordRef"`
		AcceptRoot optional[bool]   `json:"acceptRoot"`
	}
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	settings, err := s.drifts.UpdateWorkspace(r.Context(), caller(r), name, drift.WorkspaceChange{
		SetRef: body.RecordRef.sent, RecordRef: body.RecordRef.value, AcceptRoot: body.AcceptRoot.value,
	})
	if err != nil {
		return err
	}
	return rest.OK(w, namedSettingsBody{name, newSettingsBody(settings)})
}

// nullable is a property that may be left out, or be null, which is another thing.
type nullable[T any] struct {
	sent  bool
	value *T
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *nullable[T]) UnmarshalJSON(data []byte) error {
	n.sent = true
	return json.Unmarshal(data, &n.value)
}
