package httpapi_test

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// TestDataKey_rotation: with DATA_KEY_PREVIOUS a new DATA_KEY reopens nothing, and everything that the old one made is still
// understood: hashes of differences and of their sides, roots, API keys, and kept responses.
func TestDataKey_rotation(t *testing.T) {
	const key = "another-data-key-of-the-tests-0123456789"
	r := startReport(t)
	r.send("case26a", "")
	r.decide("approve", "aws_instance.web")
	kept := r.api.Admin.Post("/api/v1/api-keys", map[string]string{"name": "two", "scope": "ingest"}, "Idempotency-Key", "k").Want(http.StatusCreated)
	old, admin := r.api.Key.Bearer, r.api.Admin.Bearer

	rotated := fieldReport{t, apitest.StartOn(t, r.api.DSN, "DATA_KEY="+key, "DATA_KEY_PREVIOUS="+apitest.DataKey)}
	again := rotated.api.With(admin).Post("/api/v1/api-keys", map[string]string{"name": "two", "scope": "ingest"}, "Idempotency-Key", "k").Want(http.StatusCreated)
	if !bytes.Equal(kept.Body, again.Body) {
		t.Errorf("the kept response is %s, was %s", again.Body, kept.Body)
	}
	made := rotated.api.Key.Bearer
	rotated.api.Key = rotated.api.With(old)
	mac := func() string {
		return pgtest.Value[string](t, r.api.DB, "select string_agg(encode(difference_mac, 'hex'), ' ' order by resource_id) from drift")
	}
	before := mac()
	rotated.wantCounts(rotated.sendBody(later(r.plan("case26a"), "21:01:06Z", "21:01:06.5Z"), ""), 0, 0, 3, 0)
	rotated.wantOpen(map[string]string{"aws_instance.plain": "detected", "aws_instance.web": "approved", "aws_security_group.core": "detected"})
	if mac() == before {
		t.Error("the hashes are still those of the old key")
	}
	rotated.send("case26b", "")
	if d := rotated.drifts()["aws_security_group.core"]; d.ResolvedHow == nil || *d.ResolvedHow != "reverted" {
		t.Errorf("%+v", d)
	}
	if c := rotated.sendBody(later(r.plan("case10x-b"), "2026-11-28T20:02:00Z", "2026-11-28T22:00:00Z"), "&mode=refresh-only"); !c.RootMismatch {
		t.Errorf("another root: %+v", c)
	}

	t.Run("without the old key", func(t *testing.T) {
		over := fieldReport{t, apitest.StartOn(t, r.api.DSN, "DATA_KEY="+key)}
		over.api.With(old).Post(ingestPath, r.plan("case26a")).Want(http.StatusUnauthorized)
		over.api.With(made).Post(ingestPath, r.plan("case26a")).Want(http.StatusOK)
		over.api.With(admin).Post("/api/v1/api-keys", map[string]string{"name": "two", "scope": "ingest"}, "Idempotency-Key", "k").Want(http.StatusInternalServerError)
	})
}

// TestDataKey_rotation_root: the root that was kept with the old key is compared, and the first plan is of the same root.
func TestDataKey_rotation_root(t *testing.T) {
	r := startReport(t)
	r.send("case10x-a", "")
	rotated := fieldReport{t, apitest.StartOn(t, r.api.DSN, "DATA_KEY=another-data-key-of-the-tests-0123456789", "DATA_KEY_PREVIOUS="+apitest.DataKey)}
	if c := rotated.send("case10x-b", ""); !c.RootMismatch {
		t.Errorf("%+v", c)
	}
	if c := rotated.sendBody(later(r.plan("case10x-a"), "20:01:00Z", "20:03:00Z"), ""); c.RootMismatch || c.Counts.Unchanged != 1 {
		t.Errorf("%+v", c)
	}
}
