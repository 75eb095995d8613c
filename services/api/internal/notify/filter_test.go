package notify

import (
	"slices"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/pkg/event"
)

// Mutations: each line of wants; a glob that a slash matches; an owner compared by its case.
func TestFilter_wants(t *testing.T) {
	all := Filter{Events: texts(Events), Severities: Severities}
	with := func(change func(*Filter)) Filter {
		f := all
		change(&f)
		return f
	}
	for name, c := range map[string]struct {
		filter Filter
		want   bool
	}{
		"everything":        {all, true},
		"another event":     {with(func(f *Filter) { f.Events = []string{"drift.resolved"} }), false},
		"another severity":  {with(func(f *Filter) { f.Severities = []string{"critical", "info"} }), false},
		"the workspace":     {with(func(f *Filter) { f.Workspaces = []string{"x", "net/*"} }), true},
		"another workspace": {with(func(f *Filter) { f.Workspaces = []string{"*"} }), false},
		"the owner":         {with(func(f *Filter) { f.Owners = []string{"x", "team-net"} }), true},
		"another owner":     {with(func(f *Filter) { f.Owners = []string{"team"} }), false},
	} {
		if got := c.filter.wants(event.DriftCreated, "warning", "net/prod", "Team-Net"); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if with(func(f *Filter) { f.Owners = []string{"team"} }).wants(event.DriftCreated, "warning", "net/prod", "") {
		t.Error("a workspace without an owner was taken for another's")
	}
}

// Mutations: suppressed drifts noticed, or drift.suppressed not; rules not noticed; previews and stale checks noticed; a failed check as an
// info; alerts noticed; a notice for nothing; none for a workspace without checks, or for an approval that has ended.
func TestNoticeOf(t *testing.T) {
	check := func(change func(*event.CheckData)) event.Draft {
		c := event.CheckData{Status: "drifted"}
		change(&c)
		return event.Draft{Type: event.CheckCompleted, Data: c}
	}
	alert := event.Draft{Type: event.AlertCreated, Data: event.AlertData{Severity: "critical"}}
	created := event.Draft{Type: event.DriftCreated, Data: event.DriftData{Severity: "critical"}}
	hidden := event.Draft{Type: event.DriftCreated, Data: event.DriftData{Severity: "critical", Suppressed: &event.Suppression{}}}
	for name, c := range map[string]struct {
		drafts     []event.Draft
		types      []string
		severities []string
	}{
		"alerts":     {[]event.Draft{alert}, nil, nil},
		"suppressed": {[]event.Draft{hidden}, nil, nil},
		"hiding":     {[]event.Draft{{Type: event.DriftSuppressed, Data: hidden.Data}}, []string{"drift.suppressed"}, []string{"critical"}},
		"a rule":     {[]event.Draft{{Type: event.RuleEnded, Data: event.RuleData{}}}, []string{"rule.ended"}, []string{"warning"}},
		"a preview":  {[]event.Draft{check(func(c *event.CheckData) { c.Purpose = "preview" })}, nil, nil},
		"stale":      {[]event.Draft{check(func(c *event.CheckData) { c.Stale = true })}, nil, nil},
		"a failure":  {[]event.Draft{check(func(c *event.CheckData) { c.Status = "failed" })}, []string{"check.completed"}, []string{"warning"}},
		"a check":    {[]event.Draft{created, created, alert, check(func(*event.CheckData) {})}, []string{"drift.created", "check.completed"}, []string{"critical", "info"}},
		"no checks":  {[]event.Draft{{Type: event.WorkspaceStale, Data: event.WorkspaceStaleData{}}}, []string{"workspace.stale"}, []string{"warning"}},
		"an end":     {[]event.Draft{{Type: event.DriftExpired, Data: event.DriftData{Severity: "critical"}}}, []string{"drift.expired"}, []string{"critical"}},
		"a decision": {[]event.Draft{{Type: event.DriftApproved, Data: event.DriftData{Severity: "info"}}}, []string{"drift.approved"}, []string{"info"}},
	} {
		n := NoticeOf(c.drafts)
		if c.types == nil {
			if n != nil {
				t.Errorf("%s: %+v", name, n)
			}
			continue
		}
		if n == nil || !slices.Equal(n.Types, c.types) || !slices.Equal(n.Severities, c.severities) || n.Events != len(c.drafts) {
			t.Errorf("%s: %+v", name, n)
		}
	}
}

// Mutations: no last attempt at the deadline; Retry-After not heeded; pauses that do not grow, or do without end; Final tried again.
func TestResult(t *testing.T) {
	at := time.Now()
	n := &Next{Delivery: Delivery{ExpiresAt: at.Add(Patience)}}
	attempt := func(attempts int, out Outcome) Result {
		n.Attempts = attempts
		return result(n, out, at)
	}
	failed := Outcome{Failure: "status 500", Status: 500}
	if r := attempt(0, Outcome{Status: 200}); r.State != Delivered || r.Error != nil || *r.Status != 200 || r.Attempts != 1 {
		t.Errorf("%+v", r)
	}
	last := time.Duration(0)
	for attempts := range 10 {
		r := attempt(attempts, failed)
		pause := r.NextAttemptAt.Sub(at)
		if r.State != Waiting || pause <= last {
			t.Errorf("attempt %d: %s after %s, %s", attempts, pause, last, r.State)
		}
		last = pause
	}
	if pause := attempt(5000, failed).NextAttemptAt.Sub(at); pause > mostPause || pause < mostPause/2 {
		t.Errorf("the longest pause is %s", pause)
	}
	slow := failed
	slow.RetryAfter = 3 * time.Hour
	if pause := attempt(0, slow).NextAttemptAt.Sub(at); pause != 3*time.Hour {
		t.Errorf("Retry-After: %s", pause)
	}
	slow.RetryAfter = 100 * time.Hour
	if r := attempt(0, slow); !r.NextAttemptAt.Equal(n.ExpiresAt) || r.State != Waiting {
		t.Errorf("beyond the deadline: %+v", r)
	}
	if r := attempt(0, Outcome{Failure: "status 410", Final: true}); r.State != Parked {
		t.Errorf("%+v", r)
	}
	n.ExpiresAt = at
	if r := attempt(0, failed); r.State != Parked {
		t.Errorf("at the deadline: %+v", r)
	}
}
