package drift_test

import (
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// TestService_Approve_stream_lost: nothing is decided that nobody would be told of. Mutation: AppendEvents with an inner join,
// which inserts nothing, and the commit that travels with it is done.
func TestService_Approve_stream_lost(t *testing.T) {
	w := newWorld(t)
	d := w.report("web")
	audited := query[int](w, "select count(*)::int from audit")
	w.exec("delete from account_stream where account_id = $1", w.engineer.AccountID)
	if _, err := w.service.Approve(t.Context(), w.engineer, d.ID, reason, 0); err == nil {
		t.Error("it is approved")
	}
	if version := query[int](w, "select version from drift where id = $1", d.ID); version != d.Version {
		t.Errorf("the version is %d, want %d", version, d.Version)
	}
	if status := query[string](w, "select status from drift where id = $1", d.ID); status != string(drift.Detected) {
		t.Errorf("the drift is %s", status)
	}
	if n := query[int](w, "select count(*)::int from audit"); n != audited {
		t.Errorf("%d audit rows more", n-audited)
	}
}
