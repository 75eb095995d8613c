package httpapi

import (
	"encoding/json"
	"net/http"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/monitor"
)

func (s *Server) listWorkspaces(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	filter := monitor.WorkspaceFilter{Archived: q.boolean("archived")}
	if after, ok := q.value("after"); ok {
		if filter.After = after; drift.CheckWorkspaceName(after) != "" {
			q.refuse("after", "must be the name of a workspace")
		}
	}
	if err := q.err(); err != nil {
		return err
	}
	workspaces, more, err := s.options.Monitor.Workspaces(r.Context(), caller(r).AccountID, filter)
	if err != nil {
		return err
	}
	if more {
		nextLink(w, r, "after", workspaces[len(workspaces)-1].Name)
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
		Owner      nullable[string] `json:"owner"`
		StaleAfter nullable[int]    `json:"staleAfter"`
		Archived   optional[bool]   `json:"archived"`
	}
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	settings, err := s.drifts.UpdateWorkspace(r.Context(), caller(r), name, drift.WorkspaceChange{
		RecordRef: drift.Change[string](body.RecordRef), AcceptRoot: body.AcceptRoot.value, Owner: drift.Change[string](body.Owner),
		StaleAfter: drift.Change[int](body.StaleAfter), Archived: body.Archived.value,
	})
	if err != nil {
		return err
	}
	return rest.OK(w, namedSettingsBody{name, newSettingsBody(settings), settings.Owner, settings.Archived})
}

// nullable is a property that may be left out, or be null, which is another thing.
type nullable[T any] drift.Change[T]

// UnmarshalJSON implements json.Unmarshaler.
func (n *nullable[T]) UnmarshalJSON(data []byte) error {
	n.Set = true
	return json.Unmarshal(data, &n.Value)
}
