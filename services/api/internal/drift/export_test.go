package drift_test

import (
	"errors"
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// Mutation: Export goes on after the last row of a part with the whole list, or skips a row.
func TestService_Export(t *testing.T) {
	w := newWorld(t)
	const many = 600 // more than two parts
	first := w.report("0")
	w.exec(`insert into drift (id, account_id, fingerprint, workspace, resource_id, resource_type, origin, expected_state, actual_state, difference,
			difference_mac, severity, detected_by)
		select gen_random_uuid(), account_id, sha256(x::text::bytea), workspace, x::text, resource_type, origin, expected_state, actual_state, difference,
			difference_mac, case when x % 2 = 0 then 'info' else 'warning' end, detected_by from drift, generate_series(1, $2) x where id = $1`, first.ID, many)
	for name, tt := range map[string]struct {
		filter drift.Filter
		want   int
	}{
		"all":     {drift.Filter{}, many + 1},
		"some":    {drift.Filter{Severity: []drift.Severity{"info"}}, many / 2},
		"nothing": {drift.Filter{Search: "nowhere"}, 0},
	} {
		seen := map[string]bool{}
		head, err := w.service.Export(t.Context(), w.engineer, tt.filter, func(part []*drift.Drift) error {
			for _, d := range part {
				if seen[d.ResourceID] {
					t.Errorf("%s: %s comes twice", name, d.ResourceID)
				}
				seen[d.ResourceID] = true
			}
			return nil
		})
		if err != nil || len(seen) != tt.want || head == "" {
			t.Errorf("%s: %d rows at %q, %v", name, len(seen), head, err)
		}
	}
	gone := errors.New("the reader is gone")
	if _, err := w.service.Export(t.Context(), w.engineer, drift.Filter{}, func([]*drift.Drift) error { return gone }); !errors.Is(err, gone) {
		t.Errorf("the error is %v", err)
	}
	if _, err := w.service.Export(t.Context(), w.stranger, drift.Filter{}, func([]*drift.Drift) error { return errors.New("a stranger sees a row") }); err != nil {
		t.Error(err)
	}
}
