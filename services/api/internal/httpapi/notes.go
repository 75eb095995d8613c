package httpapi

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// What people and programs note on a drift: whose it is, comments, and who changed the resource.

func (s *Server) updateDrift(w http.ResponseWriter, r *http.Request) error {
	type change struct {
		versioned
		Owner nullable[string] `json:"owner"`
	}
	return decideOn(w, r, func(id uuid.UUID, version int, body change) (*drift.Drift, error) {
		if !body.Owner.Set {
			return nil, apierror.InvalidField("owner", "is required: a team or a person, or null to remove it")
		}
		return s.drifts.Assign(r.Context(), caller(r), id, body.Owner.Value, version)
	})
}

func (s *Server) commentDrift(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	var body struct {
		Text string `json:"text"`
	}
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	c, err := s.drifts.Comment(r.Context(), caller(r), id, body.Text)
	if err != nil {
		return err
	}
	return rest.Data(w, http.StatusCreated, struct {
		ID      uuid.UUID `json:"id"`
		DriftID uuid.UUID `json:"driftId"`
		Text    string    `json:"text"`
	}{c.ID, id, c.Text})
}

func (s *Server) attributeDrift(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	var body struct {
		ChangedBy string    `json:"changedBy"`
		ChangedAt time.Time `json:"changedAt"`
		Source    string    `json:"source"`
		URL       string    `json:"url"`
	}
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	if body.URL != "" {
		if problem := checkRunURL(body.URL); problem != "" {
			return apierror.InvalidField("url", "%s", problem)
		}
	}
	a, err := s.drifts.Attribute(r.Context(), caller(r), id, drift.Attribution{By: body.ChangedBy, At: body.ChangedAt, Source: body.Source, URL: body.URL})
	if err != nil {
		return err
	}
	rest.Encoded(w, http.StatusOK, func(b []byte) []byte { return appendAttribution(b, a) })
	return nil
}
