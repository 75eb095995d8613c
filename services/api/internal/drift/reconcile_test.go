package drift

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

func TestReconcile_moves(t *testing.T) {
	account := uuid.New()
	for name, tt := range map[string]struct {
		open  []string
		moves []plan.Move
		want  map[string]string // old address to new
	}{
		"to a free place":            {[]string{"a"}, []plan.Move{{From: "a", To: "b"}}, map[string]string{"a": "b"}},
		"what has no drift":          {[]string{"a"}, []plan.Move{{From: "x", To: "b"}}, map[string]string{"a": "a"}},
		"in a row":                   {[]string{"a", "b"}, []plan.Move{{From: "a", To: "b"}, {From: "b", To: "c"}}, map[string]string{"a": "b", "b": "c"}},
		"in a circle":                {[]string{"a", "b"}, []plan.Move{{From: "a", To: "b"}, {From: "b", To: "a"}}, map[string]string{"a": "b", "b": "a"}},
		"to a place that is taken":   {[]string{"a", "b"}, []plan.Move{{From: "a", To: "b"}}, map[string]string{"a": "a", "b": "b"}},
		"behind one that can't move": {[]string{"a", "b", "c"}, []plan.Move{{From: "a", To: "b"}, {From: "b", To: "c"}}, map[string]string{"a": "a", "b": "b", "c": "c"}},
		"two to one place":           {[]string{"a", "b"}, []plan.Move{{From: "a", To: "c"}, {From: "b", To: "c"}}, map[string]string{"a": "c", "b": "b"}},
		"one to two places":          {[]string{"a"}, []plan.Move{{From: "a", To: "b"}, {From: "a", To: "c"}}, map[string]string{"a": "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			var open []*Drift
			for _, address := range tt.open {
				open = append(open, &Drift{
					ID: uuid.New(), ResourceID: address, Origin: plan.OriginDrift, Status: Detected,
					Fingerprint: Fingerprint(account, "w", plan.OriginDrift, address),
				})
			}
			r := reconcile(comparison{account: account, workspace: "w", open: open, proves: true, now: time.Now()}, &plan.Plan{Moves: tt.moves})
			moved := 0
			for i, was := range tt.open {
				d := open[i]
				if d.ResourceID != tt.want[was] {
					t.Errorf("%s is at %s, want %s", was, d.ResourceID, tt.want[was])
				}
				if r.byKey[string(Fingerprint(account, "w", plan.OriginDrift, d.ResourceID))] != d {
					t.Errorf("%s is not found by its address", d.ResourceID)
				}
				if was != tt.want[was] {
					moved++
				}
			}
			if len(r.byKey) != len(open) || len(r.findings) != moved || len(r.parked) != moved {
				t.Errorf("%d open, %d findings, %d parked; %d have moved", len(r.byKey), len(r.findings), len(r.parked), moved)
			}
		})
	}
}

func TestFingerprint(t *testing.T) {
	account := uuid.New()
	seen := make(map[string]string)
	for name, f := range map[string][]byte{
		"one":               Fingerprint(account, "ab", plan.OriginDrift, "c"),
		"another split":     Fingerprint(account, "a", plan.OriginDrift, "bc"),
		"another origin":    Fingerprint(account, "ab", plan.OriginChange, "c"),
		"another account":   Fingerprint(uuid.New(), "ab", plan.OriginDrift, "c"),
		"another workspace": Fingerprint(account, "abc", plan.OriginDrift, "c"),
	} {
		if other, ok := seen[string(f)]; ok {
			t.Errorf("%s and %s have the same", name, other)
		}
		seen[string(f)] = name
	}
}

// TestReconcile_not_asked: a drift that was opened while the plan was read is not judged by it. Mutation: asked not looked at.
func TestReconcile_not_asked(t *testing.T) {
	account := uuid.New()
	open := func() []*Drift {
		return []*Drift{{
			ID: uuid.New(), ResourceID: "a", Origin: plan.OriginDrift, Status: Detected,
			Fingerprint: Fingerprint(account, "w", plan.OriginDrift, "a"),
		}}
	}
	clean := &plan.Plan{Evidence: plan.Evidence{Refreshed: plan.RefreshProven, Coverage: plan.CoverageFull}}
	for name, tt := range map[string]struct {
		asked    asked
		proves   bool
		resolved int
	}{
		"asked":                      {asked{{Origin: plan.OriginDrift, ID: "a"}: {}}, true, 1},
		"opened meanwhile":           {asked{}, true, 0},
		"a plan that proves nothing": {asked{{Origin: plan.OriginDrift, ID: "a"}: {}}, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := reconcile(comparison{account: account, workspace: "w", open: open(), asked: tt.asked, proves: tt.proves, now: time.Now()}, clean)
			if len(r.resolved) != tt.resolved || r.unproven != 1-tt.resolved {
				t.Errorf("%d resolved, %d unproven", len(r.resolved), r.unproven)
			}
		})
	}
}
