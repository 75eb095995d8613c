package drift

import (
	"context"
	"errors"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/legible"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// Report is a drift that another tool, or a person, found.
type Report struct {
	ResourceID        string
	ResourceType      string
	Region            string
	ExpectedState     []byte // a JSON object, or null; nil when the caller left it out
	ActualState       []byte
	Severity          Severity // empty: decided as for a plan
	CostImpactMonthly float64
	Workspace         string
}

// Create makes a drift of a report, redacted like a plan.
func (s *Service) Create(ctx context.Context, p identity.Principal, r Report) (*Drift, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if err := p.MayUse(r.Workspace); err != nil {
		return nil, err
	}
	change, err := s.readReport(r, s.hideValues)
	if err != nil {
		return nil, err
	}
	var d *Drift
	err = s.inTx(ctx, p, "drift.create", func(ctx context.Context, w *work) error {
		// The list of workspaces must name it, and it is the first lock in any case.
		workspace, err := w.LockWorkspace(ctx, p.AccountID, r.Workspace)
		if err != nil {
			return err
		}
		change := change                            // A second attempt begins with the same.
		if workspace.HidesValues && !s.hideValues { // Few accounts do, and the others need no statement for it.
			if change, err = s.readReport(r, true); err != nil {
				return err
			}
		}
		w.locked()
		d = newDrift(p.AccountID, r.Workspace, Fingerprint(p.AccountID, r.Workspace, plan.OriginManual, r.ResourceID), change, w.now)
		d.CostImpactMonthly, d.DetectedBy = Cents(r.CostImpactMonthly), DetectedByPerson
		if p.IsKey() {
			d.DetectedBy = DetectedByAPI
		}
		rules, err := s.presentRules(ctx, w)
		if err != nil {
			return err
		}
		paths, _ := plan.ReadPaths(change.Paths, change.Hash)
		d.settle(rules.For(r.Workspace).Judge(d.subject(paths.Names())), d.Severity)
		if err := w.link(ctx, []*Drift{d}); err != nil {
			return err
		}
		if err := w.InsertDrifts(ctx, []*Drift{d}); err != nil {
			return err
		}
		w.record(ctx, event.DriftCreated, d, "reported by "+foundBy(d), "", nil)
		if !d.needsEyes() {
			return nil
		}
		return w.raise(ctx, alertsFor(r.Workspace, []*Drift{d}, w.now))
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// readReport redacts and compares both states.
func (s *Service) readReport(r Report, hide bool) (*plan.Change, error) {
	change, err := plan.ReadManual(plan.Manual{
		ResourceID: r.ResourceID, ResourceType: r.ResourceType, Region: r.Region,
		Expected: r.ExpectedState, Actual: r.ActualState, Severity: r.Severity,
	}, plan.Options{Key: s.dataKey, HideValues: hide})
	if errors.Is(err, plan.ErrNoDrift) {
		return nil, apierror.InvalidField("actualState", "must differ from expectedState")
	}
	if err != nil {
		return nil, planError(err)
	}
	return change, nil
}

// Bounds of a report's texts, in characters.
const (
	maxResourceID   = 1024
	maxResourceType = 256
	maxRegion       = 64
)

// check finds everything that is wrong with a report's fields.
func (r *Report) check() error {
	var fields []apierror.Field
	refuse := func(name, message string) { fields = append(fields, apierror.Field{Field: name, Message: message}) }
	for _, text := range []struct {
		name, value string
		most        int
		message     string
	}{
		{"resourceId", r.ResourceID, maxResourceID, "must have 1 to 1024 characters"},
		{"resourceType", r.ResourceType, maxResourceType, "must have 1 to 256 characters"},
		{"region", r.Region, maxRegion, "must have 1 to 64 characters"},
	} {
		if n := utf8.RuneCountInString(text.value); n < 1 || n > text.most {
			refuse(text.name, text.message)
		} else if problem := legible.Filled(text.value); problem != "" {
			refuse(text.name, problem)
		}
	}
	if r.ExpectedState == nil {
		refuse("expectedState", "is required: an object, or null when the resource should not exist")
	}
	if r.ActualState == nil {
		refuse("actualState", "is required: an object, or null when the resource does not exist")
	}
	if r.Severity != "" && !slices.Contains(Severities, r.Severity) {
		refuse("severity", "must be one of critical, warning, info")
	}
	if math.IsNaN(r.CostImpactMonthly) || math.Abs(r.CostImpactMonthly) > maxMoney {
		refuse("costImpactMonthly", "must be a number from -999999999999.99 to 999999999999.99")
	}
	if problem := CheckWorkspaceName(r.Workspace); problem != "" {
		refuse("workspace", problem)
	}
	if len(fields) > 0 {
		return apierror.InvalidFields(fields...)
	}
	return nil
}
