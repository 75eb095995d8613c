package client_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/client"
)

// A part of an export is never taken for the whole, and is not asked for a second time. Mutations: eachDrift ends well at the end of the
// body; errPartial is worth repeating.
func TestClient_ExportDrifts(t *testing.T) {
	const one, two, end = `{"id":"1","status":"detected"}` + "\n", `{"id":"2","status":"approved"}` + "\n", `{"end":{"rows":2,"cursor":"e:1:00000000"}}` + "\n"
	for name, tt := range map[string]struct {
		body string
		rows int
		code client.Code
		err  error
	}{
		"all of it":      {one + two + end, 2, "", nil},
		"it ends early":  {one + two, 2, "", io.ErrUnexpectedEOF},
		"a line is cut":  {one + two[:10], 1, "", io.ErrUnexpectedEOF},
		"it failed":      {one + `{"error":{"code":"TIMEOUT","message":"it took too long","traceId":"4bf92f3577b34da6a3ce929d0e0e4736"}}` + "\n", 1, client.CodeTimeout, nil},
		"nothing passes": {strings.Replace(end, "2", "0", 1), 0, "", nil},
	} {
		s := &script{t: t, responses: []transport{gives(200, tt.body)}}
		rows, failed := 0, error(nil)
		for _, err := range s.client().ExportDrifts(t.Context(), client.DriftQuery{Owner: "team", SortBy: "status", IncludeStates: true}) {
			if failed = err; err == nil {
				rows++
			}
		}
		if rows != tt.rows || (failed == nil) != (tt.err == nil && tt.code == "") || tt.err != nil && !errors.Is(failed, tt.err) || tt.code != "" && !client.HasCode(failed, tt.code) {
			t.Errorf("%s: %d rows, %v", name, rows, failed)
		}
		if len(s.requests) != 1 || s.requests[0].URL.RawQuery != "format=ndjson&owner=team" {
			t.Errorf("%s: asked %d times, for %s", name, len(s.requests), s.requests[0].URL.RawQuery)
		}
	}
}

func TestClient_DecideDrifts(t *testing.T) {
	s := &script{t: t, responses: []transport{gives(200, `{"success":true,"data":{"decided":1,"results":[{"id":"1","decided":true,"status":"triaged","version":2,"error":null},
		{"id":"2","decided":false,"status":null,"version":null,"error":{"code":"NOT_FOUND","message":"there is no such drift"}}]}}`)}}
	got, err := s.client().DecideDrifts(t.Context(), client.BulkDecision{
		Action: client.Triage, ExpectedCount: 2,
		Query: &client.DriftQuery{Severity: client.AnyOf(client.Critical, client.Info), Open: new(true), Search: "a,b", Group: "g", Suppressed: "any", SortBy: "status"},
	})
	if err != nil || got.Decided != 1 || got.Results[0].Version != 2 || got.Results[1].Error.Code != client.CodeNotFound {
		t.Errorf("%+v, %v", got, err)
	}
	const want = `{"action":"triage","filter":{"group":["g"],"open":true,"search":"a,b","severity":["critical","info"],"suppressed":"any"},"expectedCount":2}`
	if body := s.bodies[0]; body != want {
		t.Errorf("sent %s, want %s", body, want)
	}
}
