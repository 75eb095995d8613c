package drift

import (
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/pkg/apierror"
)

func TestDrift_transitions(t *testing.T) {
	// What is not in here is refused.
	allowed := map[Status]map[Action]Status{
		Detected: {Triage: Triaged, Approve: Approved, Reject: Rejected, Resolve: Resolved},
		Triaged:  {Approve: Approved, Reject: Rejected, Resolve: Resolved},
		Approved: {Resolve: Resolved, Reopen: Detected},
		Rejected: {Resolve: Resolved, Reopen: Detected},
		Resolved: {},
	}
	for _, from := range Statuses {
		for _, action := range []Action{Triage, Approve, Reject, Resolve, Reopen} {
			t.Run(string(from)+"/"+string(action), func(t *testing.T) {
				d := &Drift{Status: from, Version: 7}
				want, ok := allowed[from][action]
				err := d.check(action)
				if d.Can(action) != ok || (err == nil) != ok {
					t.Fatalf("Can = %t, check = %v, want %t", d.Can(action), err, ok)
				}
				if !ok {
					if !apierror.Is(err, apierror.Conflict) {
						t.Errorf("%v is no conflict", err)
					}
					return
				}
				d.apply(action, time.Now())
				if d.Status != want || d.Version != 8 {
					t.Errorf("status %s, version %d; want %s, 8", d.Status, d.Version, want)
				}
			})
		}
	}
}
