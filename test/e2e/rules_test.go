package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// planOfProduction is a normal plan as `terraform show -json` prints it: a database whose time moves, a group that is scaled, 40 resources of
// which a new provider fills a default, about which the plan does nothing, and a security group, open to the world if open says so.
func planOfProduction(t *testing.T, at time.Time, restorable string, capacity int, open bool) []byte {
	t.Helper()
	var drift, changes []map[string]any
	add := func(typ, name, action string, before, after map[string]any) {
		address := typ + "." + name
		entry := func(action string, before, after map[string]any) map[string]any {
			return map[string]any{
				"address": address, "mode": "managed", "type": typ, "name": name, "provider_name": "registry.terraform.io/hashicorp/aws",
				"change": map[string]any{"actions": []string{action}, "before": before, "after": after, "before_sensitive": map[string]any{}, "after_sensitive": map[string]any{}},
			}
		}
		drift = append(drift, entry("update", before, after))
		changes = append(changes, entry(action, after, before))
	}
	add("aws_db_instance", "main", "update", map[string]any{"latest_restorable_time": "2026-01-01T00:00:00Z", "instance_class": "db.r6g.large"},
		map[string]any{"latest_restorable_time": restorable, "instance_class": "db.r6g.large"})
	add("aws_autoscaling_group", "web", "update", map[string]any{"desired_capacity": 2, "max_size": 20}, map[string]any{"desired_capacity": capacity, "max_size": 20})
	for i := range 40 {
		add("aws_s3_bucket", fmt.Sprintf("logs%d", i), "no-op", map[string]any{"bucket": fmt.Sprintf("logs-%d", i), "object_lock_enabled": nil},
			map[string]any{"bucket": fmt.Sprintf("logs-%d", i), "object_lock_enabled": false})
	}
	rule := func(cidr string) map[string]any {
		return map[string]any{"name": "web", "ingress": []map[string]any{{"from_port": 22, "to_port": 22, "protocol": "tcp", "cidr_blocks": []string{cidr}}}}
	}
	if open {
		add("aws_security_group", "web", "update", rule("10.0.0.0/8"), rule("0.0.0.0/0"))
	}
	return mustJSON(t, map[string]any{
		"format_version": "1.2", "terraform_version": "1.11.4", "timestamp": at.UTC().Format(time.RFC3339), "complete": true, "applyable": true,
		"resource_drift": drift, "resource_changes": changes,
		"planned_values": map[string]any{"root_module": map[string]any{}}, "configuration": map[string]any{"root_module": map[string]any{}},
	})
}

// TestRulesStory is the story of docs/rules.md: three rules leave the one real drift, which Slack hears of. What is hidden is shown with its
// end, and surfaces after it. Mutations: driftSeverity of package notify takes suppressed drifts; no drift.surfaced in its Events; and see the
// tests of package drift.
func TestRulesStory(t *testing.T) {
	messages := make(chan string, 100)
	slack := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		messages <- string(body)
	}))
	defer slack.Close()
	hears := func(want string) string {
		t.Helper()
		select {
		case got := <-messages:
			if !strings.Contains(got, want) {
				t.Errorf("the message is %s, want %q", got, want)
			}
			return got
		case <-time.After(patience):
			t.Fatalf("no message %q", want)
			return ""
		}
	}
	p := startPair(t, pgtest.DSN(t), "NOTIFY_ALLOWED_NETWORKS=127.0.0.0/8")
	admin, viewer := p.signIn("admin"), p.signIn("viewer")
	ci := p.client(admin.createKey())
	type drift struct {
		ResourceID string
		Severity   string
		Suppressed *struct {
			Rule, Reason string
			Until        *time.Time
		}
	}
	listed := func(query string) (total int, items []drift) {
		var page struct {
			Items      []drift
			Pagination struct{ Total int }
		}
		viewer.get(t.Context(), "/api/v1/drifts?limit=100"+query).decode(t, &page)
		return page.Pagination.Total, page.Items
	}
	type result struct {
		Data struct {
			Open struct {
				Unsettled  map[string]int
				Suppressed int
			}
			Check struct {
				Counts struct{ New, Unchanged, Suppressed int }
			}
			Drifts []drift
		}
	}
	start := time.Now().Add(-time.Hour)
	send := func(minute int, restorable string, capacity int, open bool) (r result) {
		t.Helper()
		body := planOfProduction(t, start.Add(time.Duration(minute)*time.Minute), restorable, capacity, open)
		a := ci.do(t.Context(), http.MethodPost, p.apiURL+"/api/v1/ingest/plan?workspace=production", body)
		if a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if err := json.Unmarshal(a.body, &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	send(0, "2026-01-02T00:00:00Z", 3, false)
	if n, _ := listed(""); n != 42 {
		t.Fatalf("%d drifts before there are rules", n)
	}
	if a := admin.post(t.Context(), "/api/v1/channels", map[string]any{
		"name": "operators", "kind": "slack", "url": slack.URL, "severities": []string{"critical", "warning", "info"},
		"events": []string{"drift.created", "drift.updated", "drift.reopened", "drift.resolved", "drift.surfaced"},
	}); a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.body)
	}
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	rules := map[string]string{}
	for name, draft := range map[string]map[string]any{
		"restorable": {"effect": "ignore", "match": map[string]any{"types": []string{"aws_db_instance"}, "paths": []string{"latest_restorable_time"}}, "reason": "the provider writes this time with every backup"},
		"capacity":   {"effect": "ignore", "match": map[string]any{"addresses": []string{"aws_autoscaling_group.web"}, "paths": []string{"desired_capacity"}}, "reason": "the autoscaler sets the capacity"},
		"defaults":   {"effect": "ignore", "match": map[string]any{"providers": []string{"hashicorp/aws"}, "origins": []string{"drift"}, "plannedNoOp": true}, "reason": "defaults of the new provider", "expiresAt": until},
	} {
		var made struct{ ID string }
		a := admin.post(t.Context(), "/api/v1/rules", draft)
		if a.status != http.StatusCreated {
			t.Fatalf("%d %s", a.status, a.body)
		}
		a.decode(t, &made)
		rules[name] = made.ID
	}
	wait := func(what string, reached func() bool) {
		t.Helper()
		for !reached() {
			select {
			case <-t.Context().Done():
				t.Fatalf("%s did not come", what)
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	wait("an empty list", func() bool { n, _ := listed(""); return n == 0 })

	r := send(1, "2026-01-03T00:00:00Z", 7, true)
	if o := r.Data.Open; o.Unsettled["critical"] != 1 || o.Unsettled["warning"]+o.Unsettled["info"] != 0 || o.Suppressed != 42 {
		t.Errorf("%+v", o)
	}
	if c := r.Data.Check.Counts; c.New != 1 || c.Unchanged != 0 || c.Suppressed != 42 {
		t.Errorf("%+v", c)
	}
	if d := r.Data.Drifts[0]; d.ResourceID != "aws_security_group.web" || d.Suppressed != nil {
		t.Errorf("the response begins with %+v", d)
	}
	if n, items := listed(""); n != 1 || items[0].ResourceID != "aws_security_group.web" || items[0].Severity != "critical" {
		t.Errorf("%d drifts: %+v", n, items)
	}
	if got := hears("*production* · drifts: 1 new"); !strings.Contains(got, "aws_security_group.web new") || strings.Contains(got, "aws_s3_bucket") {
		t.Errorf("the message is %s", got)
	}
	n, hidden := listed("&suppressed=true")
	byRule := map[string]int{}
	for _, d := range hidden {
		byRule[d.Suppressed.Rule]++
		if (d.Suppressed.Rule == rules["defaults"]) != (d.Suppressed.Until != nil) || d.Suppressed.Until != nil && !d.Suppressed.Until.Equal(until) {
			t.Errorf("%+v", *d.Suppressed)
		}
	}
	if n != 42 || byRule[rules["restorable"]] != 1 || byRule[rules["capacity"]] != 1 || byRule[rules["defaults"]] != 40 {
		t.Errorf("%d hidden, by rule %v", n, byRule)
	}
	// The end comes sooner.
	a := admin.do(t.Context(), http.MethodPatch, p.apiURL+"/api/v1/rules/"+rules["defaults"], mustJSON(t, map[string]any{"expiresAt": time.Now().Add(time.Second)}))
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	wait("the defaults", func() bool { n, _ := listed(""); return n == 41 })
	if n, _ := listed("&suppressed=true"); n != 2 {
		t.Errorf("%d are hidden after the end", n)
	}
	hears("*production* · drifts: 40 surfaced")
	if len(messages) != 0 {
		t.Errorf("there is another message: %s", <-messages)
	}
}
