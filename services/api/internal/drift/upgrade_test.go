package drift_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// TestService_Ingest_upgrade: the first upload after an upgrade finds the drifts of the earlier version, reopens nothing, and
// upgrades their identity without a word. Mutations: Options.Open left out; upgraded not saved.
func TestService_Ingest_upgrade(t *testing.T) {
	w := newWorld(t)
	web := resource{address: "aws_thing.web", want: "a", got: "b"}
	w.ingest("prod", planOf(1, complete, web))
	d := w.drifts()["aws_thing.web"]
	if _, err := w.service.Approve(t.Context(), w.engineer, d.ID, reason, 0); err != nil {
		t.Fatal(err)
	}
	// As version 1 stored it: an HMAC of the difference alone, and no sides.
	mac := hmac.New(sha256.New, []byte("a key of thirty-two bytes, or so"))
	mac.Write([]byte("driftsentry.plan.difference.v1\n" + `"v":"a","b"` + "\n"))
	w.exec("update drift set difference_mac = $1, sides = null, check_id = null", mac.Sum(nil))
	before := len(w.events())
	a := w.ingest("prod", planOf(2, complete, web))
	got := w.drifts()["aws_thing.web"]
	if a.Check.Counts != (event.Counts{Unchanged: 1}) || got.Status != drift.Approved || got.Version != 2 || got.Occurrences != 2 {
		t.Errorf("%+v, %+v", a.Check.Counts, got)
	}
	if after := w.events()[before:]; len(after) != 1 {
		t.Errorf("events: %v", after)
	}
	if stored := query[[]byte](w, "select difference_mac from drift"); bytes.Equal(stored, mac.Sum(nil)) {
		t.Error("the identity was not upgraded")
	}
	// Its sides are there from now on.
	w.ingest("prod", planOf(3, complete+recorded("web", "a")))
	if got := w.drifts()["aws_thing.web"]; got.ResolvedHow == nil || *got.ResolvedHow != drift.Reverted {
		t.Errorf("%+v", got)
	}
}
