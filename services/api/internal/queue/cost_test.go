package queue_test

import (
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
)

// statements counts the statements, or batches of them, that a request sent.
func statements(api *apitest.API, trace string) int {
	n := 0
	for _, s := range api.Telemetry.Spans() {
		if s.SpanContext.TraceID().String() != trace {
			continue
		}
		for _, a := range s.Attributes {
			if a.Key == "db.query.summary" {
				n++
			}
		}
	}
	return n
}

// TestCost: an upload, and a decision, send as many statements with ten channels as without one. Mutation: the jobs made by a statement
// of their own.
func TestCost(t *testing.T) {
	api := start(t)
	var drift struct{ ID string }
	cost := func(workspace string) [2]int {
		upload := api.Key.Post("/api/v1/ingest/plan?workspace="+workspace, plan(t, "refresh_only_tf1.11.4.json")).Want(200)
		var got struct{ Drifts []struct{ ID string } }
		upload.Decode(&got)
		drift.ID = got.Drifts[0].ID
		approval := api.Engineer.Post("/api/v1/drifts/"+drift.ID+"/approve", map[string]string{"reason": "agreed with the network team"}).Want(200)
		return [2]int{statements(api, upload.Correlation()), statements(api, approval.Correlation())}
	}
	cost("first") // It fills the caches.
	without := cost("without")
	r := newReceiver(t)
	for range 10 {
		makeChannel(api, "slack", r.URL, nil)
	}
	if with := cost("with"); with != without || with[0] == 0 || with[1] == 0 {
		t.Errorf("%v statements with channels, %v without", with, without)
	}
	t.Logf("tried: an upload sends %d statements or batches, a decision %d, with and without channels", without[0], without[1])
	r.wait(count(10))
}
