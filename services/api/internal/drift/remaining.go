package drift

import "github.com/driftsentry/driftsentry/services/api/internal/plan"

// Remaining counts what is open in a workspace after a check, of the drifts that plans found.
type Remaining struct {
	Unsettled map[plan.Severity]int // neither approved nor resolved: someone has to do something
	Approved  int
}

func remaining(drifts []*Drift) *Remaining {
	r := &Remaining{Unsettled: make(map[plan.Severity]int)}
	for _, d := range drifts {
		switch {
		case d.Status == Approved:
			r.Approved++
		case d.Status.Open():
			r.Unsettled[d.Severity]++
		}
	}
	return r
}
