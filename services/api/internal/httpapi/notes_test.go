package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
)

func TestDrifts_notes(t *testing.T) {
	api := apitest.Start(t)
	path := "/api/v1/drifts/" + report(t, api.Key, "web").ID.String()
	var d struct {
		Owner, ApprovedUntil *string
		Version              int
		CanReopen            bool
		Attribution          *struct{ ChangedBy, ChangedAt, Source, URL string }
	}
	get := func() {
		t.Helper()
		d.Owner, d.ApprovedUntil, d.Attribution = nil, nil, nil
		api.Engineer.Get(path).Want(200).Decode(&d)
	}

	api.Engineer.Do(http.MethodPatch, path, map[string]any{"owner": "network-team", "version": 1}).Want(200)
	api.Engineer.Do(http.MethodPatch, path, map[string]any{"owner": nil, "version": 1}).Want(http.StatusConflict)
	api.Engineer.Wrong().Do(http.MethodPatch, path, map[string]any{}).Want(400)
	api.Engineer.Wrong().Do(http.MethodPatch, path, map[string]any{"owner": ""}).Want(400)
	get()
	if d.Owner == nil || *d.Owner != "network-team" || d.Version != 2 {
		t.Errorf("%+v", d)
	}

	var comment struct{ ID, Text string }
	api.Engineer.Post(path+"/comments", map[string]string{"text": "until Friday"}).Want(201).Decode(&comment)
	var timeline []struct{ ID, Action, Message string }
	api.Viewer.Get(path + "/timeline").Want(200).Decode(&timeline)
	if last := timeline[len(timeline)-1]; last.ID != comment.ID || last.Action != "drift.commented" || last.Message != "until Friday" {
		t.Errorf("%+v", timeline)
	}
	api.Engineer.Wrong().Post(path+"/comments", map[string]string{"text": " "}).Want(400)
	api.Viewer.Post(path+"/comments", map[string]string{"text": "hello"}).Want(403)

	said := map[string]string{"changedBy": "ada", "changedAt": "2026-03-01T08:14:00Z", "source": "cloudtrail", "url": "https://logs.example.com/4711"}
	api.Key.Post(path+"/attribution", said).Want(200)
	get()
	if d.Attribution == nil || d.Attribution.ChangedBy != "ada" || d.Attribution.ChangedAt != "2026-03-01T08:14:00.000Z" || d.Attribution.URL != said["url"] || d.Version != 3 {
		t.Errorf("%+v, %+v", d, d.Attribution)
	}
	for name, value := range map[string]string{"url": "javascript:alert(1)", "changedAt": "1999-03-01T08:14:00Z", "changedBy": "", "source": "a\nb"} {
		wrong := map[string]string{"changedBy": "ada", "changedAt": "2026-03-01T08:14:00Z", "source": "cloudtrail"}
		wrong[name] = value
		if got := api.Key.Wrong().Post(path+"/attribution", wrong); got.Status != 400 || got.Error.Details.Errors[0].Field != name {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}

	api.Engineer.Wrong().Post(path+"/approve", map[string]string{"reason": reason, "until": "2020-01-01T00:00:00Z"}).Want(400)
	api.Engineer.Post(path+"/approve", map[string]string{"reason": reason, "until": nextYear}).Want(200)
	get()
	if d.ApprovedUntil == nil || *d.ApprovedUntil != strings.TrimSuffix(nextYear, "Z")+".000Z" || !d.CanReopen {
		t.Errorf("%+v", d)
	}
	api.Engineer.Post(path+"/reopen", map[string]any{"reason": reason, "version": 4}).Want(200)
	api.Engineer.Post(path+"/reopen", map[string]string{"reason": reason}).Want(http.StatusConflict)
	get()
	if d.ApprovedUntil != nil || d.CanReopen || d.Owner == nil || d.Attribution == nil {
		t.Errorf("%+v", d)
	}
}
