package httpapi

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/insight"
	"github.com/driftsentry/driftsentry/services/api/internal/monitor"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
	"github.com/driftsentry/driftsentry/services/api/internal/rule"
)

// Each value of a domain type is in its own field of the response. Every field has another value here, so that two of them which
// change places are seen. Mutations: two of the same type swapped in each of the functions.
func TestBodies(t *testing.T) {
	id := func(n byte) uuid.UUID { return uuid.UUID{15: n} }
	at := func(day int) time.Time { return time.Date(2026, 1, day, 0, 0, 0, 7_000_000, time.UTC) }
	ptr := func(v time.Time) *time.Time { return &v }
	one, two, three, reader := id(1), id(2), 3.5, "ada@example.com"
	for name, tt := range map[string]struct {
		body any
		want string
	}{
		"an alert": {newAlertBody(drift.Alert{
			ID: one, DriftID: &two, Type: drift.CheckFailed, Severity: plan.Info, Title: "t", Message: "m", IsRead: true, ReadAt: ptr(at(1)), ReadBy: &reader, CreatedAt: at(2),
		}), `{"id":"00000000-0000-0000-0000-000000000001","driftId":"00000000-0000-0000-0000-000000000002","type":"check_failed","severity":"info",` +
			`"title":"t","message":"m","isRead":true,"readAt":"2026-01-01T00:00:00.007Z","readBy":"ada@example.com","createdAt":"2026-01-02T00:00:00.007Z"}`},
		"an unread alert": {newAlertBody(drift.Alert{CreatedAt: at(2)}),
			`{"id":"00000000-0000-0000-0000-000000000000","driftId":null,"type":"","severity":"","title":"","message":"","isRead":false,"readAt":null,` +
				`"readBy":null,"createdAt":"2026-01-02T00:00:00.007Z"}`},
		"an audit row": {newAuditBody(audit.Row{
			ID: one, CreatedAt: at(1), Action: "a", ActorID: &two, ActorEmail: "e", ActorRole: "r", DriftID: &one, Subject: "s", Message: "m", TraceID: "x", Metadata: map[string]any{"k": 1},
		}), `{"id":"00000000-0000-0000-0000-000000000001","timestamp":"2026-01-01T00:00:00.007Z","action":"a","actorId":"00000000-0000-0000-0000-000000000002",` +
			`"actorEmail":"e","actorRole":"r","driftId":"00000000-0000-0000-0000-000000000001","subject":"s","message":"m","traceId":"x","metadata":{"k":1}}`},
		"an audit row of the system": {newAuditBody(audit.Row{CreatedAt: at(1), ActorRole: audit.RoleSystem, Metadata: map[string]any{}}),
			`{"id":"00000000-0000-0000-0000-000000000000","timestamp":"2026-01-01T00:00:00.007Z","action":"","actorId":null,"actorEmail":null,` +
				`"actorRole":"system","driftId":null,"subject":"","message":"","traceId":null,"metadata":{}}`},
		"an entry of a timeline": {newTimelineEntry(audit.Row{
			ID: one, CreatedAt: at(1), Action: "a", ActorEmail: "e", ActorRole: "r", Message: "m", TraceID: "x", Metadata: map[string]any{"k": 1},
		}), `{"id":"00000000-0000-0000-0000-000000000001","timestamp":"2026-01-01T00:00:00.007Z","action":"a","actorEmail":"e","actorRole":"r",` +
			`"message":"m","traceId":"x","metadata":{"k":1}}`},
		"a summary": {newSummaryBody(insight.Summary{
			Drifts: 1, ByStatus: map[drift.Status]int{drift.Triaged: 2}, BySeverity: map[drift.Severity]int{plan.Critical: 3}, Suppressed: 8, Alerts: 4, UnreadAlerts: 5,
			MonthlyImpact: 6.5, Savings: 7.5, MedianSeconds: &three,
		}), `{"drifts":{"total":1,"byStatus":{"triaged":2},"bySeverity":{"critical":3},"suppressed":8},"alerts":{"total":4,"unread":5},` +
			`"cost":{"totalMonthlyImpact":6.5,"projectedSavings":7.5},"timeToResolve":{"median":3.5,"p90":null}}`},
		"a cost trend": {newCostTrendBody(insight.CostTrend{Days: []insight.CostDay{{Date: "d", Cost: 1, Resolved: 2}}, Start: 3, End: 4, Change: 5, TotalResolved: 6}),
			`{"trend":[{"date":"d","cost":1,"resolved":2}],"summary":{"startCost":3,"endCost":4,"change":5,"totalResolved":6}}`},
		"severities": {newSeveritiesBody(insight.Distribution[drift.Severity]{Shares: []insight.Share[drift.Severity]{{Kind: plan.Info, Count: 1, Percentage: 2}}, Total: 3, Suppressed: 4}),
			`{"data":[{"severity":"info","count":1,"percentage":2}],"total":3,"suppressed":4}`},
		"statuses": {newStatusesBody(insight.Distribution[drift.Status]{Shares: []insight.Share[drift.Status]{{Kind: drift.Triaged, Count: 1, Percentage: 2}}, Total: 3, Suppressed: 4}),
			`{"data":[{"status":"triaged","count":1,"percentage":2}],"total":3,"suppressed":4}`},
		"a workspace": {newWorkspaceBody(monitor.Workspace{Name: "n", Status: monitor.Stale, LastCheckAt: ptr(at(1)), OpenDrifts: 2, Suppressed: 3}),
			`{"name":"n","status":"stale","lastCheckAt":"2026-01-01T00:00:00.007Z","openDrifts":2,"suppressedDrifts":3,"owner":null,"archived":false}`},
		"a rule": {newRuleBody(rule.Rule{
			ID: one, Position: 2, Status: rule.Ended, Effect: rule.Ignore, Reason: "r", Severity: new("s"), Owner: new("o"), ExpiresAt: ptr(at(1)), SuppressedDrifts: 3,
			Match:     rule.Match{Workspaces: []string{"w"}, Addresses: []string{"a"}, Types: []string{"t"}, Providers: []string{"p"}, Paths: []string{"x"}, Origins: []string{"drift"}, NoOp: true},
			CreatedAt: at(2), CreatedBy: "c", AcceptedAt: ptr(at(3)), AcceptedBy: new("d"), UpdatedAt: at(4), UpdatedBy: "u", EndedAt: ptr(at(5)), EndedBy: new("e"), EndedHow: new(rule.Declined),
		}), `{"id":"00000000-0000-0000-0000-000000000001","position":2,"status":"ended","effect":"ignore","match":{"workspaces":["w"],"addresses":["a"],"types":["t"],` +
			`"providers":["p"],"paths":["x"],"origins":["drift"],"plannedNoOp":true},"severity":"s","owner":"o","reason":"r","expiresAt":"2026-01-01T00:00:00.007Z",` +
			`"suppressedDrifts":3,"createdAt":"2026-01-02T00:00:00.007Z","createdBy":"c","acceptedAt":"2026-01-03T00:00:00.007Z","acceptedBy":"d",` +
			`"updatedAt":"2026-01-04T00:00:00.007Z","updatedBy":"u","endedAt":"2026-01-05T00:00:00.007Z","endedBy":"e","endedHow":"declined"}`},
		"groups of an insight": {newInsightGroupsBody(insight.Report{At: at(2), Since: at(1), Groups: 7, Numbers: []insight.Numbers{{
			Key: new("k"), Label: new("l"), Open: 1, Unsettled: 2, Approved: 3, Suppressed: 4, Age: insight.Spread{Count: 5, Median: &three, P90: &three, Max: &three},
			Ages: []int{6, 7, 8, 9, 10}, New: 11, Returned: 12, Reopened: 13, SuppressedNew: 14, Decision: insight.Spread{Count: 15, Median: &three},
			Resolution: insight.Spread{Count: 16}, Overdue: 1, Late: 1, InTime: 1,
		}}}, insight.ByRule), `{"asOf":"2026-01-02T00:00:00.007Z","since":"2026-01-01T00:00:00.007Z","by":"rule","items":[{"key":"k","reason":"l","numbers":{` +
			`"open":{"total":1,"unsettled":2,"approved":3,"suppressed":4},"age":{"count":5,"median":4,"p90":4,"max":4,"buckets":[` +
			`{"belowDays":1,"count":6},{"belowDays":7,"count":7},{"belowDays":30,"count":8},{"belowDays":90,"count":9},{"belowDays":null,"count":10}]},` +
			`"detected":{"total":36,"new":11,"returned":12,"reopened":13,"suppressed":14},"decision":{"count":15,"median":4,"p90":null,"max":null},` +
			`"resolution":{"count":16,"median":null,"p90":null,"max":null},"sla":{"overdue":1,"late":1,"inTime":1,"met":33.3}}}],"total":7}`},
		"events": {eventsOf(drift.Events{
			Items: []drift.StreamItem{{Cursor: event.Cursor{Epoch: "e", Mark: event.Mark{Position: 1, Tag: 0xab}}, Topics: []string{"t"}, Body: []byte(`{"z": 1}`)}},
			Head:  event.Cursor{Epoch: "e", Mark: event.Mark{Position: 2}}, HasMore: true,
		}), `{"items":[{"position":1,"cursor":"e:1:000000ab","topics":["t"],"event":{"z":1}}],"head":"e:2","hasMore":true}`},
		"no events": {eventsOf(drift.Events{}), `{"items":[],"head":":0","hasMore":false}`},
		"a user": {newUserBody(identity.User{ID: one, Email: "e", Name: "n", Role: identity.Admin, IsActive: true, CreatedAt: at(1), LastLoginAt: ptr(at(2))}),
			`{"id":"00000000-0000-0000-0000-000000000001","email":"e","name":"n","role":"admin","isActive":true,"createdAt":"2026-01-01T00:00:00.007Z",` +
				`"lastLoginAt":"2026-01-02T00:00:00.007Z"}`},
		"an API key": {newKeyBody(identity.APIKey{ID: one, Name: "n", Scope: "s", Prefix: "p", CreatedAt: at(1), CreatedBy: "e", ExpiresAt: ptr(at(2)), LastUsedAt: ptr(at(3)), Workspaces: []string{"w"}}),
			`{"id":"00000000-0000-0000-0000-000000000001","name":"n","scope":"s","prefix":"p","createdAt":"2026-01-01T00:00:00.007Z",` +
				`"expiresAt":"2026-01-02T00:00:00.007Z","lastUsedAt":"2026-01-03T00:00:00.007Z","createdBy":"e","workspaces":["w"]}`},
		"tokens": {newTokensBody(identity.Tokens{Access: "a", Refresh: "r", ExpiresIn: 9}, &selfBody{one, "e", "n", identity.Viewer}),
			`{"accessToken":"a","refreshToken":"r","expiresIn":9,"user":{"id":"00000000-0000-0000-0000-000000000001","email":"e","name":"n","role":"viewer"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := json.Marshal(tt.body)
			if err != nil || string(got) != tt.want {
				t.Errorf("%v\n%s, want\n%s", err, got, tt.want)
			}
		})
	}
	t.Run("a result of an upload", func(t *testing.T) {
		got, err := encodeIngested(&drift.Ingested{Check: &drift.Check{
			ID: one, Workspace: "w", Status: drift.CheckDrifted, Stale: true, Counts: event.Counts{New: 1, Changed: 2, Unchanged: 3, Resolved: 4, Suppressed: 8},
			TerraformVersion: "1.11", PlanTimestamp: ptr(at(1)), CreatedAt: at(2),
			Evidence:     drift.Evidence{Refreshed: plan.RefreshStated, Coverage: plan.CoverageFull, Mode: plan.ModeNormal, Unproven: 5, Reasons: []string{"a reason"}},
			RootMismatch: true, Purpose: drift.Preview, Source: drift.Source{Ref: "main", Commit: "c0ffee", RunURL: "https://ci", TriggeredBy: "ada"},
			FailureReason: "why", LeftOut: plan.LeftOut{Count: 6, Entries: []plan.Omission{{Path: "p", Resource: "r", Reason: "s"}}}, WrapperLines: 7,
		}, Remaining: &drift.Remaining{Unsettled: map[plan.Severity]int{plan.Critical: 1, plan.Warning: 2, plan.Info: 3}, Approved: 4, Suppressed: 5}})
		const want = `{"check":{"id":"00000000-0000-0000-0000-000000000001","workspace":"w","status":"drifted","stale":true,` +
			`"counts":{"new":1,"changed":2,"unchanged":3,"resolved":4,"suppressed":8},"terraformVersion":"1.11","planTimestamp":"2026-01-01T00:00:00.007Z",` +
			`"createdAt":"2026-01-02T00:00:00.007Z",` +
			`"evidence":{"refreshed":"stated","coverage":"full","mode":"normal","unproven":5,"reasons":["a reason"]},"rootMismatch":true,` +
			`"purpose":"preview","ref":"main","commit":"c0ffee","runUrl":"https://ci","triggeredBy":"ada","failureReason":"why",` +
			`"leftOut":{"count":6,"entries":[{"path":"p","resource":"r","reason":"s"}]},"wrapperLines":7},"open":{"unsettled":{"critical":1,"warning":2,"info":3},"approved":4,"suppressed":5},"drifts":[]}`
		if err != nil || string(got) != want {
			t.Errorf("%v\n%s, want\n%s", err, got, want)
		}
	})
}

func eventsOf(e drift.Events) eventsBody {
	body, err := newEventsBody(e)
	if err != nil {
		panic(err)
	}
	return body
}
