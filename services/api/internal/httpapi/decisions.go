package httpapi

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// versioned is the part of a decision that says which version of the drift the caller has seen.
type versioned struct {
	Version *int `json:"version"`
}

// version is zero when any will do.
func (v versioned) version() (int, error) {
	switch {
	case v.Version == nil:
		return 0, nil
	case *v.Version < 1:
		return 0, apierror.InvalidField("version", "must be a number from 1")
	}
	return *v.Version, nil
}

// decideOn is what the handlers of all decisions share: the drift's id, a body, and the response.
func decideOn[B interface{ version() (int, error) }](
	w http.ResponseWriter, r *http.Request, decide func(id uuid.UUID, version int, body B) (*drift.Drift, error),
) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	var body B
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	version, err := body.version()
	if err != nil {
		return err
	}
	d, err := decide(id, version, body)
	if err != nil {
		return err
	}
	writeDrift(w, http.StatusOK, d)
	return nil
}

func (s *Server) triageDrift(w http.ResponseWriter, r *http.Request) error {
	return decideOn(w, r, func(id uuid.UUID, version int, _ versioned) (*drift.Drift, error) {
		return s.drifts.Triage(r.Context(), caller(r), id, version)
	})
}

// verdict is the body of a rejection, or of taking a decision back.
type verdict struct {
	versioned
	Reason string `json:"reason"`
}

// approval is the body of an approval.
type approval struct {
	verdict
	Until *time.Time `json:"until"`
}

func (s *Server) approveDrift(w http.ResponseWriter, r *http.Request) error {
	return decideOn(w, r, func(id uuid.UUID, version int, body approval) (*drift.Drift, error) {
		return s.drifts.Decide(r.Context(), caller(r), id, version, drift.Decision{Action: drift.Approve, Reason: body.Reason, Until: body.Until})
	})
}

func (s *Server) reopenDrift(w http.ResponseWriter, r *http.Request) error {
	return decideOn(w, r, func(id uuid.UUID, version int, body verdict) (*drift.Drift, error) {
		return s.drifts.Decide(r.Context(), caller(r), id, version, drift.Decision{Action: drift.Reopen, Reason: body.Reason})
	})
}

func (s *Server) rejectDrift(w http.ResponseWriter, r *http.Request) error {
	return decideOn(w, r, func(id uuid.UUID, version int, body verdict) (*drift.Drift, error) {
		return s.drifts.Reject(r.Context(), caller(r), id, body.Reason, version)
	})
}

// resolution is the body of a resolution.
type resolution struct {
	versioned
	ResolvedHow drift.ResolvedHow `json:"resolvedHow"`
}

func (s *Server) resolveDrift(w http.ResponseWriter, r *http.Request) error {
	return decideOn(w, r, func(id uuid.UUID, version int, body resolution) (*drift.Drift, error) {
		return s.drifts.Resolve(r.Context(), caller(r), id, body.ResolvedHow, version)
	})
}
