package client_test

import (
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/client"
)

// Mutations: the name not escaped; an empty ref sent as a text; a nil field sent; from and to mixed up; evidence, source or
// counts read from another place.
func TestClient_UpdateWorkspace(t *testing.T) {
	s := &script{t: t, responses: []transport{gives(200, `{"success":true,"data":{"name":"a/b","recordRef":"main","rootKnown":true,"acceptRoot":false,"owner":"team","staleAfter":60,"archived":true}}`)}}
	c := s.client()
	for _, change := range []struct {
		client.WorkspaceChange
		body string
	}{
		{client.WorkspaceChange{RecordRef: new("main")}, `{"recordRef":"main"}`},
		{client.WorkspaceChange{RecordRef: new(""), AcceptRoot: new(true)}, `{"acceptRoot":true,"recordRef":null}`},
		{client.WorkspaceChange{Owner: new("team"), StaleAfter: new(60), Archived: new(true)}, `{"archived":true,"owner":"team","staleAfter":60}`},
		{client.WorkspaceChange{Owner: new(""), StaleAfter: new(0), Archived: new(false)}, `{"archived":false,"owner":null,"staleAfter":null}`},
	} {
		s.responses = append(s.responses, s.responses[0])
		settings, err := c.UpdateWorkspace(t.Context(), "a/b", change.WorkspaceChange)
		if err != nil || settings != (client.WorkspaceSettings{Name: "a/b", RecordRef: "main", RootKnown: true, Owner: "team", StaleAfter: 60, Archived: true}) {
			t.Errorf("%+v, %v", settings, err)
		}
		r := s.requests[len(s.requests)-1]
		if body := s.bodies[len(s.bodies)-1]; r.Method != "PATCH" || r.URL.EscapedPath() != "/api/v1/workspaces/a%2Fb" || body != change.body {
			t.Errorf("sent %s %s %s, want %s", r.Method, r.URL.EscapedPath(), body, change.body)
		}
	}
}

func TestClient_Checks(t *testing.T) {
	s := &script{t: t, responses: []transport{gives(200, `{"success":true,"data":{"items":[{"id":"1","counts":{"new":2},"ref":"main","runUrl":"https://ci.example/1",
		"evidence":{"refreshed":"no","coverage":"full","mode":null,"unproven":3,"reasons":["Because."]},"leftOut":{"count":1,"entries":[]},"planTimestamp":null}],
		"pagination":{"hasMore":false}}}`)}}
	q := client.CheckQuery{Workspace: "a/b", Status: client.CheckErrored, Purpose: "preview", From: time.Unix(0, 0).UTC(), To: time.Unix(60, 0).UTC()}
	for check, err := range s.client().Checks(t.Context(), q) {
		if err != nil || check.Counts.New != 2 || check.Evidence.Unproven != 3 || check.Ref != "main" || check.RunURL != "https://ci.example/1" || check.LeftOut.Count != 1 {
			t.Errorf("%+v, %v", check, err)
		}
	}
	want := "from=1970-01-01T00%3A00%3A00Z&limit=100&page=1&purpose=preview&status=failed&to=1970-01-01T00%3A01%3A00Z&workspace=a%2Fb"
	if got := s.requests[0].URL.RawQuery; got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
}
