package drift_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

func TestService_List(t *testing.T) {
	w := newWorld(t)
	w.report("one", func(r *drift.Report) { r.Severity, r.CostImpactMonthly, r.Region = plan.Info, 20, "eu-west-1" })
	w.report("100%_b\\c", func(r *drift.Report) { r.Severity, r.CostImpactMonthly, r.ResourceType = plan.Critical, 10, "aws_vpc" })
	w.report("Three", func(r *drift.Report) { r.Severity, r.CostImpactMonthly, r.Workspace = plan.Warning, -5, "prod" })
	w.report("four", func(r *drift.Report) { r.Severity, r.CostImpactMonthly = plan.Warning, 10 })
	if _, err := w.service.Triage(t.Context(), w.engineer, w.drifts()["four"].ID, 0); err != nil {
		t.Fatal(err)
	}
	w.exec("update drift set created_at = created_at + interval '1 hour', last_seen_at = last_seen_at - interval '1 hour' where resource_id = 'one'")

	// These indexes would break ties by themselves.
	w.exec("drop index drift_cost_idx, drift_severity_idx")

	listed := func(f drift.Filter, o drift.Order, p list.Page) ([]string, int) {
		t.Helper()
		drifts, total, err := w.list(f, o, p)
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, d := range drifts {
			found = append(found, d.ResourceID)
		}
		return found, total
	}
	odd := "100%_b\\c"
	all := list.Page{Number: 1, Size: 100}
	for name, tt := range map[string]struct {
		filter drift.Filter
		want   []string
	}{
		"nothing":                {drift.Filter{}, []string{"one", odd, "Three", "four"}},
		"severity":               {drift.Filter{Severity: []drift.Severity{plan.Warning}}, []string{"Three", "four"}},
		"status":                 {drift.Filter{Status: []drift.Status{drift.Triaged}}, []string{"four"}},
		"workspace":              {drift.Filter{Workspace: []string{"prod"}}, []string{"Three"}},
		"type":                   {drift.Filter{ResourceType: []string{"aws_vpc"}}, []string{odd}},
		"region":                 {drift.Filter{Region: []string{"eu-west-1"}}, []string{"one"}},
		"search in any case":     {drift.Filter{Search: "thr"}, []string{"Three"}},
		"search in the type":     {drift.Filter{Search: "VPC"}, []string{odd}},
		"search for a wildcard":  {drift.Filter{Search: "%"}, []string{odd}},
		"search for another one": {drift.Filter{Search: "_b"}, []string{odd}},
		"search for a backslash": {drift.Filter{Search: `\`}, []string{odd}},
		"all of them at once":    {drift.Filter{Severity: []drift.Severity{plan.Warning}, Status: []drift.Status{drift.Detected}, Search: "e"}, []string{"Three"}},
		"what is not there":      {drift.Filter{Search: "'; drop table drift; --"}, nil},
	} {
		t.Run("filtered by "+name, func(t *testing.T) {
			got, total := listed(tt.filter, drift.Order{By: drift.ByCreated}, all)
			slices.Sort(got)
			slices.Sort(tt.want)
			if !slices.Equal(got, tt.want) || total != len(tt.want) {
				t.Errorf("got %v of %d, want %v", got, total, tt.want)
			}
		})
	}
	for _, tt := range []struct {
		order drift.Order
		want  []string
	}{
		{drift.Order{By: drift.ByCreated, Direction: drift.Descending}, []string{"one", "four", "Three", odd}},
		{drift.Order{By: drift.ByCreated, Direction: drift.Ascending}, []string{odd, "Three", "four", "one"}},
		{drift.Order{By: drift.ByDetected, Direction: drift.Ascending}, []string{"one", odd, "Three", "four"}},
		{drift.Order{By: drift.ByLastSeen, Direction: drift.Ascending}, []string{"one", odd, "Three", "four"}},
		{drift.Order{By: drift.ByCost, Direction: drift.Descending}, []string{"one", "four", odd, "Three"}},
		{drift.Order{By: drift.ByCost, Direction: drift.Ascending}, []string{"Three", odd, "four", "one"}},
		{drift.Order{By: drift.BySeverity, Direction: drift.Descending}, []string{odd, "four", "Three", "one"}},
	} {
		t.Run(fmt.Sprintf("sorted by %s %s", tt.order.By, tt.order.Direction), func(t *testing.T) {
			if got, _ := listed(drift.Filter{}, tt.order, all); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			// Page by page it is the same, ties included.
			var paged []string
			for n := range tt.want {
				got, total := listed(drift.Filter{}, tt.order, list.Page{Number: n + 1, Size: 1})
				if paged = append(paged, got...); total != len(tt.want) {
					t.Errorf("page %d of %d", n+1, total)
				}
			}
			if !slices.Equal(paged, tt.want) {
				t.Errorf("page by page %v, want %v", paged, tt.want)
			}
		})
	}
}

func TestService_Events(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.report(fmt.Sprint(i))
	}
	first, err := w.service.Events(t.Context(), w.engineer, nil, 2)
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Items) != 2 || !first.HasMore || first.Head.Position != 5 || first.Items[0].Cursor.Position != 1 {
		t.Errorf("%+v", first)
	}
	rest, err := w.service.Events(t.Context(), w.engineer, &first.Items[1].Cursor, 100)
	if err != nil || len(rest.Items) != 3 || rest.HasMore || rest.Items[0].Cursor.Position != 3 {
		t.Errorf("%+v, %v", rest, err)
	}
	at, err := w.service.Events(t.Context(), w.engineer, &rest.Head, 100)
	if err != nil || len(at.Items) != 0 || at.HasMore {
		t.Errorf("at the head: %+v, %v", at, err)
	}
	for name, c := range map[string]event.Cursor{
		"ahead": {Epoch: first.Head.Epoch, Mark: event.Mark{Position: 6}}, "another epoch": {Epoch: "0", Mark: event.Mark{Position: 1}},
		"another event there": {Epoch: first.Head.Epoch, Mark: event.Mark{Position: 2, Tag: first.Items[1].Cursor.Tag + 1}},
	} {
		_, err := w.service.Events(t.Context(), w.engineer, &c, 100)
		if !apierror.Is(err, apierror.Conflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	strange, err := w.service.Events(t.Context(), w.stranger, nil, 100)
	if err != nil || len(strange.Items) != 0 || strange.Head.Position != 0 {
		t.Errorf("another account sees %+v, %v", strange, err)
	}
}

// Alerts are read per person: what one has read is unread for another. A decision settles them for all. Mutations: a join without
// the user; a count of what is unread for anyone; an alert that is read again; a reader in the event of a decision, or none in
// that of a person.
func TestService_alerts(t *testing.T) {
	w := newWorld(t)
	var drifts []*drift.Drift
	for i := range 3 {
		drifts = append(drifts, w.report(fmt.Sprint(i), func(r *drift.Report) { r.Severity = plan.Critical }))
	}
	unread, read := false, true
	alerts, err := w.service.ListAlerts(t.Context(), w.engineer, drift.AlertFilter{
		DriftID: &drifts[1].ID, IsRead: &unread, Severity: []drift.Severity{plan.Critical, plan.Info}, Type: []drift.AlertType{drift.DriftDetected},
	}, first(10))
	if err != nil || alerts.Total != 1 || len(alerts.Items) != 1 {
		t.Fatalf("%v, %v", alerts, err)
	}
	id := alerts.Items[0].ID
	for range 2 { // The second time changes nothing.
		a, err := w.service.MarkAlertRead(t.Context(), w.engineer, id)
		if err != nil || !a.IsRead || *a.ReadBy != w.engineer.Email || a.ReadAt == nil {
			t.Errorf("%+v, %v", a, err)
		}
	}
	isRead := func(p identity.Principal) bool {
		t.Helper()
		a, _, err := w.service.Alert(t.Context(), p, id)
		if err != nil || a.IsRead != (a.ReadAt != nil) {
			t.Errorf("%+v, %v", a, err)
		}
		return a.IsRead
	}
	if !isRead(w.engineer) || isRead(w.colleague) {
		t.Error("the alert must be read for the engineer, and unread for the colleague")
	}
	_, err = w.service.MarkAlertRead(t.Context(), w.stranger, id)
	wantKind(t, err, apierror.NotFound)
	_, _, err = w.service.Alert(t.Context(), w.stranger, id)
	wantKind(t, err, apierror.NotFound)
	if n, err := w.service.MarkAllAlertsRead(t.Context(), w.stranger); err != nil || n != 0 {
		t.Errorf("a stranger marked %d, %v", n, err)
	}
	counts := func(engineer, colleague int) {
		t.Helper()
		for _, c := range []struct {
			who  identity.Principal
			want int
		}{{w.engineer, engineer}, {w.colleague, colleague}} {
			if n, err := w.service.CountUnreadAlerts(t.Context(), c.who); err != nil || n != c.want {
				t.Errorf("%s: %d unread, %v; want %d", c.who.Email, n, err, c.want)
			}
			for is, want := range map[*bool]int{&unread: c.want, &read: 3 - c.want} {
				if part, err := w.service.ListAlerts(t.Context(), c.who, drift.AlertFilter{IsRead: is}, first(10)); err != nil || part.Total != want || len(part.Items) != want {
					t.Errorf("%s: isRead=%t gives %d of %d, %v; want %d", c.who.Email, *is, len(part.Items), part.Total, err, want)
				}
			}
		}
	}
	counts(2, 3)
	if _, err := w.service.Approve(t.Context(), w.colleague, drifts[0].ID, reason, 0); err != nil {
		t.Fatal(err)
	}
	counts(1, 2)
	for _, want := range []int{1, 0} {
		if n, err := w.service.MarkAllAlertsRead(t.Context(), w.engineer); err != nil || n != want {
			t.Errorf("marked %d, want %d; %v", n, want, err)
		}
	}
	counts(0, 2)
	if got, want := w.events()[6:], []event.Type{event.AlertRead, event.DriftApproved, event.AlertRead, event.AlertRead}; !slices.Equal(got, want) {
		t.Fatalf("events %v, want %v", got, want)
	}
	readers := query[[]string](w, "select array_agg(coalesce(body->'data'->>'userId', '') order by position) from event where type = 'alert.read'")
	if want := []string{w.engineer.UserID.String(), "", w.engineer.UserID.String()}; !slices.Equal(readers, want) {
		t.Errorf("the events name %q, want %q", readers, want)
	}
}
