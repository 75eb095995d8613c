package httpapi_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/testkit/oidctest"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// trusting is a service that may call servers of this machine.
func trusting(t *testing.T, environ ...string) *apitest.API {
	t.Helper()
	return apitest.Start(t, append([]string{"OUTGOING_NETWORKS=127.0.0.0/8", "OUTGOING_CA=" + oidctest.CA()}, environ...)...)
}

const (
	ciAudience = "https://driftsentry.acme.example"
	ciSubject  = "repo:acme/network:ref:refs/heads/main"
	emptyPlan  = `{"format_version":"1.2","terraform_version":"1.9.0","resource_drift":[]}`
)

// trust makes a trust, and returns its id.
func trust(by *apitest.Client, host *oidctest.Issuer, changes map[string]any) string {
	body := map[string]any{"name": "network repository", "issuer": host.URL, "audience": ciAudience, "subject": "repo:acme/network:**"}
	maps.Copy(body, changes)
	var made struct{ ID string }
	by.Post("/api/v1/trusts", body).Want(http.StatusCreated).Decode(&made)
	return made.ID
}

// send sends a plan with a token.
func send(api *apitest.API, bearer, workspace string) *apitest.Response {
	return api.With(bearer).Post("/api/v1/ingest/plan?workspace="+workspace, []byte(emptyPlan))
}

// TestTrust_token: the token of a job is an API key while an admin trusts it, for the workspaces of the trust, and the audit trail says
// whose it is. Mutations: Actor without CI; the workspaces of one trust alone; TouchTrust left out; DeleteTrust without forget.
func TestTrust_token(t *testing.T) {
	api, host := trusting(t), oidctest.NewIssuer(t)
	token := host.Token(ciAudience, ciSubject, map[string]any{"repository_owner_id": "42", "run_attempt": 1, "protected": true})
	if a := send(api, token, "network").Want(http.StatusUnauthorized); a.Error.Details.Reason != "invalid" {
		t.Errorf("%s", a.Body)
	}
	if host.Requests() != 0 {
		t.Error("an issuer that nobody trusts was asked")
	}
	id := trust(api.Admin, host, map[string]any{
		"workspaces": []string{"network", "team/*"}, "claims": map[string]string{"repository_owner_id": "42", "run_attempt": "1", "protected": "true"},
	})
	send(api, token, "network").Want(http.StatusOK)
	send(api, token, "team/a").Want(http.StatusOK)
	send(api, token, "prod").Want(http.StatusForbidden)
	api.With(token).Post("/api/v1/drifts", map[string]any{
		"resourceId": "i-1", "resourceType": "aws_instance", "region": "eu-central-1", "workspace": "network",
		"expectedState": map[string]any{"size": "small"}, "actualState": map[string]any{"size": "large"},
	}).Want(http.StatusCreated)
	api.With(token).Get("/api/v1/drifts").Want(http.StatusForbidden)
	const who = "ci:network repository " + ciSubject
	var trail struct {
		Items []struct{ ActorEmail, ActorRole, ActorID string }
	}
	api.Admin.Get("/api/v1/audit?action=drift.created").Want(http.StatusOK).Decode(&trail)
	if len(trail.Items) != 1 || trail.Items[0].ActorEmail != who || trail.Items[0].ActorRole != "ci" || trail.Items[0].ActorID != id {
		t.Errorf("audit: %+v", trail)
	}
	if actor := pgtest.Value[string](t, api.DB, "select distinct actor from workspace_check"); actor != who {
		t.Errorf("the check is %q's", actor)
	}
	second := trust(api.Admin, host, map[string]any{"name": "all of acme", "subject": "repo:acme/*:ref:refs/heads/*", "workspaces": []string{"prod"}})
	send(api, token, "prod").Want(http.StatusOK)
	send(api, token, "network").Want(http.StatusOK)

	var list struct {
		Items []struct {
			ID, Name, CreatedBy string
			LastUsedAt          *string
			Workspaces          []string
			Claims              map[string]string
		}
	}
	api.Admin.Get("/api/v1/trusts").Want(http.StatusOK).Decode(&list)
	if len(list.Items) != 2 || list.Items[0].ID != id || list.Items[0].LastUsedAt == nil || list.Items[0].CreatedBy != api.Admin.User.Email || len(list.Items[0].Claims) != 3 {
		t.Errorf("%+v", list)
	}
	for _, gone := range []string{id, second} {
		api.Admin.Do(http.MethodDelete, "/api/v1/trusts/"+gone, nil).Want(http.StatusOK)
	}
	api.Admin.Do(http.MethodDelete, "/api/v1/trusts/"+id, nil).Want(http.StatusNotFound)
	send(api, token, "network").Want(http.StatusUnauthorized)
	for action, want := range map[string]int{"trust.created": 2, "trust.deleted": 2} {
		if n := pgtest.Value[int](t, api.DB, "select count(*)::int from audit where action = $1 and actor_email = $2", action, api.Admin.User.Email); n != want {
			t.Errorf("%d rows of %s", n, action)
		}
	}
}

// TestAttackTrust: a genuine token of the host is worth nothing beyond what a trust says: other subjects and claims, audiences of other
// accounts, issuers without a trust. Mutations: accepts always true; matches without its ends; InsertTrust without its owner; place
// without the audience; owned always nil.
func TestAttackTrust(t *testing.T) {
	api, host, stranger := trusting(t), oidctest.NewIssuer(t), oidctest.NewIssuer(t)
	trust(api.Admin, host, map[string]any{"subject": "repo:acme/*:ref:refs/heads/main", "claims": map[string]string{"repository_owner": "acme"}})
	trust(api.Other, host, map[string]any{"audience": "https://driftsentry.other.example", "subject": "repo:other/*:**"})
	claims := map[string]any{"repository_owner": "acme"}
	send(api, host.Token(ciAudience, ciSubject, claims), "network").Want(http.StatusOK)
	send(api, host.Token("https://driftsentry.other.example", "repo:other/x:pull_request", nil), "network").Want(http.StatusOK)
	if n := pgtest.Value[int](t, api.DB, "select count(distinct account_id)::int from workspace where name = 'network'"); n != 2 {
		t.Errorf("the plans are of %d accounts", n)
	}
	for name, raw := range map[string]string{
		"another branch":                     host.Token(ciAudience, "repo:acme/network:ref:refs/heads/mainx", claims),
		"a pull request":                     host.Token(ciAudience, "repo:acme/network:pull_request", claims),
		"another owner":                      host.Token(ciAudience, "repo:evil/network:ref:refs/heads/main", claims),
		"an owner that begins so":            host.Token(ciAudience, "repo:acme-evil/network:ref:refs/heads/main", claims),
		"the subject inside of another":      host.Token(ciAudience, "repo:evil/"+ciSubject, claims),
		"a slash in the repository":          host.Token(ciAudience, "repo:acme/a/b:ref:refs/heads/main", claims),
		"a line before":                      host.Token(ciAudience, "x\n"+ciSubject, claims),
		"a line after":                       host.Token(ciAudience, ciSubject+"\n", claims),
		"no claim":                           host.Token(ciAudience, ciSubject, nil),
		"another claim":                      host.Token(ciAudience, ciSubject, map[string]any{"repository_owner": "evil"}),
		"a claim that is a list":             host.Token(ciAudience, ciSubject, map[string]any{"repository_owner": []string{"acme"}}),
		"the other account's audience":       host.Token("https://driftsentry.other.example", ciSubject, claims),
		"an audience that nobody has":        host.Token("https://nobody.example", ciSubject, claims),
		"an issuer that nobody trusts":       stranger.Token(ciAudience, ciSubject, claims),
		"a stranger's signature":             stranger.Token(ciAudience, ciSubject, map[string]any{"repository_owner": "acme", "iss": host.URL}),
		"an issuer that is like the trusted": host.Token(ciAudience, ciSubject, map[string]any{"repository_owner": "acme", "iss": host.URL + "/"}),
	} {
		if a := send(api, raw, "network"); a.Status != http.StatusUnauthorized || a.Error.Code != "AUTH_ERROR" || !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if n := stranger.Requests(); n != 0 {
		t.Errorf("an issuer that nobody trusts was asked %d times", n)
	}
	if strings.Contains(api.Telemetry.Output(), "eyJ") {
		t.Error("a token is in the log")
	}
	t.Run("an audience belongs to one account", func(*testing.T) {
		body := map[string]any{"name": "x", "issuer": host.URL, "audience": ciAudience, "subject": "repo:other/*:**"}
		api.Other.Post("/api/v1/trusts", body).Want(http.StatusConflict)
		api.Other.Get("/api/v1/trusts").Want(http.StatusOK)
	})
	t.Run("what would trust everyone is refused", func(t *testing.T) {
		const gitHub, gitLab = "https://token.actions.githubusercontent.com", "https://gitlab.com"
		try := func(changes map[string]any) *apitest.Response {
			body := map[string]any{"name": "x", "issuer": gitHub, "audience": ciAudience, "subject": "repo:acme/*:**"}
			maps.Copy(body, changes)
			return api.Admin.Wrong().Post("/api/v1/trusts", body)
		}
		for field, wrong := range map[string][]map[string]any{
			"subject": {
				{"subject": "**"}, {"subject": "*"}, {"subject": "repo:*/x:**"}, {"subject": "repo:**"}, {"subject": "repo:a*/x:**"}, {"subject": ""},
				{"subject": "*:ref:refs/heads/main"}, {"issuer": gitLab, "subject": "project_path:*/infra:**"}, {"issuer": gitHub + "/", "subject": "**:x"},
				{"subject": "x**", "claims": map[string]string{"repository": "*/network"}}, {"subject": "x**", "claims": map[string]string{"actor": "ada"}}, {"subject": "a\nb"},
			},
			"issuer": {
				{"issuer": "http://ci.example"}, {"issuer": "ci.example"}, {"issuer": "https://"}, {"issuer": "https://a@ci.example"}, {"issuer": "https://ci.example?x"},
				{"issuer": "https://ci.example#x"}, {"issuer": "https://ci.example/a/../b"}, {"issuer": "https://ci.example\n"}, {"issuer": "file:///etc/passwd"}, {"issuer": ""},
			},
			"audience":   {{"audience": ""}, {"audience": strings.Repeat("x", 256)}},
			"claims":     {{"claims": map[string]string{"x": "**"}}, {"claims": map[string]string{"": "x"}}, {"claims": map[string]string{"x": ""}}},
			"workspaces": {{"workspaces": []string{}}, {"workspaces": []string{"a/**"}}},
			"name":       {{"name": ""}},
		} {
			for _, changes := range wrong {
				if a := try(changes); a.Status != http.StatusBadRequest || a.Error.Details.Errors[0].Field != field {
					t.Errorf("%v: %d %s", changes, a.Status, a.Body)
				}
			}
		}
		for _, changes := range []map[string]any{
			{"subject": "repo:acme/*:**"}, {"issuer": gitLab, "subject": "project_path:acme/**"}, {"subject": "x**", "claims": map[string]string{"repository_owner_id": "42"}},
			{"issuer": "https://gitlab.acme.example/oidc", "subject": "project_path:**"},
		} {
			if a := try(changes); a.Status != http.StatusCreated {
				t.Errorf("%v: %d %s", changes, a.Status, a.Body)
			}
		}
	})
}

// TestAttackCITrace: only a token that is proven by keys in memory continues the caller's trace. Mutations: Proven always true;
// recogniseCI without trusting.
func TestAttackCITrace(t *testing.T) {
	api, host := trusting(t), oidctest.NewIssuer(t)
	trust(api.Admin, host, nil)
	trace := func(raw string) bool {
		t.Helper()
		return api.With(raw).Get("/api/v1/drifts", "traceparent", traceparent).Correlation() == callersTrace
	}
	good := host.Token(ciAudience, ciSubject, nil)
	if trace(good) {
		t.Error("a trace was continued before the keys were known")
	}
	if !trace(good) {
		t.Error("the trace of a known job is not continued")
	}
	for name, raw := range map[string]string{
		"of someone else at the host": host.Token(ciAudience, "repo:evil/x:pull_request", nil),
		"signed by someone else":      oidctest.NewIssuer(t).Token(ciAudience, ciSubject, map[string]any{"iss": host.URL}),
		"that has expired":            host.Token(ciAudience, ciSubject, map[string]any{"exp": 1}),
	} {
		if trace(raw) {
			t.Errorf("the trace of a token %s is continued", name)
		}
	}
}

// TestTrust_issuer_away: an issuer that is away is 503 for the jobs whose keys are not known, and nothing for anyone else. Mutation:
// Prove gives errCIInvalid for every error.
func TestTrust_issuer_away(t *testing.T) {
	api, host := trusting(t), oidctest.NewIssuer(t)
	trust(api.Admin, host, nil)
	host.Respond(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if a := send(api, host.Token(ciAudience, ciSubject, nil), "network").Want(http.StatusServiceUnavailable); a.Header.Get("Retry-After") == "" {
		t.Errorf("%v", a.Header)
	}
	send(api, api.Key.Bearer, "network").Want(http.StatusOK)
	api.Viewer.Get("/api/v1/drifts").Want(http.StatusOK)
}
