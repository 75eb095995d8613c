package client_test

import (
	"context"
	"iter"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/testkit/spec"
)

// TestClient_has_every_operation uses each method of the client as its users would, on a real api, under the eyes of the
// documentation: every request is what openapi.yaml says, every operation has a method, and every property of a response has
// a place in the client's types.
//
// Mutations: a method less, a field less in a type, a wrong name of a field or parameter.
func TestClient_has_every_operation(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p := startPair(ctx, t)
	r := &recorder{base: spec.Transport(t, http.DefaultTransport), used: map[string]bool{}}
	through := client.WithHTTPClient(&http.Client{Transport: r})
	admin, engineer := p.as("admin", through), p.as("engineer", through)
	see := func(what string) func(any, error) {
		return func(made any, err error) {
			t.Helper()
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			r.expectWhole(t, what, made)
		}
	}
	people(ctx, t, p, admin, through)
	key, err := admin.CreateAPIKey(ctx, client.NewAPIKey{Name: "ci", Scope: client.ScopeIngest})
	see("CreateAPIKey")(key, err)
	keys, err := admin.ListAPIKeys(ctx, client.Page{})
	see("ListAPIKeys")(keys, err)
	trust, err := admin.CreateTrust(ctx, client.NewTrust{
		Name: "network repository", Issuer: "https://token.actions.githubusercontent.com", Audience: "https://driftsentry.acme.example",
		Subject: "repo:acme/network:**", Claims: map[string]string{"repository_owner_id": "42"}, Workspaces: []string{"network"},
	})
	see("CreateTrust")(trust, err)
	trusts, err := admin.ListTrusts(ctx, client.Page{})
	see("ListTrusts")(trusts, err)
	if err := admin.DeleteTrust(ctx, trust.ID); err != nil {
		t.Error(err)
	}
	channel := channels(ctx, t, admin, see)

	ci := p.client(through, client.WithAPIKey(key.Key))
	plan, err := os.Open("../../services/api/internal/plan/testdata/plans/refresh_only_tf1.11.4.json")
	if err != nil {
		t.Fatal(err)
	}
	defer plan.Close()
	result, err := ci.SendPlan(ctx, "production", plan, client.PlanOptions{Scope: "full", IncludeChanges: true})
	see("SendPlan")(result, err)
	failure, err := ci.SendFailure(ctx, "production", "terraform init failed", "preview", client.Source{Ref: "main", RunURL: "https://ci.example.com/1"})
	see("SendFailure")(map[string]any{"check": failure}, err)
	inspect(ctx, engineer, see, result.Check.ID)
	rules(ctx, admin, engineer, see)
	report, err := ci.ReportDrift(ctx, client.DriftReport{
		ResourceID: "i-1", ResourceType: "aws_instance", Region: "eu-central-1", Severity: client.Critical, CostImpactMonthly: 236.4, Workspace: "reported",
		ExpectedState: map[string]string{"size": "small"}, ActualState: map[string]string{"size": "large"},
	})
	see("ReportDrift")(report, err)

	list, err := engineer.ListDrifts(ctx, client.DriftQuery{
		Severity: client.AnyOf(client.Critical, client.Info), Status: client.Detected, Workspace: "reported", ResourceType: "aws_instance",
		Region: "eu-central-1", Origin: "manual", Open: new(true), From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour),
		Search: "size", SortBy: "severity", SortOrder: "asc", IncludeStates: true,
	}, client.Page{Number: 1, Size: 5})
	see("ListDrifts")(list, err)
	if len(list.Items) != 1 || list.Items[0].ID != report.ID {
		t.Errorf("found %+v", list.Items)
	}
	alerts, err := engineer.ListAlerts(ctx, client.AlertQuery{IsRead: new(false), Severity: client.Critical, Type: client.DriftDetected}, client.Page{})
	see("ListAlerts")(alerts, err)
	unread, err := engineer.CountUnreadAlerts(ctx)
	if err != nil || unread != len(alerts.Items) || unread == 0 {
		t.Fatalf("%d unread, %v; the list has %d", unread, err, len(alerts.Items))
	}
	got, err := engineer.GetAlert(ctx, alerts.Items[0].ID)
	see("GetAlert")(got, err)
	alert, err := engineer.MarkAlertRead(ctx, alerts.Items[0].ID)
	see("MarkAlertRead")(alert, err)
	if marked, err := engineer.MarkAllAlertsRead(ctx); err != nil || marked != unread-1 {
		t.Errorf("%d marked, %v", marked, err)
	}

	decide(ctx, t, engineer, report, see, collect(t, engineer.Drifts(ctx, client.DriftQuery{Workspace: "production"})))
	numbers(ctx, engineer, see)
	deliveries, err := admin.ListDeliveries(ctx, channel, "waiting", client.Page{})
	see("ListDeliveries")(deliveries, err)
	if len(deliveries.Items) == 0 {
		t.Error("no delivery waits")
	}
	if err := admin.DeleteChannel(ctx, channel); err != nil {
		t.Error(err)
	}
	audit, err := admin.ListAudit(ctx, client.AuditQuery{DriftID: report.ID, Action: "drift.created"}, client.Page{})
	see("ListAudit")(audit, err)
	var trail strings.Builder
	if err := admin.ExportAuditTo(ctx, &trail, client.CSV, client.AuditQuery{DriftID: report.ID, Action: "drift.created"}); err != nil || strings.Count(trail.String(), "\n") != 2 {
		t.Errorf("%v: %s", err, &trail)
	}
	failures, err := admin.RecentErrors(ctx)
	see("RecentErrors")(failures, err)
	if err := admin.DeleteAPIKey(ctx, key.APIKey.ID); err != nil {
		t.Error(err)
	}
	if err := admin.SignOut(ctx); err != nil {
		t.Error(err)
	}

	// A sign-in with the identity provider, and what a page measures, are for browsers. The documents are for readers; the probes and the metrics are for orchestrators, the set of keys for verifiers of tokens, who have
	// libraries for it.
	others := []string{
		"GET /.well-known/jwks.json", "GET /api/v1/auth/oidc/callback", "GET /api/v1/auth/oidc/login", "GET /asyncapi.json", "GET /docs", "GET /docs/style.css", "GET /health/detailed", "GET /health/live",
		"GET /health/ready", "GET /metrics", "GET /openapi.json",
		"POST /api/v1/channels/{id}/deliveries/{delivery}/replay", // Nothing was parked; its 404 is seen below.
		"POST /api/v1/telemetry",
	}
	if missing := slices.Sorted(slices.Values(r.unused(t))); !slices.Equal(missing, others) {
		t.Errorf("no method of the client was called for %v: add the method, and a call here; only %v have none", missing, others)
	}
}

// channels makes a channel that leads nowhere, and returns its id.
func channels(ctx context.Context, t *testing.T, admin *client.Client, see func(string) func(any, error)) string {
	t.Helper()
	created, err := admin.CreateChannel(ctx, client.NewChannel{Name: "nowhere", Kind: "webhook", URL: "https://hooks.invalid/", Severities: []client.Severity{client.Critical, client.Warning}})
	see("CreateChannel")(created, err)
	updated, err := admin.UpdateChannel(ctx, created.Channel.ID, client.ChannelChange{NewSecret: true, Workspaces: new([]string{"prod*"})})
	see("UpdateChannel")(updated, err)
	if created.Secret == "" || updated.Secret == "" || created.Secret == updated.Secret {
		t.Errorf("the secrets are %q and %q", created.Secret, updated.Secret)
	}
	got, err := admin.GetChannel(ctx, created.Channel.ID)
	see("GetChannel")(got, err)
	list, err := admin.ListChannels(ctx, client.Page{})
	see("ListChannels")(list, err)
	tested, err := admin.TestChannel(ctx, created.Channel.ID)
	see("TestChannel")(tested, err)
	if tested.Delivered || tested.Error == "" {
		t.Errorf("%+v", tested)
	}
	if _, err := admin.ReplayDelivery(ctx, created.Channel.ID, created.Channel.ID); !client.HasCode(err, client.CodeNotFound) {
		t.Errorf("a delivery that is not there: %v", err)
	}
	return created.Channel.ID
}

func people(ctx context.Context, t *testing.T, p *pair, admin *client.Client, through client.Option) {
	t.Helper()
	created, err := admin.CreateUser(ctx, client.NewUser{Email: "grace@acme.example", Name: "Grace", Role: client.Viewer})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.client(through).SetPassword(ctx, created.SetupToken, p.password+"1"); err != nil {
		t.Fatal(err)
	}
	var kept client.Session
	grace := p.client(through, client.WithPassword("grace@acme.example", p.password+"1"), client.OnSession(func(s client.Session) { kept = s }))
	if err := grace.ChangePassword(ctx, p.password+"1", p.password+"2"); err != nil {
		t.Fatal(err)
	}
	// The next run of the program has only the refresh token.
	again := p.client(through, client.WithSession(client.Session{RefreshToken: kept.RefreshToken}))
	me, err := again.Me(ctx)
	if err != nil || me.User.Email != "grace@acme.example" || me.Account.Name != "acme" {
		t.Fatalf("%+v, %v", me, err)
	}
	ownSessions(ctx, t, p, grace, through)
	if me, err := grace.UpdateMe(ctx, client.MyChange{Name: new("Grace Hopper"), Preferences: map[string]any{"theme": "dark"}}); err != nil ||
		me.User.Name != "Grace Hopper" || me.Preferences["theme"] != "dark" {
		t.Errorf("%+v, %v", me, err)
	}
	if setup, err := admin.CreateSetupToken(ctx, created.User.ID); err != nil || setup.SetupToken == created.SetupToken || setup.User.ID != created.User.ID {
		t.Errorf("%+v, %v", setup, err)
	}
	if n, err := admin.EndUserSessions(ctx, created.User.ID); err != nil || n != 1 {
		t.Errorf("%d sessions ended, %v", n, err)
	}
	if _, err := admin.UpdateUser(ctx, created.User.ID, client.UserChange{Role: new(client.Engineer), IsActive: new(false)}); err != nil {
		t.Fatal(err)
	}
	if users := collect(t, admin.Users(ctx)); len(users) != 4 || users[3].Role != client.Engineer || users[3].IsActive {
		t.Errorf("users: %+v", users)
	}
}

// ownSessions lists a user's sessions, and ends all but that of the client.
func ownSessions(ctx context.Context, t *testing.T, p *pair, c *client.Client, through client.Option) {
	t.Helper()
	for range 2 {
		if _, err := p.client(through, client.WithPassword("grace@acme.example", p.password+"2")).SignIn(ctx); err != nil {
			t.Fatal(err)
		}
	}
	open := collect(t, c.Sessions(ctx))
	if len(open) != 3 || !open[0].Current || open[2].Current || open[2].UserAgent != "driftsentry-go" {
		t.Fatalf("%+v", open)
	}
	if err := c.EndSession(ctx, open[2].ID); err != nil {
		t.Error(err)
	}
	if n, err := c.EndOtherSessions(ctx); err != nil || n != 1 {
		t.Errorf("%d sessions ended, %v", n, err)
	}
}

func decide(ctx context.Context, t *testing.T, engineer *client.Client, report client.Drift, see func(string) func(any, error), others []client.Drift) {
	t.Helper()
	if len(others) < 2 {
		t.Fatalf("the plan made %d drifts", len(others))
	}
	triaged, err := engineer.TriageDrift(ctx, report.ID, report.Version)
	see("TriageDrift")(triaged, err)
	if _, err := engineer.ApproveDrift(ctx, report.ID, client.Decision{Reason: "agreed with the network team", Version: report.Version}); !client.HasCode(err, client.CodeConflict) {
		t.Errorf("a decision about an old version: %v", err)
	}
	approved, err := engineer.ApproveDrift(ctx, report.ID, client.Decision{Reason: "agreed with the network team", Version: triaged.Version})
	see("ApproveDrift")(approved, err)
	rejected, err := engineer.RejectDrift(ctx, others[0].ID, client.Decision{Reason: "it must be reverted at once"})
	see("RejectDrift")(rejected, err)
	resolved, err := engineer.ResolveDrift(ctx, others[1].ID, client.ManualFix, 0)
	see("ResolveDrift")(resolved, err)
	note(ctx, t, engineer, others[0], see)
	decideMany(ctx, t, engineer, others[0], see)
	detail, err := engineer.GetDrift(ctx, report.ID)
	see("GetDrift")(detail, err)
	if detail.AlertCount != 1 || detail.CanApprove || detail.ApprovedBy != email("engineer") {
		t.Errorf("%+v", detail)
	}
	timeline, err := engineer.DriftTimeline(ctx, report.ID)
	see("DriftTimeline")(timeline, err)
	workspaces, err := engineer.Workspaces(ctx)
	see("Workspaces")(workspaces, err)
}

// note takes a decision back, and says whose the drift is, who changed the resource, and more.
func note(ctx context.Context, t *testing.T, engineer *client.Client, d client.Drift, see func(string) func(any, error)) {
	t.Helper()
	reopened, err := engineer.ReopenDrift(ctx, d.ID, client.Decision{Reason: "that was the wrong one"})
	see("ReopenDrift")(reopened, err)
	owned, err := engineer.AssignDrift(ctx, d.ID, "network-team", reopened.Version)
	see("AssignDrift")(owned, err)
	attribution, err := engineer.AttributeDrift(ctx, d.ID, client.Attribution{ChangedBy: "ada", ChangedAt: time.Now().Add(-time.Hour), Source: "cloudtrail", URL: "https://logs.example.com/1"})
	see("AttributeDrift")(attribution, err)
	comment, err := engineer.CommentDrift(ctx, d.ID, "The launch team needs it.")
	see("CommentDrift")(comment, err)
	detail, err := engineer.GetDrift(ctx, d.ID)
	see("GetDrift")(detail, err)
	if owned.Owner != "network-team" || detail.Attribution == nil || detail.Attribution.ChangedBy != "ada" || detail.CanReopen {
		t.Errorf("%+v", detail)
	}
}

// decideMany decides about a group of drifts, and exports them.
func decideMany(ctx context.Context, t *testing.T, engineer *client.Client, d client.Drift, see func(string) func(any, error)) {
	t.Helper()
	mine := client.DriftQuery{Owner: "network-team", Search: d.ResourceID}
	groups, err := engineer.ListDriftGroups(ctx, mine, 5)
	see("ListDriftGroups")(groups, err)
	if len(groups.Items) != 1 {
		t.Fatalf("%+v", groups)
	}
	mine.Group = groups.Items[0].ID
	until := time.Now().AddDate(0, 1, 0)
	approve := client.BulkDecision{Action: client.Approve, Reason: "agreed with the network team", Until: until, Query: &mine, ExpectedCount: 2}
	if _, err := engineer.DecideDrifts(ctx, approve); !client.HasCode(err, client.CodeConflict) {
		t.Errorf("a decision about another number of drifts: %v", err)
	}
	approve.ExpectedCount = 1
	approved, err := engineer.DecideDrifts(ctx, approve)
	see("DecideDrifts")(approved, err)
	again, err := engineer.DecideDrifts(ctx, client.BulkDecision{Action: client.Triage, IDs: []string{d.ID}, Versions: map[string]int{d.ID: 1}})
	see("DecideDrifts")(again, err)
	if approved.Decided != 1 || again.Decided != 0 || again.Results[0].Error == nil || again.Results[0].Error.Code != client.CodeConflict {
		t.Errorf("%+v, %+v", approved, again)
	}
	exported := collect(t, engineer.ExportDrifts(ctx, mine))
	if len(exported) != 1 || exported[0].ID != d.ID || !exported[0].ApprovedUntil.Equal(until.UTC().Truncate(time.Millisecond)) || len(exported[0].Difference) == 0 {
		t.Errorf("%+v", exported)
	}
	for _, err := range engineer.ExportDrifts(ctx, client.DriftQuery{}) {
		if err != nil {
			t.Error(err)
		}
		break // It stops where its reader does.
	}
	var file strings.Builder
	if err := engineer.ExportDriftsTo(ctx, &file, client.CSV, mine); err != nil || !strings.Contains(file.String(), d.ID) || strings.Count(file.String(), "\n") != 2 {
		t.Errorf("%v: %s", err, &file)
	}
}

// inspect reads what the plan of production led to, and changes the workspace.
func inspect(ctx context.Context, c *client.Client, see func(string) func(any, error), checkID string) {
	checks, err := c.ListChecks(ctx, client.CheckQuery{Workspace: "production"}, client.Page{})
	see("ListChecks")(checks, err)
	check, err := c.GetCheck(ctx, checkID)
	see("GetCheck")(check, err)
	workspace, err := c.GetWorkspace(ctx, "production")
	see("GetWorkspace")(workspace, err)
	settings, err := c.UpdateWorkspace(ctx, "production", client.WorkspaceChange{AcceptRoot: new(true), Owner: new("team"), StaleAfter: new(3600), Archived: new(false)})
	see("UpdateWorkspace")(settings, err)
}

func numbers(ctx context.Context, c *client.Client, see func(string) func(any, error)) {
	summary, err := c.Summary(ctx, 7)
	see("Summary")(summary, err)
	trend, err := c.CostTrend(ctx, 2)
	see("CostTrend")(trend, err)
	severities, err := c.SeverityDistribution(ctx)
	see("SeverityDistribution")(severities, err)
	statuses, err := c.StatusDistribution(ctx)
	see("StatusDistribution")(statuses, err)
	insights, err := c.Insights(ctx, client.InsightQuery{Days: 7})
	see("Insights")(insights, err)
	groups, err := c.ListInsightGroups(ctx, client.InsightQuery{Workspace: "production"}, "workspace", "unsettled", 5)
	see("ListInsightGroups")(groups, err)
	events, err := c.ListEvents(ctx, "", 500)
	see("ListEvents")(events, err)
}

// rules proposes a rule, changes it, and ends it.
func rules(ctx context.Context, admin, engineer *client.Client, see func(string) func(any, error)) {
	draft := client.RuleDraft{
		Effect: client.IgnoreDrifts, Match: client.RuleMatch{Types: []string{"aws_nothing"}}, Reason: "nothing has this type", ExpiresAt: time.Now().Add(time.Hour),
	}
	preview, err := engineer.PreviewRule(ctx, draft)
	see("PreviewRule")(preview, err)
	proposed, err := engineer.CreateRule(ctx, draft)
	see("CreateRule")(proposed, err)
	accepted, err := admin.AcceptRule(ctx, proposed.ID)
	see("AcceptRule")(accepted, err)
	changed, err := admin.UpdateRule(ctx, proposed.ID, client.RuleUpdate{Reason: new("still, nothing has this type"), ExpiresAt: &time.Time{}})
	see("UpdateRule")(changed, err)
	see("ReorderRules")(nil, admin.ReorderRules(ctx, []string{proposed.ID}))
	found, err := engineer.GetRule(ctx, proposed.ID)
	see("GetRule")(found, err)
	ended, err := admin.EndRule(ctx, proposed.ID)
	see("EndRule")(ended, err)
	list, err := engineer.ListRules(ctx, client.RuleIsOver, client.Page{})
	see("ListRules")(list, err)
}

// collect reads an iterator to its end.
func collect[T any](t *testing.T, all iter.Seq2[T, error]) (items []T) {
	t.Helper()
	for item, err := range all {
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, item)
	}
	return items
}
