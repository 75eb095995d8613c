package drift_test

import (
	"slices"
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/audit"
)

func TestTrail_List(t *testing.T) {
	w := newWorld(t)
	a, b := w.report("a"), w.report("b")
	if _, err := w.service.Approve(t.Context(), w.colleague, a.ID, reason, 0); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		filter audit.Filter
		want   []string
	}{
		"newest first": {audit.Filter{}, []string{"drift.approved a", "drift.created b", "drift.created a"}},
		"of a drift":   {audit.Filter{DriftID: &b.ID}, []string{"drift.created b"}},
		"of a person":  {audit.Filter{ActorID: &w.colleague.UserID}, []string{"drift.approved a"}},
		"of an action": {audit.Filter{Action: "drift.created"}, []string{"drift.created b", "drift.created a"}},
	} {
		t.Run(name, func(t *testing.T) {
			part, err := w.trail.List(t.Context(), w.engineer.AccountID, tt.filter, first(10))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, row := range part.Items {
				got = append(got, row.Action+" "+row.Subject)
			}
			if !slices.Equal(got, tt.want) || part.Total != len(tt.want) {
				t.Errorf("%d: %v, want %v", part.Total, got, tt.want)
			}
		})
	}
	if part, err := w.trail.List(t.Context(), w.stranger.AccountID, audit.Filter{}, first(10)); err != nil || part.Total != 0 || len(part.Items) != 0 {
		t.Errorf("a stranger sees %v, %v", part, err)
	}
}
