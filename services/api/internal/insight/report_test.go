package insight_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/insight"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
	"github.com/driftsentry/driftsentry/services/api/internal/postgres"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

// asOf is the end of the windows of these tests, and targets is what they measure with. Info has none.
var (
	asOf    = time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC)
	targets = insight.Targets{Critical: 24 * time.Hour, Warning: 7 * 24 * time.Hour}
)

// seeded are drifts of a window of 30 days. The times are days before its end.
const seeded = `
	insert into rule (id, account_id, position, status, effect, reason) values ('00000000-0000-0000-0000-00000000000a', $1, 1, 'active', 'ignore', 'the autoscaler does it');
	insert into workspace (id, account_id, name, owner) values (gen_random_uuid(), $1, 'prod', 'network'), (gen_random_uuid(), $1, 'dev', null);
	insert into drift (id, account_id, fingerprint, workspace, resource_id, resource_type, origin, expected_state, actual_state, difference,
		difference_mac, detected_by, severity, status, owner, created_at, first_seen_at, detected_at, approved_at, rejected_at, resolved_at,
		resolved_basis, suppressed_by)
	select gen_random_uuid(), $1, sha256(name::bytea), workspace, name, type, 'drift', '{}', '{}', '{}', '', 'plan', severity, status, owner,
		$2 - created * interval '1 day', $2 - created * interval '1 day', $2 - detected * interval '1 day', $2 - approved * interval '1 day',
		$2 - rejected * interval '1 day', $2 - resolved * interval '1 day', basis, suppressed
	from (values
		('waits',         'prod', 'a', 'critical', 'detected', null,    0.5, 0.5, null, null, null, null,       null::uuid),
		('overdue',       'prod', 'a', 'critical', 'triaged',  null,    2,   2,   null, null, null, null,       null),
		('asked back',    'prod', 'a', 'warning',  'rejected', 'db',    20,  10,  null, 6,    null, null,       null),
		('accepted late', 'prod', 'b', 'critical', 'approved', 'db',    20,  20,  16,   null, null, null,       null),
		('accepted long', 'dev',  'b', 'warning',  'approved', null,    100, 100, 99,   null, null, null,       null),
		('old',           'dev',  'b', 'info',     'detected', null,    200, 200, null, null, null, null,       null),
		('by a plan',     'dev',  'b', 'warning',  'resolved', null,    12,  12,  null, null, 10,   'state',    null),
		('by hand',       'dev',  'b', 'warning',  'resolved', null,    12,  12,  null, null, 2,    'decision', null),
		('approved then', 'dev',  'b', 'critical', 'resolved', null,    50,  50,  40,   null, 5,    'state',    null),
		('gone before',   'dev',  'a', 'critical', 'resolved', null,    50,  50,  null, null, 40,   'decision', null),
		('hidden',        'dev',  'c', 'critical', 'detected', null,    9,   9,   null, null, null, null,       '00000000-0000-0000-0000-00000000000a'),
		('hidden again',  'dev',  'c', 'critical', 'detected', null,    90,  9,   null, null, null, null,       '00000000-0000-0000-0000-00000000000a')
	) as d (name, workspace, type, severity, status, owner, created, detected, approved, rejected, resolved, basis, suppressed);
	update drift set previous_id = (select id from drift where resource_id = 'gone before') where resource_id = 'overdue'`

// seed fills an account.
func seed(t *testing.T, api *apitest.API) {
	t.Helper()
	statements := strings.NewReplacer("$1", "'"+api.Account.String()+"'::uuid", "$2", "'"+asOf.Format(time.RFC3339)+"'::timestamptz").Replace(seeded)
	for statement := range strings.SplitSeq(statements, ";") {
		if _, err := api.DB.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

func spread(days ...float64) insight.Spread {
	s := insight.Spread{Count: int(days[0])}
	for i, v := range []**float64{&s.Median, &s.P90, &s.Max} {
		if len(days) > 1 {
			*v = new(days[1+i] * 24 * 3600)
		}
	}
	return s
}

// Mutations, each of which one of the comparisons finds: suppressed drifts in any number but theirs; approved ones among the unsettled;
// the age since first_seen_at; a decision of approved_at alone, or of a resolution by a plan; a resolution, a decision or a settlement before
// the window; a settlement of rejected_at; > and >= of the targets swapped; a return that counts as new; an owner that is not the
// workspace's where the drift has none; no limit; the order of the groups; the groups of the window before.
func TestStore_Report(t *testing.T) {
	api := apitest.Start(t)
	seed(t, api)
	store := postgres.NewInsightStore(api.DB)
	report := func(q insight.Query) insight.Report {
		t.Helper()
		r, err := store.Report(t.Context(), api.Account, q, targets, asOf.AddDate(0, 0, -30), asOf)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	closeTo := cmp.Transformer("seconds", func(v float64) int { return int(v + 0.5) })

	t.Run("the overview has all, and each severity", func(t *testing.T) {
		got := report(insight.Query{By: insight.BySeverity})
		want := insight.Report{
			Total: insight.Numbers{
				Open: 6, Unsettled: 4, Approved: 2, Suppressed: 2, Age: spread(4, 6, 143, 200), Ages: []int{1, 1, 1, 0, 1},
				New: 6, Returned: 1, Reopened: 1, SuppressedNew: 2, // Of 'asked back' the window has the beginning, so that it is new.
				Decision: spread(3, 4, 8.8, 10), Resolution: spread(3, 10, 38, 45), Overdue: 2, Late: 2, InTime: 1,
			},
			Numbers: []insight.Numbers{
				{
					Key: new("critical"), Open: 3, Unsettled: 2, Approved: 1, Suppressed: 2, Age: spread(2, 1.25, 1.85, 2), Ages: []int{1, 1, 0, 0, 0},
					New: 3, Returned: 1, Reopened: 1, SuppressedNew: 2,
					Decision: spread(1, 4, 4, 4), Resolution: spread(1, 45, 45, 45), Overdue: 1, Late: 1,
				}, {
					Key: new("warning"), Open: 2, Unsettled: 1, Approved: 1, Age: spread(1, 10, 10, 10), Ages: []int{0, 0, 1, 0, 0},
					New: 3, Decision: spread(2, 7, 9.4, 10), Resolution: spread(2, 6, 9.2, 10), Overdue: 1, Late: 1, InTime: 1,
				}, {
					Key: new("info"), Open: 1, Unsettled: 1, Age: spread(1, 200, 200, 200), Ages: []int{0, 0, 0, 0, 1}, Decision: spread(0), Resolution: spread(0),
				},
			},
			Groups: 3,
		}
		if diff := cmp.Diff(want, got, closeTo); diff != "" {
			t.Error(diff)
		}
		if met := got.Total.Met(); met == nil || *met != 20 {
			t.Errorf("%v of what was due was in time, want 20 %%", met)
		}
		if met := got.Numbers[2].Met(); met != nil {
			t.Errorf("without a target %v was in time", *met)
		}
	})
	lines := func(r insight.Report) (lines []string) {
		for _, n := range r.Numbers {
			key, label := "-", ""
			if n.Key != nil {
				key = *n.Key
			}
			if n.Label != nil {
				label = " " + *n.Label
			}
			lines = append(lines, fmt.Sprintf("%s detected %d unsettled %d overdue %d suppressed %d decided %d resolved %d%s",
				key, n.New+n.Returned+n.Reopened, n.Unsettled, n.Overdue, n.Suppressed, n.Decision.Count, n.Resolution.Count, label))
		}
		return append(lines, fmt.Sprint(r.Groups))
	}
	const (
		typeA = "a detected 3 unsettled 3 overdue 2 suppressed 0 decided 1 resolved 0"
		typeB = "b detected 3 unsettled 1 overdue 0 suppressed 0 decided 2 resolved 3"
		typeC = "c detected 2 unsettled 0 overdue 0 suppressed 2 decided 0 resolved 0"
		prod  = "prod detected 4 unsettled 3 overdue 2 suppressed 0 decided 2 resolved 0"
		dev   = "dev detected 4 unsettled 1 overdue 0 suppressed 2 decided 1 resolved 3"
		db    = "db detected 2 unsettled 1 overdue 1 suppressed 0 decided 2 resolved 0"
		net   = "network detected 2 unsettled 2 overdue 1 suppressed 0 decided 0 resolved 0"
		none  = "- detected 4 unsettled 1 overdue 0 suppressed 2 decided 1 resolved 3"
		rule  = "00000000-0000-0000-0000-00000000000a detected 2 unsettled 0 overdue 0 suppressed 2 decided 0 resolved 0 the autoscaler does it"
	)
	for name, c := range map[string]struct {
		query insight.Query
		want  []string
	}{
		"types, the noisiest first":          {insight.Query{By: insight.ByType, SortBy: insight.SortByNoise}, []string{typeA, typeB, typeC, "3"}},
		"the first of them":                  {insight.Query{By: insight.ByType, SortBy: insight.SortByNoise, Limit: 1}, []string{typeA, "3"}},
		"workspaces by what waits":           {insight.Query{By: insight.ByWorkspace, SortBy: insight.SortByUnsettled}, []string{prod, dev, "2"}},
		"workspaces by noise":                {insight.Query{By: insight.ByWorkspace, SortBy: insight.SortByNoise}, []string{dev, prod, "2"}},
		"owners, and what has none":          {insight.Query{By: insight.ByOwner, SortBy: insight.SortByOverdue}, []string{net, db, none, "3"}},
		"rules":                              {insight.Query{By: insight.ByRule, SortBy: insight.SortByNoise}, []string{rule, "1"}},
		"the types of an owner":              {insight.Query{By: insight.ByType, SortBy: insight.SortByNoise, Owner: []string{"network", "x"}}, []string{"a detected 2 unsettled 2 overdue 1 suppressed 0 decided 0 resolved 0", "1"}},
		"the workspaces of severities":       {insight.Query{By: insight.ByWorkspace, SortBy: insight.SortByNoise, Severity: []drift.Severity{plan.Info, plan.Warning}}, []string{"dev detected 2 unsettled 1 overdue 0 suppressed 0 decided 1 resolved 2", "prod detected 1 unsettled 1 overdue 1 suppressed 0 decided 1 resolved 0", "2"}},
		"the owners of a workspace":          {insight.Query{By: insight.ByOwner, SortBy: insight.SortByOverdue, Workspace: []string{"prod"}}, []string{net, db, "2"}},
		"nothing of a workspace that is not": {insight.Query{By: insight.ByType, SortBy: insight.SortByNoise, Workspace: []string{"none"}}, []string{"0"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.query.Limit == 0 {
				c.query.Limit = 10
			}
			if diff := cmp.Diff(c.want, lines(report(c.query))); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("another account has nothing", func(t *testing.T) {
		r, err := store.Report(t.Context(), api.OtherAccount, insight.Query{By: insight.BySeverity}, targets, asOf.AddDate(0, 0, -30), asOf)
		if err != nil || r.Total.Open != 0 || r.Total.Suppressed != 0 || len(r.Numbers) != 3 {
			t.Errorf("%+v, %v", r, err)
		}
	})
	t.Run("the gauges have each series, of all accounts", func(t *testing.T) {
		if _, err := api.DB.Exec(t.Context(), `update drift set account_id = '`+api.OtherAccount.String()+`' where resource_id = 'waits'`); err != nil {
			t.Fatal(err)
		}
		numbers, err := store.Load(t.Context(), targets, asOf.AddDate(0, 0, -30), asOf)
		if err != nil || len(numbers) != 3 || numbers[0].Unsettled != 2 || *numbers[0].Key != "critical" {
			t.Fatalf("%+v, %v", numbers, err)
		}
	})
}

// Mutations: a gauge without a severity that has no drifts, without the percentiles of nothing, or with the median as the largest.
func TestGauges(t *testing.T) {
	api := apitest.Start(t)
	tel := telemetrytest.Start(t)
	gauges, err := insight.NewGauges(postgres.NewInsightStore(api.DB), targets, tel)
	if err != nil {
		t.Fatal(err)
	}
	if metrics := tel.Metrics(); strings.Contains(metrics, "driftsentry_drifts_unsettled{") {
		t.Error("there are numbers before they are computed")
	}
	gauges.Compute(t.Context())
	metrics, series := tel.Metrics(), 0
	for _, severity := range []string{"critical", "warning", "info"} {
		for name, labels := range map[string][]string{
			"driftsentry_drifts_unsettled": {""}, "driftsentry_drifts_suppressed": {""}, "driftsentry_drifts_overdue": {""},
			"driftsentry_drifts_age_seconds":             {`percentile="50",`, `percentile="90",`, `percentile="100",`},
			"driftsentry_drifts_decision_time_seconds":   {`percentile="50",`, `percentile="90",`, `percentile="100",`},
			"driftsentry_drifts_resolution_time_seconds": {`percentile="50",`, `percentile="90",`, `percentile="100",`},
			"driftsentry_drifts_settled":                 {`outcome="in_time",`, `outcome="late",`},
			"driftsentry_drifts_detected":                {`outcome="new",`, `outcome="returned",`, `outcome="reopened",`},
		} {
			for _, label := range labels {
				series++
				if line := fmt.Sprintf("\n%s{%sseverity=%q} 0.0\n", name, label, severity); !strings.Contains(metrics, line) {
					t.Errorf("there is no %s", strings.TrimSpace(line))
				}
			}
		}
	}
	t.Logf("tried: %d series of drifts, which exist without any", series)

	for i, age := range []int{10, 20, 30} {
		report(t, api, fmt.Sprint("r", i))
		if _, err := api.DB.Exec(t.Context(), fmt.Sprintf("update drift set detected_at = now() - interval '%d days' where resource_id = 'r%d'", age, i)); err != nil {
			t.Fatal(err)
		}
	}
	gauges.Compute(t.Context())
	metrics = tel.Metrics()
	for _, want := range []string{`driftsentry_drifts_unsettled{severity="warning"} 3`, `driftsentry_drifts_overdue{severity="warning"} 3`,
		`driftsentry_drifts_age_seconds{percentile="50",severity="warning"} 1.728`, `driftsentry_drifts_age_seconds{percentile="100",severity="warning"} 2.592`} {
		if !strings.Contains(metrics, "\n"+want) {
			t.Errorf("there is no %s", want)
		}
	}
}

// report makes a drift.
func report(t *testing.T, api *apitest.API, resource string) (path string) {
	t.Helper()
	var d struct{ ID string }
	api.Engineer.Post("/api/v1/drifts", map[string]any{
		"resourceId": resource, "resourceType": "aws_instance", "region": "eu-central-1", "severity": "warning",
		"expectedState": map[string]any{"size": "small"}, "actualState": map[string]any{"size": "large"},
	}).Want(201).Decode(&d)
	return "/api/v1/drifts/" + d.ID
}

// TestInsights is what people see of what they do. The response stays the same, and is 304, until something happens.
//
// Mutations: an ETag without the head, or without the time; no cache; a decision that was taken back in the numbers.
func TestInsights(t *testing.T) {
	api := apitest.Start(t, "SLA_WARNING=0s", "SLA_INFO=48h")
	type numbers struct {
		Open     struct{ Total, Unsettled, Approved int }
		Detected struct{ Total, Reopened, New int }
		Decision struct {
			Count       int
			Median, Max *float64
		}
		Resolution struct{ Count int }
	}
	type overview struct {
		Total      numbers
		BySeverity []struct {
			Severity string
			Numbers  numbers
		}
		Targets map[string]*int
	}
	const path = "/api/v1/metrics/insights?days=7"
	get := func() (o overview) {
		t.Helper()
		api.Viewer.Get(path).Want(200).Decode(&o)
		return o
	}
	empty := get()
	if empty.Total.Decision.Median != nil || len(empty.BySeverity) != 3 || empty.BySeverity[0].Severity != "critical" {
		t.Errorf("%+v", empty)
	}
	if empty.Targets["warning"] != nil || *empty.Targets["critical"] != 24*3600 || *empty.Targets["info"] != 48*3600 {
		t.Errorf("targets %v", empty.Targets)
	}
	first, second := report(t, api, "first"), report(t, api, "second")
	report(t, api, "third")
	reason := map[string]any{"reason": "agreed with the network team"}
	api.Engineer.Post(first+"/approve", reason).Want(200)
	api.Engineer.Post(second+"/reject", reason).Want(200)
	api.Engineer.Post(second+"/resolve", map[string]any{"resolvedHow": "manual-fix"}).Want(200)
	if o := get(); o.Total.Open.Total != 2 || o.Total.Open.Approved != 1 || o.Total.Decision.Count != 2 || o.Total.Resolution.Count != 1 ||
		o.Total.Detected.New != 3 || o.BySeverity[1].Numbers.Decision.Count != 2 || *o.Total.Decision.Max < 0 {
		t.Errorf("%+v", o)
	}
	api.Engineer.Post(first+"/reopen", reason).Want(200)
	if o := get(); o.Total.Open.Unsettled != 2 || o.Total.Decision.Count != 1 || o.Total.Detected.Reopened != 0 {
		t.Errorf("%+v", o)
	}

	// A minute may begin between two requests: then the response is another one.
	same := false
	for range 3 {
		now := api.Viewer.Get(path).Want(200)
		again := api.Viewer.Get(path, "If-None-Match", now.Header.Get("ETag"))
		if now.Header.Get("ETag") == "" || now.Header.Get("Cache-Control") != "private, no-cache" {
			t.Errorf("the headers are %v", now.Header)
		}
		same = same || again.Status == http.StatusNotModified && again.Header.Get("ETag") == now.Header.Get("ETag") && len(again.Body) == 0
	}
	if !same {
		t.Error("the same response is never 304")
	}
	before := api.Viewer.Get(path).Want(200).Header.Get("ETag")
	report(t, api, "fourth")
	api.Viewer.Get(path, "If-None-Match", before).Want(200)

	var groups struct {
		By    string
		Total int
		Items []struct {
			Key     string
			Numbers numbers
		}
	}
	api.Viewer.Get("/api/v1/metrics/insights/groups?by=workspace&sortBy=unsettled&limit=1&workspace=default,none&severity=warning,info").Want(200).Decode(&groups)
	if groups.By != "workspace" || groups.Total != 1 || len(groups.Items) != 1 || groups.Items[0].Key != "default" || groups.Items[0].Numbers.Open.Unsettled != 3 {
		t.Errorf("%+v", groups)
	}
	for query, field := range map[string]string{
		"insights?days=366": "days", "insights?by=type": "by", "insights?owner=": "owner", "insights/groups?by=region": "by", "insights/groups?limit=101": "limit",
		"insights/groups?sortBy=name": "sortBy", "insights/groups?workspace=%20": "workspace", "insights/groups?severity=high": "severity",
	} {
		if a := api.Viewer.Wrong().Get("/api/v1/metrics/" + query).Want(400); !strings.Contains(string(a.Body), `"field":"`+field+`"`) {
			t.Errorf("%s: %s", query, a.Body)
		}
	}
}
