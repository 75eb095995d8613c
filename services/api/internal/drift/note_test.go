package drift_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// Mutations: the text stored as it comes; the version grows.
func TestService_Comment(t *testing.T) {
	w := newWorld(t)
	d := w.report("web")
	const secret = "AKIAIOSFODNN7EXAMPLE" // The example of the provider's documentation.
	made, err := w.service.Comment(t.Context(), w.colleague, d.ID, "  until Friday, with "+secret+"\n")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(made.Text, secret) || !strings.HasPrefix(made.Text, "until Friday") {
		t.Errorf("the text is %q", made.Text)
	}
	timeline, _, err := w.trail.Timeline(t.Context(), w.engineer.AccountID, d.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	if last := timeline[len(timeline)-1]; last.ID != made.ID || last.Action != "drift.commented" || last.Message != made.Text || last.ActorEmail != w.colleague.Email {
		t.Errorf("timeline: %+v", last)
	}
	if got := w.drifts()["web"]; got.Version != 1 || !got.UpdatedAt.Equal(d.UpdatedAt) {
		t.Errorf("the drift has changed: %+v", got)
	}
	if body := query[string](w, "select body->'data'->>'comment' from event where type = 'drift.commented'"); body != made.Text {
		t.Errorf("the event has %q", body)
	}
	for _, bad := range []string{"", " \n", strings.Repeat("é", 2001), "a\x1b[31m"} {
		_, err := w.service.Comment(t.Context(), w.engineer, d.ID, bad)
		wantKind(t, err, apierror.Invalid)
	}
	_, err = w.service.Comment(t.Context(), w.stranger, d.ID, "hello")
	wantKind(t, err, apierror.NotFound)
}

// Mutations: SaveOwner without the version; Assign without its look at what the owner is already.
func TestService_Assign(t *testing.T) {
	w := newWorld(t)
	d := w.report("web")
	owned, err := w.service.Assign(t.Context(), w.engineer, d.ID, new("network-team"), 1)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := w.service.Get(t.Context(), w.engineer, d.ID)
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, &stored.Drift, owned)
	if owned.Version != 2 || *owned.Owner != "network-team" || query[string](w, "select owner_by from drift where id = $1", d.ID) != w.engineer.Email {
		t.Errorf("%+v", owned)
	}
	_, err = w.service.Assign(t.Context(), w.engineer, d.ID, nil, 1)
	wantKind(t, err, apierror.Conflict)
	if again, err := w.service.Assign(t.Context(), w.colleague, d.ID, new("network-team"), 0); err != nil || again.Version != 2 {
		t.Errorf("%+v, %v", again, err)
	}
	if part, total, err := w.list(drift.Filter{Owner: []string{"network-team"}}, drift.Order{By: drift.ByCreated}, first(10).Page); err != nil || total != 1 || part[0].ID != d.ID {
		t.Errorf("%d of the owner, %v", total, err)
	}
	if none, err := w.service.Assign(t.Context(), w.engineer, d.ID, nil, 0); err != nil || none.Owner != nil || none.Version != 3 ||
		query[*string](w, "select owner_by from drift where id = $1", d.ID) != nil {
		t.Errorf("%+v, %v", none, err)
	}
	if got, want := w.events(), []event.Type{event.DriftCreated, event.DriftAssigned, event.DriftAssigned}; !slices.Equal(got, want) {
		t.Errorf("events are %v, want %v", got, want)
	}
	for _, bad := range []string{"", " ", strings.Repeat("x", 201), "a\nb"} {
		_, err := w.service.Assign(t.Context(), w.engineer, d.ID, &bad, 0)
		wantKind(t, err, apierror.Invalid)
	}
}

// Mutations: Attribute without MayUse; the URL stored as it comes.
func TestService_Attribute(t *testing.T) {
	w := newWorld(t)
	d := w.report("web")
	at := time.Now().Add(-time.Hour)
	a := drift.Attribution{By: "arn:aws:iam::123456789012:user/ada", At: at, Source: "cloudtrail", URL: "https://logs.example.com/4711?token=abcdefgh12345678"}
	if _, err := w.service.Attribute(t.Context(), w.key, d.ID, a); err != nil {
		t.Fatal(err)
	}
	got, err := w.service.Get(t.Context(), w.engineer, d.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Version != 2 || got.Attribution == nil || got.Attribution.By != a.By || got.Attribution.Source != "cloudtrail" ||
		!got.Attribution.At.Equal(at.Truncate(time.Microsecond)) || strings.Contains(got.Attribution.URL, "abcdefgh12345678") {
		t.Errorf("%d, %+v", got.Version, got.Attribution)
	}
	if got, want := w.events(), []event.Type{event.DriftCreated, event.DriftUpdated}; !slices.Equal(got, want) {
		t.Errorf("events are %v, want %v", got, want)
	}
	limited := w.key
	limited.KeyID, limited.Workspaces = uuid.New(), []string{"team/*"}
	_, err = w.service.Attribute(t.Context(), limited, d.ID, a)
	wantKind(t, err, apierror.Forbidden)
	for _, change := range []func(*drift.Attribution){
		func(a *drift.Attribution) { a.By = "" },
		func(a *drift.Attribution) { a.Source = strings.Repeat("x", 65) },
		func(a *drift.Attribution) { a.At = time.Time{} },
		func(a *drift.Attribution) { a.At = time.Now().Add(time.Hour) },
	} {
		bad := a
		change(&bad)
		_, err := w.service.Attribute(t.Context(), w.key, d.ID, bad)
		wantKind(t, err, apierror.Invalid)
	}
}
