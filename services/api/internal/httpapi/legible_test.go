package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/legible"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
)

// TestAttackHiddenCharacters: what a stranger sends shows as what it is. Mutations: no check of a name, a reason, a ref, an
// address or a report's field; a reason of a failure, or the title of a new or of a stored alert, that
// is not escaped; an address, a type, a provider, a deposed key, the version of a plan or the path of a difference that is not.
func TestAttackHiddenCharacters(t *testing.T) {
	api := apitest.Start(t)
	const hidden = "a\u202egpj.exe"
	report := func(field, value string) *apitest.Response {
		body := map[string]any{
			"resourceId": "i-1", "resourceType": "aws_instance", "region": "eu-central-1", "severity": "critical",
			"expectedState": map[string]any{"size": "small"}, "actualState": map[string]any{"size": "large"},
		}
		if field != "" {
			body[field] = value
		}
		return api.Engineer.Post("/api/v1/drifts", body)
	}
	var d struct{ ID string }
	report("", "").Want(http.StatusCreated).Decode(&d)
	for _, text := range []string{hidden, "a\x1b[31mb and so on", "\u2066isolated\u2069 text"} {
		q := url.QueryEscape(text)
		for field, a := range map[string]*apitest.Response{
			"name":         api.Admin.Post("/api/v1/users", map[string]string{"email": "new@acme.example", "name": text, "role": "viewer"}),
			"name of key":  api.Admin.Post("/api/v1/api-keys", map[string]string{"name": text, "scope": "ingest"}),
			"workspaces":   api.Admin.Wrong().Post("/api/v1/api-keys", map[string]any{"name": "x", "scope": "ingest", "workspaces": []string{text}}),
			"resourceId":   report("resourceId", text),
			"resourceType": report("resourceType", text),
			"region":       report("region", text),
			"reason":       api.Engineer.Post("/api/v1/drifts/"+d.ID+"/approve", map[string]string{"reason": text + " for good"}),
			"recordRef":    api.Engineer.Wrong().Do(http.MethodPatch, "/api/v1/workspaces/default", map[string]string{"recordRef": text}),
			"ref":          api.Key.Wrong().Post("/api/v1/ingest/failure?workspace=default&ref="+q, map[string]string{"reason": "broken"}),
			"triggeredBy":  api.Key.Wrong().Post("/api/v1/ingest/failure?workspace=default&triggeredBy="+q, map[string]string{"reason": "broken"}),
			"runUrl":       api.Key.Wrong().Post("/api/v1/ingest/failure?workspace=default", map[string]string{"reason": "broken", "runUrl": "https://ci.example/" + text}),
		} {
			if a.Status != http.StatusBadRequest || a.Error.Details == nil || a.Error.Details.Errors[0].Field != strings.TrimSuffix(field, " of key") {
				t.Errorf("%s: %d %s", field, a.Status, a.Body)
			}
		}
	}
	api.Engineer.Post("/api/v1/drifts/"+d.ID+"/approve", map[string]string{"reason": "two lines:\n\tfor good"}).Want(http.StatusOK)

	// What CI cannot change is escaped.
	plan := `{"format_version":"1.2","resource_drift":[{"address":"aws_security_group.x[\"` + hidden + `\"]","mode":"managed","type":"aws_security_group","name":"x",
		"change":{"actions":["update"],"before":{"ingress":[]},"after":{"ingress":[{"cidr_blocks":["0.0.0.0/0"],"from_port":22,"to_port":22,"protocol":"tcp"}]}}}]}`
	api.Key.Post("/api/v1/ingest/plan?workspace=sg", []byte(plan)).Want(http.StatusOK)
	api.Key.Post("/api/v1/ingest/failure?workspace=sg", map[string]string{"reason": "\x1b[31mError\x1b[0m: " + hidden + "\nand more"}).Want(http.StatusOK)
	if _, err := api.DB.Exec(t.Context(), "update alert set title = title || @hidden where drift_id = @drift", pg.Args{"hidden": hidden, "drift": d.ID}); err != nil {
		t.Fatal(err)
	}
	var alerts struct {
		Items []struct{ ID, Title, Message string }
	}
	api.Viewer.Get("/api/v1/alerts").Want(http.StatusOK).Decode(&alerts)
	var titles strings.Builder
	for _, a := range alerts.Items {
		titles.WriteString(a.Title + "\n" + a.Message + "\n")
		api.Engineer.Post("/api/v1/alerts/"+a.ID+"/mark-read", nil).Want(http.StatusOK)
	}
	if text := titles.String(); legible.Text(text) != "" || strings.Count(text, `a\u{202e}gpj.exe`) != 3 {
		t.Errorf("alerts: %q", text)
	}
	// A plan that Terraform did not make has them anywhere, and its resource is known again.
	forged := `{"format_version":"1.2","terraform_version":"1.9\u202e\u001b","resource_drift":[{"address":"module.m\u202e\u001b.aws_x.y","mode":"managed",
		"type":"aws_x\u202e\u001b","name":"y\u202e\u001b","deposed":"d\u202e\u001b","provider_name":"registry.terraform.io/hashicorp/aws\u202e\u001b",
		"change":{"actions":["update"],"before":{"region":"eu\u202e\u001b","n":1,"tags":{"k\u202e\u001b":"a"},"s":["m\u2066"],"p":"{\"q\\u202e\":1}"},
			"after":{"region":"eu\u202e\u001b","n":2,"tags":{"k\u202e\u001b":"b"},"s":["m\u2066","n"],"p":"{\"q\\u202e\":2}"}}}]}`
	api.Key.Post("/api/v1/ingest/plan?workspace=forged", []byte(forged)).Want(http.StatusOK)
	var again struct {
		Check struct{ Counts struct{ Unchanged int } }
	}
	api.Key.Post("/api/v1/ingest/plan?workspace=forged", []byte(forged)).Want(http.StatusOK).Decode(&again)
	if again.Check.Counts.Unchanged != 1 {
		t.Errorf("the same plan again: %+v", again)
	}
	var forgeds struct {
		Items []struct{ Difference map[string]any }
	}
	api.Viewer.Get("/api/v1/drifts?workspace=forged").Want(http.StatusOK).Decode(&forgeds)
	for _, shown := range []string{`tags["k\u{202e}\u001b"]`, `p["q\u{202e}"]`} {
		if forgeds.Items[0].Difference[shown] == nil {
			t.Errorf("%s is not in %v", shown, forgeds.Items[0].Difference)
		}
	}
	for _, path := range []string{"/api/v1/drifts?workspace=forged", "/api/v1/checks?workspace=forged", "/api/v1/audit"} {
		for _, raw := range []string{`\u001b`, "\u202e", `\u202e`} {
			// In a path a name is quoted, which shows a control character.
			if body := strings.ReplaceAll(string(api.Admin.Get(path).Want(http.StatusOK).Body), `\\u001b`, ""); strings.Contains(body, raw) {
				t.Errorf("%s: %s", path, body)
			}
		}
	}
	for _, path := range []string{"/api/v1/checks?workspace=sg", "/api/v1/events?limit=100"} {
		var data any
		a := api.Viewer.Get(path).Want(http.StatusOK)
		a.Decode(&data)
		for _, raw := range []string{`\u001b`, "\x1b", `\u202e`, "\u202e"} {
			if strings.Contains(string(a.Body), raw) {
				t.Errorf("%s: %s", path, a.Body)
			}
		}
	}
}
