package client_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/client"
)

// TestChanged logs `changed: ` and the name of each thing that the same call of the old client does differently now. Where the service does
// what it did before, nothing is logged, and TestOldClient misses it.
func TestChanged(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p := startPair(ctx, t)
	changed := func(what string, is bool) {
		if is {
			t.Log("changed: " + what)
		}
	}
	admin, engineer, viewer := p.as("admin"), p.as("engineer"), p.as("viewer")
	report, err := engineer.ReportDrift(ctx, client.DriftReport{
		ResourceID: "i-1", ResourceType: "aws_instance", Region: "eu-central-1", Severity: client.Critical, Workspace: "reported",
		ExpectedState: map[string]string{"size": "small"}, ActualState: map[string]string{"size": "large"},
	})
	if err != nil {
		t.Fatal(err)
	}

	list, err := viewer.ListDrifts(ctx, client.DriftQuery{}, client.Page{})
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	detail, err := viewer.GetDrift(ctx, report.ID)
	if err != nil || !strings.Contains(string(detail.ActualState), "large") {
		t.Fatalf("%+v, %v", detail, err)
	}
	changed("rows of lists have no states", list.Items[0].ExpectedState == nil && list.Items[0].ActualState == nil)

	alerts, err := viewer.ListAlerts(ctx, client.AlertQuery{}, client.Page{})
	if err != nil || len(alerts.Items) != 1 {
		t.Fatalf("%+v, %v", alerts, err)
	}
	_, err = viewer.MarkAlertRead(ctx, alerts.Items[0].ID)
	changed("viewers mark alerts read", err == nil)
	unread, err := engineer.CountUnreadAlerts(ctx)
	if err != nil {
		t.Fatal(err)
	}
	changed("an alert that another user has read is unread", unread == 1)

	err = viewer.ChangePassword(ctx, p.password, "password123")
	changed("a common password is refused", client.HasCode(err, client.CodeValidation))
	_, err = engineer.ApproveDrift(ctx, report.ID, client.Decision{Reason: "agreed with \u202e the network team"})
	changed("a mark of direction in a reason is refused", client.HasCode(err, client.CodeValidation))

	changed("a refresh token that was just spent works again", spentTwice(ctx, t, p))
	changed("a replay does not show a revoked key", replayed(ctx, t, p, admin) == http.StatusConflict)
	changed("keys end with the user who made them", keyOfALeaver(ctx, t, p, admin))
}

// spentTwice says whether a refresh token works a second time, at once.
func spentTwice(ctx context.Context, t *testing.T, p *pair) bool {
	t.Helper()
	session, err := p.as("engineer").SignIn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var errs []error
	for range 2 {
		_, err := p.client(client.WithSession(client.Session{RefreshToken: session.RefreshToken})).Me(ctx)
		errs = append(errs, err)
	}
	if errs[0] != nil {
		t.Fatal(errs[0])
	}
	return errs[1] == nil
}

// replayed is the status of the second of two equal requests for a key, when the key that the first one made is revoked.
func replayed(ctx context.Context, t *testing.T, p *pair, admin *client.Client) int {
	t.Helper()
	token, err := admin.AccessToken(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ask := func() (int, string) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.API.URL()+"/api/v1/api-keys", strings.NewReader(`{"name":"once","scope":"ingest"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", "the-same")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var body struct {
			Data struct{ APIKey struct{ ID string } }
		}
		if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, body.Data.APIKey.ID
	}
	status, id := ask()
	if status != http.StatusCreated {
		t.Fatalf("the first request: %d", status)
	}
	if err := admin.DeleteAPIKey(ctx, id); err != nil {
		t.Fatal(err)
	}
	status, _ = ask()
	return status
}

// keyOfALeaver says whether a key is refused after the user who made it was deactivated.
func keyOfALeaver(ctx context.Context, t *testing.T, p *pair, admin *client.Client) bool {
	t.Helper()
	created, err := admin.CreateUser(ctx, client.NewUser{Email: "grace@acme.example", Name: "Grace", Role: client.Admin})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.client().SetPassword(ctx, created.SetupToken, p.password+"1"); err != nil {
		t.Fatal(err)
	}
	key, err := p.client(client.WithPassword("grace@acme.example", p.password+"1")).CreateAPIKey(ctx, client.NewAPIKey{Name: "hers", Scope: client.ScopeIngest})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.UpdateUser(ctx, created.User.ID, client.UserChange{IsActive: new(false)}); err != nil {
		t.Fatal(err)
	}
	plan, err := os.Open("../../services/api/internal/plan/testdata/plans/refresh_only_tf1.11.4.json")
	if err != nil {
		t.Fatal(err)
	}
	defer plan.Close()
	_, err = p.client(client.WithAPIKey(key.Key)).SendPlan(ctx, "production", plan, client.PlanOptions{})
	return client.HasCode(err, client.CodeAuth)
}
