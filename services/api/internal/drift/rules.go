package drift

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/uid"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
	"github.com/driftsentry/driftsentry/services/api/internal/rule"
)

// ActiveRules reads the rules that are in force, in their order, with their version.
type ActiveRules interface {
	ActiveRules(ctx context.Context, account uuid.UUID) (version int64, rules []rule.Rule, err error)
}

// RuleReader reads rules.
type RuleReader interface {
	ActiveRules
	ListRules(ctx context.Context, account uuid.UUID, f RuleFilter, r list.Range) (list.Part[rule.Rule], error)
	// Rule is one; apierror.NotFound when there is none.
	Rule(ctx context.Context, account, id uuid.UUID) (*rule.Rule, error)
}

// RuleTx changes rules. LockRules and RequestRules take the account's row, after the actor's and before anything else.
type RuleTx interface {
	identity.ActorTx
	ActiveRules
	RulesVersion(ctx context.Context, account uuid.UUID) (int64, error)
	// LockRules are the rules that have not ended, in their order. It keeps other changes of the account's rules away.
	LockRules(ctx context.Context, account uuid.UUID) ([]rule.Rule, error)
	InsertRule(ctx context.Context, r *rule.Rule) error
	// SaveRules writes everything that can change.
	SaveRules(ctx context.Context, rules []rule.Rule) error
	// RequestRules gives the rules in force another version, and has them applied to the open drifts.
	RequestRules(ctx context.Context, account uuid.UUID) error
}

// Actors say who acts: they look at the actor again, in the transaction of the change.
type Actors interface {
	Act(ctx context.Context, tx identity.ActorTx, p identity.Principal, need identity.Role) (audit.Actor, error)
}

// RuleFilter says which rules; without a status those that have not ended.
type RuleFilter struct{ Status rule.Status }

// Rules are a part of the account's rules, in their order; those that have ended come with the last one first.
func (s *Service) Rules(ctx context.Context, p identity.Principal, f RuleFilter, r list.Range) (list.Part[rule.Rule], error) {
	return s.store.ListRules(ctx, p.AccountID, f, r)
}

// Rule is one of the account's rules.
func (s *Service) Rule(ctx context.Context, p identity.Principal, id uuid.UUID) (*rule.Rule, error) {
	return s.store.Rule(ctx, p.AccountID, id)
}

var errTooManyRules = apierror.Newf(apierror.Conflict, "the account has %d rules that have not ended, which is the limit; end one first", rule.MaxRules)

// CreateRule adds a rule after the others. An admin's is in force at once, an engineer's is a proposal.
func (s *Service) CreateRule(ctx context.Context, p identity.Principal, draft rule.Draft) (*rule.Rule, error) {
	made, err := draft.Rule(now())
	if err != nil {
		return nil, err
	}
	err = s.changeRules(ctx, p, "rule.create", identity.Engineer, func(ctx context.Context, w *work, rules []rule.Rule) error {
		if len(rules) >= rule.MaxRules {
			return errTooManyRules
		}
		r := made
		r.ID, r.AccountID, r.Status, r.Position = uid.New(), w.account, rule.Proposed, 1
		if n := len(rules); n > 0 {
			r.Position = rules[n-1].Position + 1
		}
		r.CreatedAt, r.CreatedBy, r.UpdatedAt, r.UpdatedBy = w.now, w.by.Email, w.now, w.by.Email
		message := "proposed: " + r.Reason
		if w.by.Role == string(identity.Admin) {
			r.Status, r.AcceptedAt, r.AcceptedBy = rule.Active, &w.now, &w.by.Email
			message = r.Reason
		}
		if err := w.InsertRule(ctx, &r); err != nil {
			return err
		}
		made = r
		return w.ruleChanged(ctx, event.RuleCreated, &r, message, nil)
	})
	return &made, err
}

// UpdateRule changes a rule that has not ended. A change to what it is already leaves no trace.
func (s *Service) UpdateRule(ctx context.Context, p identity.Principal, id uuid.UUID, change rule.Change) (*rule.Rule, error) {
	if err := change.Check(now()); err != nil {
		return nil, err
	}
	return s.changeRule(ctx, p, id, "rule.update", func(ctx context.Context, w *work, r *rule.Rule) error {
		changed, err := change.Apply(r)
		if err != nil || len(changed) == 0 {
			return err
		}
		return w.saveRule(ctx, event.RuleUpdated, r, "changed: "+r.Reason, changed)
	})
}

// AcceptRule puts a proposal in force. A rule that is in force already stays as it is.
func (s *Service) AcceptRule(ctx context.Context, p identity.Principal, id uuid.UUID) (*rule.Rule, error) {
	return s.changeRule(ctx, p, id, "rule.accept", func(ctx context.Context, w *work, r *rule.Rule) error {
		if r.Status == rule.Active {
			return nil
		}
		if r.ExpiresAt != nil && !r.ExpiresAt.After(w.now) {
			return apierror.New(apierror.Conflict, "the proposal's expiresAt has passed; give it another, then accept it")
		}
		r.Status, r.AcceptedAt, r.AcceptedBy = rule.Active, &w.now, &w.by.Email
		return w.saveRule(ctx, event.RuleUpdated, r, "accepted: "+r.Reason, map[string]any{"from": rule.Proposed, "to": rule.Active})
	})
}

// EndRule ends a rule, or declines a proposal.
func (s *Service) EndRule(ctx context.Context, p identity.Principal, id uuid.UUID) (*rule.Rule, error) {
	return s.changeRule(ctx, p, id, "rule.end", func(ctx context.Context, w *work, r *rule.Rule) error {
		how := rule.ByAdmin
		if r.Status == rule.Proposed {
			how = rule.Declined
		}
		return w.endRule(ctx, r, how, &w.by.Email)
	})
}

// endRule ends a rule.
func (w *work) endRule(ctx context.Context, r *rule.Rule, how rule.EndedHow, by *string) error {
	wasActive := r.InForce()
	r.Status, r.EndedAt, r.EndedBy, r.EndedHow = rule.Ended, &w.now, by, &how
	if err := w.SaveRules(ctx, []rule.Rule{*r}); err != nil {
		return err
	}
	w.recordRule(ctx, event.RuleEnded, r, string(how), nil)
	if !wasActive {
		return nil
	}
	return w.RequestRules(ctx, w.account)
}

// ReorderRules puts the rules that have not ended in this order. The ids must be all of them.
func (s *Service) ReorderRules(ctx context.Context, p identity.Principal, ids []uuid.UUID) error {
	return s.changeRules(ctx, p, "rule.reorder", identity.Admin, func(ctx context.Context, w *work, rules []rule.Rule) error {
		place := make(map[uuid.UUID]int, len(ids))
		for i, id := range ids {
			place[id] = i + 1
		}
		if len(ids) != len(rules) || len(place) != len(rules) || slices.ContainsFunc(rules, func(r rule.Rule) bool { return place[r.ID] == 0 }) {
			return apierror.Newf(apierror.Conflict, "ids must be each of the %d rules that have not ended, once; list them again", len(rules))
		}
		var moved []rule.Rule
		inForce := false
		for _, r := range rules {
			from := r.Position
			if from == place[r.ID] {
				continue
			}
			r.Position = place[r.ID]
			r.UpdatedAt, r.UpdatedBy = w.now, w.by.Email
			moved = append(moved, r)
			inForce = inForce || r.InForce()
			w.recordRule(ctx, event.RuleUpdated, &r, "moved", map[string]any{"position": map[string]any{"from": from, "to": r.Position}})
		}
		if err := w.SaveRules(ctx, moved); err != nil || !inForce {
			return err
		}
		return w.RequestRules(ctx, w.account)
	})
}

// changeRules runs a change of rules: its actor is looked at again, and no other change of the account's rules comes between. rules
// are those that have not ended.
func (s *Service) changeRules(
	ctx context.Context, p identity.Principal, name string, need identity.Role, fn func(ctx context.Context, w *work, rules []rule.Rule) error,
) error {
	err := s.inTx(ctx, p, name, func(ctx context.Context, w *work) error {
		by, err := s.actors.Act(ctx, w, p, need)
		if err != nil {
			return err
		}
		w.actsAs(by)
		rules, err := w.LockRules(ctx, w.account)
		if err != nil {
			return err
		}
		w.locked()
		return fn(ctx, w, rules)
	})
	if err == nil {
		s.wakeRules()
	}
	return err
}

// changeRule changes one rule that has not ended, as an admin.
func (s *Service) changeRule(
	ctx context.Context, p identity.Principal, id uuid.UUID, name string, fn func(ctx context.Context, w *work, r *rule.Rule) error,
) (*rule.Rule, error) {
	var changed *rule.Rule
	err := s.changeRules(ctx, p, name, identity.Admin, func(ctx context.Context, w *work, rules []rule.Rule) error {
		i := slices.IndexFunc(rules, func(r rule.Rule) bool { return r.ID == id })
		if i < 0 {
			return errNoRule
		}
		changed = &rules[i]
		return fn(ctx, w, changed)
	})
	if errors.Is(err, errNoRule) {
		if _, err := s.store.Rule(ctx, p.AccountID, id); err != nil {
			return nil, err
		}
		return nil, apierror.New(apierror.Conflict, "the rule has ended; create another")
	}
	return changed, err
}

// errNoRule is of a rule that has ended, or is not there.
var errNoRule = errors.New("there is no such rule that has not ended")

// saveRule writes a rule that was changed, and has it applied.
func (w *work) saveRule(ctx context.Context, t event.Type, r *rule.Rule, message string, metadata map[string]any) error {
	r.UpdatedAt, r.UpdatedBy = w.now, w.by.Email
	if err := w.SaveRules(ctx, []rule.Rule{*r}); err != nil {
		return err
	}
	return w.ruleChanged(ctx, t, r, message, metadata)
}

// ruleChanged reports a rule, and has the rules applied if it is in force.
func (w *work) ruleChanged(ctx context.Context, t event.Type, r *rule.Rule, message string, metadata map[string]any) error {
	w.recordRule(ctx, t, r, message, metadata)
	if !r.InForce() {
		return nil
	}
	return w.RequestRules(ctx, w.account)
}

// recordRule adds the audit row and the event of a rule.
func (w *work) recordRule(ctx context.Context, t event.Type, r *rule.Rule, message string, metadata map[string]any) {
	all := map[string]any{"rule": r.ID, "status": r.Status, "effect": r.Effect, "position": r.Position, "match": r.Fields(), "expiresAt": r.ExpiresAt}
	maps.Copy(all, metadata)
	w.audit(ctx, t, nil, string(r.Effect)+" "+r.String(), message, all)
	w.drafts = append(w.drafts, event.Draft{Type: t, Subject: r.ID, Topics: []string{event.TopicDrifts}, Data: event.RuleData{
		ID: r.ID, Status: string(r.Status), Effect: string(r.Effect), Position: r.Position, Reason: r.Reason,
		ExpiresAt: eventTime(r.ExpiresAt), Actor: w.actor,
	}})
}

// eventTime is a time as events have it.
func eventTime(t *time.Time) *event.Time {
	if t == nil {
		return nil
	}
	at := event.Time(*t)
	return &at
}
