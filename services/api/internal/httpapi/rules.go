package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
	"github.com/driftsentry/driftsentry/services/api/internal/rule"
)

func (s *Server) listRules(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	filter := drift.RuleFilter{Status: choice(q, "status", "", rule.Statuses...)}
	part, scope := q.part(q.scope("rules", "status"))
	if err := q.err(); err != nil {
		return err
	}
	rules, err := s.drifts.Rules(r.Context(), caller(r), filter, part)
	if err != nil {
		return err
	}
	return writePart(w, scope, part, rules, appendBody(newRuleBody), func(r rule.Rule) list.Place {
		if r.EndedAt != nil {
			return list.At(*r.EndedAt, r.ID)
		}
		return list.Place{Key: strconv.Itoa(r.Position), ID: r.ID}
	})
}

func (s *Server) getRule(w http.ResponseWriter, r *http.Request) error {
	return s.withRule(w, r, func(id uuid.UUID) (*rule.Rule, error) { return s.drifts.Rule(r.Context(), caller(r), id) })
}

func (s *Server) acceptRule(w http.ResponseWriter, r *http.Request) error {
	return s.withRule(w, r, func(id uuid.UUID) (*rule.Rule, error) {
		var body struct{}
		if err := rest.Decode(w, r, &body); err != nil {
			return nil, err
		}
		return s.drifts.AcceptRule(r.Context(), caller(r), id)
	})
}

func (s *Server) endRule(w http.ResponseWriter, r *http.Request) error {
	return s.withRule(w, r, func(id uuid.UUID) (*rule.Rule, error) { return s.drifts.EndRule(r.Context(), caller(r), id) })
}

// withRule sends the rule that fn gives for the one in the path.
func (*Server) withRule(w http.ResponseWriter, r *http.Request, fn func(id uuid.UUID) (*rule.Rule, error)) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	found, err := fn(id)
	if err != nil {
		return err
	}
	return rest.OK(w, newRuleBody(*found))
}

// ruleDraftBody is a rule as someone writes it.
type ruleDraftBody struct {
	Effect    rule.Effect `json:"effect"`
	Match     matchBody   `json:"match"`
	Severity  *string     `json:"severity"`
	Owner     *string     `json:"owner"`
	Reason    string      `json:"reason"`
	ExpiresAt *time.Time  `json:"expiresAt"`
}

func (b ruleDraftBody) draft() rule.Draft {
	return rule.Draft{Effect: b.Effect, Match: b.Match.match(), Severity: b.Severity, Owner: b.Owner, Reason: b.Reason, ExpiresAt: b.ExpiresAt}
}

func (s *Server) createRule(w http.ResponseWriter, r *http.Request) error {
	var body ruleDraftBody
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	made, err := s.drifts.CreateRule(r.Context(), caller(r), body.draft())
	if err != nil {
		return err
	}
	return rest.Data(w, http.StatusCreated, newRuleBody(*made))
}

func (s *Server) previewRule(w http.ResponseWriter, r *http.Request) error {
	var body ruleDraftBody
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	preview, err := s.drifts.PreviewRule(r.Context(), caller(r), body.draft())
	if err != nil {
		return err
	}
	return rest.OK(w, newRulePreviewBody(preview))
}

func (s *Server) updateRule(w http.ResponseWriter, r *http.Request) error {
	return s.withRule(w, r, func(id uuid.UUID) (*rule.Rule, error) {
		var body struct {
			Match     *matchBody          `json:"match"`
			Severity  *string             `json:"severity"`
			Owner     *string             `json:"owner"`
			Reason    *string             `json:"reason"`
			ExpiresAt nullable[time.Time] `json:"expiresAt"`
		}
		if err := rest.Decode(w, r, &body); err != nil {
			return nil, err
		}
		change := rule.Change{
			Severity: body.Severity, Owner: body.Owner, Reason: body.Reason, ExpiresAt: body.ExpiresAt.Value,
			Forever: body.ExpiresAt.Set && body.ExpiresAt.Value == nil,
		}
		if body.Match != nil {
			match := body.Match.match()
			change.Match = &match
		}
		return s.drifts.UpdateRule(r.Context(), caller(r), id, change)
	})
}

func (s *Server) reorderRules(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		IDs []string `json:"ids"`
	}
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	if body.IDs == nil || len(body.IDs) > rule.MaxRules {
		return apierror.InvalidField("ids", "must be a list of at most %d ids", rule.MaxRules)
	}
	ids := make([]uuid.UUID, len(body.IDs))
	for i, text := range body.IDs {
		id, err := parseID(text)
		if err != nil {
			return apierror.InvalidField("ids", "each must be a UUID")
		}
		ids[i] = id
	}
	if err := s.drifts.ReorderRules(r.Context(), caller(r), ids); err != nil {
		return err
	}
	return rest.OK(w, nil)
}
