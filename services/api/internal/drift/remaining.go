package drift

import "github.com/driftsentry/driftsentry/services/api/internal/plan"

// Remaining counts what is open in a workspace after a check, of the drifts that plans found.
type Remaining struct {
	Unsettled map[plan.Severity]int // neither approved nor resolved: someone has to do something
	Approved  int
	// Suppressed are those that rules ignore, whatever was decided about them. The others are counted without them.
	Suppressed int
}

func remaining(drifts []*Drift) *Remaining {
	r := &Remaining{Unsettled: make(map[plan.Severity]int)}
	for _, d := range drifts {
		switch {
		case d.Status.Open() && d.IsSuppressed():
			r.Suppressed++
		case d.Status == Approved:
			r.Approved++
		case d.Status.Open():
			r.Unsettled[d.Severity]++
		}
	}
	return r
}
