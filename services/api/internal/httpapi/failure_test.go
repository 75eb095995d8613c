package httpapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

const failurePath = "/api/v1/ingest/failure?workspace=prod"

// failed counts the failed checks and their alerts.
func (r fieldReport) failed() (checks, alerts int) {
	r.t.Helper()
	return pgtest.Value[int](r.t, r.api.DB, "select count(*)::int from workspace_check where status = 'failed' and purpose = 'record'"),
		pgtest.Value[int](r.t, r.api.DB, "select count(*)::int from alert where type = 'check_failed'")
}

func (r fieldReport) wantFailed(checks, alerts int) {
	r.t.Helper()
	if c, a := r.failed(); c != checks || a != alerts {
		r.t.Errorf("%d failed checks and %d alerts, want %d and %d", c, a, checks, alerts)
	}
}

// TestIngestFailure: a run that failed is recorded, and raises one alert for a streak.
func TestIngestFailure(t *testing.T) {
	r := startReport(t)
	body := map[string]string{"reason": "terraform init failed", "runUrl": "https://ci.example/2"}
	// Mutation: the message of LockKnownWorkspace, which does not say what to do.
	a := r.api.Key.Post(failurePath, body).Want(http.StatusNotFound)
	for _, want := range []string{"not recorded", `"prod"`, "Check the name", "first plan creates the workspace"} {
		if !strings.Contains(a.Error.Message, want) {
			t.Errorf("%q does not say %q", a.Error.Message, want)
		}
	}
	if n := pgtest.Value[int](t, r.api.DB, "select count(*)::int from workspace"); n != 0 {
		t.Error("a failure made a workspace")
	}
	r.send("case01a", "")
	var data struct{ Check fieldCheck }
	r.api.Key.Post(failurePath+"&ref=main", body).Want(http.StatusOK).Decode(&data)
	c := data.Check
	if c.Status != "failed" || c.FailureReason != body["reason"] || c.RunURL != body["runUrl"] || c.Ref != "main" || c.Evidence.Refreshed != "no" || c.Evidence.Unproven != 3 {
		t.Errorf("%+v", c)
	}
	if s := r.status(); s != "failed" {
		t.Errorf("the workspace is %s", s)
	}
	r.wantFailed(1, 1)
	r.api.Engineer.Post(failurePath, body).Want(http.StatusOK)
	r.sendBody([]byte(`{"format_version":"1.2","errored":true}`), "")
	r.wantFailed(3, 1)
	r.sendBody(later(r.plan("case01a"), "21:00:31Z", "21:00:41Z"), "")
	r.api.Key.Post(failurePath, body).Want(http.StatusOK)
	r.wantFailed(4, 2)

	t.Run("a preview leaves the workspace as it is", func(t *testing.T) {
		r := startReport(t)
		r.send("case01a", "")
		state := r.workspaceRow()
		r.api.Key.Post(failurePath+"&purpose=preview", body).Want(http.StatusOK)
		if r.workspaceRow() != state {
			t.Error("it changed")
		}
		r.wantFailed(0, 0)
		if n := pgtest.Value[int](t, r.api.DB, "select count(*)::int from workspace_check where purpose = 'preview'"); n != 1 {
			t.Errorf("%d previews in the list of checks", n)
		}
	})
	t.Run("bad input names the field", func(t *testing.T) {
		for name, c := range map[string]struct {
			query, field string
			body         map[string]string
		}{
			"no reason":              {"", "reason", map[string]string{}},
			"a long reason":          {"", "reason", map[string]string{"reason": strings.Repeat("x", 1001)}},
			"a script as address":    {"", "runUrl", map[string]string{"reason": "x", "runUrl": "javascript:alert(1)"}},
			"a password in the URL":  {"&runUrl=https://u:p@ci.example/", "runUrl", body},
			"a ref of two lines":     {"&ref=a%0Ab", "ref", body},
			"a commit that is none":  {"&commit=a/b", "commit", body},
			"a purpose that is none": {"&purpose=test", "purpose", body},
			"a blank ref":            {"&ref=%20%20", "ref", body},
			"a blank sender":         {"&triggeredBy=%C2%A0", "triggeredBy", body},
			"a blank reason":         {"", "reason", map[string]string{"reason": " \t\n "}},
		} {
			t.Run(name, func(t *testing.T) {
				a := r.api.Key.Wrong().Post(failurePath+c.query, c.body).Want(http.StatusBadRequest)
				if a.Error.Details == nil || len(a.Error.Details.Errors) != 1 || a.Error.Details.Errors[0].Field != c.field {
					t.Errorf("%s", a.Body)
				}
			})
		}
	})
}

// TestIngest_refused: an upload that is refused leaves a failed check, where there is a workspace that could look fine.
func TestIngest_refused(t *testing.T) {
	r := startReport(t)
	large := []byte(`{"format_version":"1.2","x":"` + strings.Repeat("x", 17<<20) + `"}`)
	refuse := func(body []byte, query string, status int, headers ...string) {
		t.Helper()
		r.api.Key.Wrong().Post(ingestPath+query, body, headers...).Want(status)
	}
	refuse([]byte("no plan"), "", 400)
	if n := pgtest.Value[int](t, r.api.DB, "select count(*)::int from workspace"); n != 0 {
		t.Error("a refused upload made a workspace")
	}
	r.send("case01a", "")
	refuse([]byte("no plan"), "&purpose=preview", 400)
	r.wantFailed(0, 0)
	r.api.Viewer.Wrong().Post(ingestPath, []byte("no plan")).Want(403)
	r.wantFailed(0, 0)
	refuse([]byte("no plan"), "", 400)
	r.wantFailed(1, 1)
	if s := r.status(); s != "failed" {
		t.Errorf("the workspace is %s", s)
	}
	refuse(zipped(t, large), "", 413, "Content-Encoding", "gzip")
	r.wantFailed(2, 1)
	refuse(r.plan("case01b"), "&purpose=preview", 415, "Content-Type", "text/plain")
	r.wantFailed(2, 1)
	refuse(r.plan("case01b"), "", 415, "Content-Type", "application/x-www-form-urlencoded")
	refuse(r.plan("case01b"), "", 415, "Content-Encoding", "zstd")
	r.wantFailed(4, 1)
	for _, query := range []string{"&scope=most", "&purpose=bogus", "&ref=%20", "&nothing=1"} { // the caller's mistake
		refuse(r.plan("case01b"), query, 400)
	}
	r.wantFailed(4, 1)
	reasons := strings.Join(r.rows("select failure_reason from workspace_check where status = 'failed' order by created_at"), "\n")
	for _, part := range []string{"the plan is text, not JSON", "implausible size", "not that of a form", "Content-Encoding must be gzip"} {
		if !strings.Contains(reasons, part) {
			t.Errorf("the reasons do not say %q: %s", part, reasons)
		}
	}
	t.Run("the same request again leaves no other", func(*testing.T) {
		for range 2 {
			refuse([]byte("no plan"), "", 400, "Idempotency-Key", "one")
		}
		r.wantFailed(5, 1)
	})
	t.Run("of a ref that is not recorded, none", func(t *testing.T) {
		r.api.Engineer.Do("PATCH", "/api/v1/workspaces/prod", map[string]any{"recordRef": "main"}).Want(200)
		refuse([]byte("no plan"), "&ref=feature", 400)
		r.wantFailed(5, 1)
		if n := pgtest.Value[int](t, r.api.DB, "select count(*)::int from workspace_check where purpose = 'preview'"); n != 0 {
			t.Errorf("%d refused previews in the list of checks", n)
		}
	})
}

// TestIngest_source: where a plan came from is on its request's span, in the check's event and in the audit trail.
func TestIngest_source(t *testing.T) {
	r := startReport(t)
	r.sendBody([]byte(`{"format_version":"1.2","complete":true}`), "") // A preview does not create the workspace.
	r.send("case01a", "&ref=main&commit=4f0c2a9&runUrl=https%3A%2F%2Fci.example%2F1&triggeredBy=schedule&purpose=preview")
	want := map[string]string{"vcs.ref.head.name": "main", "vcs.ref.head.revision": "4f0c2a9", "cicd.pipeline.run.url.full": "https://ci.example/1"}
	for _, s := range r.api.Telemetry.Spans() {
		if s.Name != "POST /api/v1/ingest/plan" {
			continue
		}
		for _, a := range s.Attributes {
			if want[string(a.Key)] == a.Value.AsString() {
				delete(want, string(a.Key))
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("no span of the request has %v", want)
	}
	var list struct {
		Items []struct {
			Event struct {
				Type string
				Data json.RawMessage
			}
		}
	}
	r.api.Viewer.Get("/api/v1/events?limit=100").Want(http.StatusOK).Decode(&list)
	found := false
	for _, e := range list.Items {
		if e.Event.Type == "drift.created" {
			t.Error("a preview made a drift")
		}
		found = found || e.Event.Type == "check.completed" && bytes.Contains(e.Event.Data, []byte(`"purpose":"preview"`)) &&
			bytes.Contains(e.Event.Data, []byte(`"runUrl":"https://ci.example/1"`)) && bytes.Contains(e.Event.Data, []byte(`"refreshed":"proven"`))
	}
	if !found {
		t.Errorf("no event reports the preview: %+v", list)
	}
	if n := pgtest.Value[int](t, r.api.DB, `select count(*)::int from audit where action = 'check.completed' and metadata->>'triggeredBy' = 'schedule'
		and metadata->>'purpose' = 'preview' and metadata->'evidence'->>'coverage' = 'full'`); n != 1 {
		t.Errorf("%d audit rows", n)
	}
}
