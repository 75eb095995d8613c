package httpapi_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
)

type errorsReport struct {
	Replica string
	Total   int
	ByCode  map[string]int
	Recent  []struct {
		Code, Method, Route, Message, TraceID string
		Status                                int
	}
}

func recentErrors(c *apitest.Client) (r errorsReport) {
	c.Get("/api/v1/ops/errors").Want(200).Decode(&r)
	return r
}

func TestRecentErrors(t *testing.T) {
	api := apitest.Start(t)
	if r := recentErrors(api.Admin); r.Total != 0 || len(r.Recent) != 0 || r.Replica == "" {
		t.Fatalf("before anything went wrong: %+v", r)
	}
	id := uuid.NewString()
	missing := api.Viewer.Get("/api/v1/drifts/" + id).Want(404)
	api.Viewer.Get("/api/v1/users").Want(403)
	api.Anonymous.Get("/api/v1/users").Want(401)
	api.Other.Get("/api/v1/drifts/" + id).Want(404)

	r := recentErrors(api.Admin)
	if r.Total != 2 || r.ByCode["NOT_FOUND"] != 1 || r.ByCode["FORBIDDEN"] != 1 {
		t.Errorf("%+v", r)
	}
	if r.Recent[0].Code != "FORBIDDEN" { // the newest
		t.Errorf("%+v", r.Recent)
	}
	if e := r.Recent[1]; e.TraceID != missing.Correlation() || e.Route != "/api/v1/drifts/{id}" || e.Method != "GET" || e.Status != 404 || e.Message != missing.Error.Message {
		t.Errorf("%+v", e)
	}
	if r := recentErrors(api.Other); r.Total != 1 {
		t.Errorf("another account's: %+v", r)
	}

	t.Run("it is bounded, and counts on", func(t *testing.T) {
		for range 120 {
			missing = api.Viewer.Get("/api/v1/drifts/" + id)
		}
		r := recentErrors(api.Admin)
		if len(r.Recent) != 100 || r.Total != 122 || r.Recent[0].TraceID != missing.Correlation() {
			t.Errorf("%d of %d, the newest is %+v", len(r.Recent), r.Total, r.Recent[0])
		}
	})
}
