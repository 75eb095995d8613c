package drift

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
	"github.com/driftsentry/driftsentry/services/api/internal/rule"
)

// Bounds of a preview.
const (
	previewDrifts = 20_000 // open drifts that are looked at
	previewBatch  = 500
	previewTime   = 5 * time.Second
	previewShown  = 20 // drifts, and paths of each
)

// PreviewReader reads what rules are tried on.
type PreviewReader interface {
	// OpenForPreview are the account's open drifts after this one, by id, without their states, with the names of their paths.
	OpenForPreview(ctx context.Context, account, after uuid.UUID, limit int) ([]RuledDrift, error)
}

// RulePreview is what a rule would do to the open drifts, after the rules that are in force.
type RulePreview struct {
	Examined   int  // open drifts that were looked at
	Complete   bool // that was all of them
	Matched    int  // of these; of the effect ignore those of which it ignores a path
	Suppressed int  // that it would suppress, alone or with the rules in force
	Changed    int  // of which it would set another severity, or another owner
	Drifts     []PreviewedDrift
}

// PreviewedDrift is one that the rule matches.
type PreviewedDrift struct {
	Drift      *Drift
	Paths      []string // the first that the rule matches
	Suppressed bool     // by this rule, alone or with those in force
}

// PreviewRule says what a rule would do. It writes nothing, and stops after a while.
func (s *Service) PreviewRule(ctx context.Context, p identity.Principal, draft rule.Draft) (*RulePreview, error) {
	r, err := draft.Rule(now())
	if err != nil {
		return nil, err
	}
	r.ID, r.Status = uuid.Max, rule.Active
	_, present, err := s.store.ActiveRules(ctx, p.AccountID)
	if err != nil {
		return nil, err
	}
	if n := len(present); n > 0 {
		r.Position = present[n-1].Position + 1
	}
	t := trial{
		alone: scopes{rule.Compile(0, []rule.Rule{r}), map[string]*rule.Scope{}}, before: scopes{rule.Compile(0, present), map[string]*rule.Scope{}},
		after: scopes{rule.Compile(0, append(present, r)), map[string]*rule.Scope{}},
	}
	end := time.Now().Add(previewTime)
	for after := uuid.Nil; ; {
		drifts, err := s.store.OpenForPreview(ctx, p.AccountID, after, previewBatch)
		if err != nil {
			return nil, err
		}
		for _, d := range drifts {
			t.try(d)
			after = d.ID
		}
		if len(drifts) < previewBatch {
			t.Complete = true
			return &t.RulePreview, nil
		}
		if t.Examined >= previewDrifts || time.Now().After(end) {
			return &t.RulePreview, nil
		}
	}
}

// trial tries a rule.
type trial struct {
	RulePreview
	alone, before, after scopes
}

// scopes are rules for several workspaces.
type scopes struct {
	set  *rule.Set
	seen map[string]*rule.Scope
}

func (s scopes) of(workspace string) *rule.Scope {
	scope := s.seen[workspace]
	if scope == nil {
		scope = s.set.For(workspace)
		s.seen[workspace] = scope
	}
	return scope
}

func (t *trial) try(d RuledDrift) {
	t.Examined++
	names := d.Names
	if paths, ok := plan.ReadPaths(d.PathHashes, d.DifferenceMAC); ok {
		names = paths.Names()
	}
	subject := d.subject(names)
	matched := t.alone.of(d.Workspace).Matching(subject)
	if matched == nil {
		return
	}
	before, after := t.before.of(d.Workspace).Judge(subject), t.after.of(d.Workspace).Judge(subject)
	t.Matched++
	suppressed := before.Ignore == nil && after.Ignore != nil
	if suppressed {
		t.Suppressed++
	}
	if before.Severity == nil && after.Severity != nil && *after.Severity.Severity != subject.Severity || before.Owner == nil && after.Owner != nil {
		t.Changed++
	}
	if len(t.Drifts) < previewShown {
		t.Drifts = append(t.Drifts, PreviewedDrift{d.Drift, matched[:min(len(matched), previewShown)], suppressed})
	}
}
