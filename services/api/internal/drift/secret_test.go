package drift_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// secretPlan writes a plan in which a value drifted that Terraform says is sensitive, and nothing else.
func secretPlan(minute int, got string) string {
	return fmt.Sprintf(`{"format_version":"1.2","complete":true,"timestamp":%q,"resource_drift":[{"address":"aws_thing.web","mode":"managed",
		"type":"aws_thing","name":"web","change":{"actions":["update"],"before":{"v":"what-it-should-be"},"after":{"v":%q},
		"before_sensitive":{"v":true},"after_sensitive":{"v":true}}}]}`,
		time.Date(2026, 3, 1, 0, minute, 0, 0, time.UTC).Format(time.RFC3339), got)
}

// dump is every row of every table as text.
func (w *world) dump() string {
	w.t.Helper()
	var all strings.Builder
	tables := query[[]string](w, "select array_agg(table_name::text) from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'")
	for _, table := range tables {
		rows, err := w.db.Query(w.t.Context(), "select row_to_json(x)::text from "+pgx.Identifier{table}.Sanitize()+" x")
		if err != nil {
			w.t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			w.t.Fatal(err)
		}
		fmt.Fprintln(&all, table, lines)
	}
	return all.String()
}

// TestService_Ingest_secret_changes: that a masked value changed again is seen, though what is shown of it stays the same, and
// the value itself is nowhere. Mutations: reconcile finds every difference the same, or none; what is decided is updated and
// not reopened, or keeps its approval; SaveStates without difference_mac; the digest without the values, or without the actual
// one; the HMAC without its key, or the service with another than DATA_KEY; the values in the place of their HMAC; no mask hides.
func TestService_Ingest_secret_changes(t *testing.T) {
	w := newWorld(t)
	w.ingest("prod", secretPlan(1, "changed-by-mallory"))
	first := w.drifts()["aws_thing.web"]
	if _, err := w.service.Approve(t.Context(), w.engineer, first.ID, reason, 0); err != nil {
		t.Fatal(err)
	}
	mac := func(workspace string) string {
		t.Helper()
		return query[string](w, "select encode(difference_mac, 'hex') from drift where workspace = $1", workspace)
	}
	decided := mac("prod")
	for i, step := range []struct {
		name, got string
		counts    event.Counts
		status    drift.Status
		version   int
		events    []event.Type
	}{
		{"the same value", "changed-by-mallory", event.Counts{Unchanged: 1}, drift.Approved, 2, nil},
		{"another, of one that is decided", "changed-by-trudy", event.Counts{Changed: 1}, drift.Detected, 3, []event.Type{event.DriftReopened}},
		{"that one again", "changed-by-trudy", event.Counts{Unchanged: 1}, drift.Detected, 3, nil},
		{"another, of one that is not", "changed-by-oscar", event.Counts{Changed: 1}, drift.Detected, 4, []event.Type{event.DriftUpdated}},
		{"the value that was decided about", "changed-by-mallory", event.Counts{Changed: 1}, drift.Detected, 5, []event.Type{event.DriftUpdated}},
	} {
		before := len(w.events())
		a := w.ingest("prod", secretPlan(2+i, step.got))
		d := w.drifts()["aws_thing.web"]
		if a.Check.Counts != step.counts || d.ID != first.ID || d.Status != step.status || d.Version != step.version {
			t.Errorf("%s: %+v, %s, version %d", step.name, a.Check.Counts, d.Status, d.Version)
		}
		if (d.ApprovedAt != nil) != (step.status == drift.Approved) {
			t.Errorf("%s: approved at %v", step.name, d.ApprovedAt)
		}
		if got, want := w.events()[before:], slices.Concat(step.events, []event.Type{event.CheckCompleted}); !slices.Equal(got, want) {
			t.Errorf("%s: events %v, want %v", step.name, got, want)
		}
		if !bytes.Equal(d.Difference, first.Difference) || !bytes.Equal(d.ActualState, first.ActualState) {
			t.Errorf("%s: it shows %s of %s", step.name, d.Difference, d.ActualState)
		}
	}
	if mac("prod") != decided {
		t.Error("the same difference has another MAC")
	}

	// Without the key, a thief of the database could try values.
	service, err := drift.New(drift.Config{
		Store: w.store, Hints: w.hints, DataKey: []byte("another key of thirty-two bytes!"), Telemetry: w.tel,
	})
	if err != nil {
		t.Fatal(err)
	}
	rekeyed := *w
	rekeyed.service = service
	w.ingest("same-key", secretPlan(1, "changed-by-mallory"))
	rekeyed.ingest("another-key", secretPlan(1, "changed-by-mallory"))
	if mac("same-key") != decided {
		t.Error("the MAC depends on more than the difference and the key")
	}
	if mac("another-key") == decided {
		t.Error("the MAC does not depend on the key")
	}

	all := w.dump()
	if !strings.Contains(all, "aws_thing.web") || !strings.Contains(all, decided) {
		t.Fatal("the dump lacks the drift")
	}
	all += fmt.Sprint(w.tel.Output(), w.tel.Spans(), w.tel.Records())
	for _, secret := range []string{"what-it-should-be", "changed-by-mallory", "changed-by-trudy", "changed-by-oscar"} {
		for _, form := range []string{secret, hex.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte(secret))} {
			if strings.Contains(all, form) {
				t.Errorf("%s got out as %s", secret, form)
			}
		}
	}
}

// TestService_Ingest_many_sides: a drift whose sides are more than what is read of a workspace is not written again by each upload that
// shows it as before, and is when a value has become sensitive.
//
// Mutations: OpenDrifts without what OnlyMasks keeps; OnlyMasks that keeps nothing.
func TestService_Ingest_many_sides(t *testing.T) {
	w := newWorld(t)
	w.ingest("prod", secretPlan(1, "changed-by-mallory"))
	w.exec("alter table drift alter column sides set storage external")
	w.exec("update drift set sides = sides || convert_to(repeat('x', 17 << 20), 'UTF8') || substr(sides, length(sides) - 7)")
	states := func() string { return query[string](w, "select xmin::text from drift") }
	before := states()
	w.ingest("prod", secretPlan(2, "changed-by-mallory"))
	if query[int](w, "select length(sides) from drift") < 17<<20 {
		t.Errorf("the states were written again: %s, %s", before, states())
	}
	w.exec("update drift set sides = overlay(sides placing '\\x0000000000000000'::bytea from length(sides) - 7)")
	w.ingest("prod", secretPlan(3, "changed-by-mallory"))
	if n := query[int](w, "select length(sides) from drift"); n >= 17<<20 {
		t.Errorf("the states were not written again: %d", n)
	}
}

// TestService_masks_what_senders_say: where an upload came from, and the ref that a workspace records, are masked like all others, and
// still tell the same ref from another.
//
// Mutations: UpdateWorkspace, or Ingest, without the mask; isPreview that compares a masked ref with one that is not.
func TestService_masks_what_senders_say(t *testing.T) {
	const token = "ghp_fakeToken0123456789abcdef"
	w := newWorld(t)
	source := drift.Source{Ref: "refs/heads/" + token, Commit: token, RunURL: "https://ci.example/1?token=" + token, TriggeredBy: "password: " + token}
	from := func(s drift.Source) func(*drift.Upload) { return func(u *drift.Upload) { u.Source = s } }
	w.ingest("prod", secretPlan(1, "changed-by-mallory"), from(source))
	ref := token
	settings, err := w.service.UpdateWorkspace(t.Context(), w.engineer, "prod", drift.WorkspaceChange{RecordRef: drift.Change[string]{Set: true, Value: &ref}})
	if err != nil || *settings.RecordRef != "[redacted]" {
		t.Fatal(settings, err)
	}
	if i := w.ingest("prod", secretPlan(2, "changed-by-mallory"), from(source)); i.Check.Purpose != drift.Record {
		t.Error("the ref that is recorded is not known any more")
	}
	other := source
	other.Ref = "main"
	if i := w.ingest("prod", secretPlan(3, "changed-by-mallory"), from(other)); i.Check.Purpose != drift.Preview {
		t.Error("another ref was recorded")
	}
	if _, err := w.service.Fail(t.Context(), w.engineer, drift.Failure{Workspace: "prod", Reason: "the password is correcthorsebattery", Source: source}); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{token, "correcthorsebattery"} {
		if dump := w.dump(); strings.Contains(dump, secret) {
			_, rest, _ := strings.Cut(dump, secret)
			t.Errorf("%s shows before %.100s", secret, rest)
		}
	}
}

// TestService_hides_values_of_an_account: where an account stores no values, plans and reports leave none, and another account's do.
//
// Mutations: Ingest, or Create, that asks only the installation; LockWorkspace, or OpenDrifts, of any account.
func TestService_hides_values_of_an_account(t *testing.T) {
	w := newWorld(t)
	w.exec("update account set hide_values = true where id = $1", w.engineer.AccountID)
	body := strings.NewReplacer("sensitive", "other", "what-it-should-be", "plainvalue-1").Replace(secretPlan(1, "plainvalue-2"))
	w.ingest("prod", body)
	w.report("reported", func(r *drift.Report) {
		r.ExpectedState, r.ActualState = []byte(`{"v":"plainvalue-3"}`), []byte(`{"v":"plainvalue-4"}`)
	})
	if dump := w.dump(); strings.Contains(dump, "plainvalue") || strings.Count(dump, "[hidden ") < 4 {
		t.Error("values are stored")
	}
	w.exec("update account set hide_values = false where id = $1", w.engineer.AccountID)
	w.exec("insert into account (id, name, hide_values) values (gen_random_uuid(), 'a third one', true)")
	w.ingest("other", strings.Replace(body, "aws_thing.web", "aws_thing.two", 1))
	w.report("reported", func(r *drift.Report) {
		r.ResourceID, r.ExpectedState, r.ActualState = "i-2", []byte(`{"v":"plainvalue-5"}`), []byte(`{"v":"plainvalue-6"}`)
	})
	if dump := w.dump(); !strings.Contains(dump, "plainvalue-2") || !strings.Contains(dump, "plainvalue-6") {
		t.Error("values of another account are hidden")
	}
}
