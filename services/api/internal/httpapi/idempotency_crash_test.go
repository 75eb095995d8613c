package httpapi_test

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/idempotency"
	"github.com/driftsentry/driftsentry/services/api/internal/postgres"
)

// TestIdempotencyKey_crash: a request that a crash cut off keeps its key only for as long as it might still be under way, and
// one that was answered keeps it longer. Mutations of Begin: unfinished ones taken over at once, or never; finished ones, too.
// Of app: one or three times the longest request in the place of two.
func TestIdempotencyKey_crash(t *testing.T) {
	api := apitest.Start(t)
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := api.DB.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	create := func() *apitest.Answer {
		return api.Admin.Post("/api/v1/api-keys", map[string]string{"name": "one", "scope": "ingest"}, "Idempotency-Key", "k")
	}
	// age moves the request back in time.
	age := func(by time.Duration) {
		t.Helper()
		exec("update idempotency set created_at = now() - make_interval(secs => $1) where key = 'k'", by.Seconds())
	}
	before := audited(api, "api_key.created")
	made := func(want int) {
		t.Helper()
		if n := audited(api, "api_key.created") - before; n != want {
			t.Errorf("%d keys were made, want %d", n, want)
		}
	}
	exec("insert into idempotency (account_id, principal, key, request_hash) values ($1, $2, 'k', '')", api.Account, api.Admin.User.ID.String())
	longest := api.Config.Service.RequestTimeout
	for _, young := range []time.Duration{0, longest + time.Second} { // The answer is kept after the request's time is up.
		age(young)
		if a := create().Want(409); a.Header.Get("Retry-After") == "" {
			t.Errorf("no Retry-After: %s", a.Body)
		}
	}
	made(0)
	age(2*longest + time.Second)
	first := create().Want(201)
	if first.Header.Get("Idempotent-Replayed") != "" {
		t.Error("what nobody answered is replayed")
	}
	made(1)
	age(2*longest + time.Second)
	if again := create().Want(201); !bytes.Equal(again.Body, first.Body) || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%s\n%s", first.Body, again.Body)
	}
	made(1)
}

// TestIdempotencyStore_takes_over: whoever takes a request over has it alone, and the one that was thought dead changes nothing
// of it. Mutations: <= in the place of each <; each column left out of what Begin sets; Finish or Abandon without created_at.
func TestIdempotencyStore_takes_over(t *testing.T) {
	api := apitest.Start(t)
	store := postgres.NewIdempotencyStore(api.DB)
	key := idempotency.Key{Account: api.Account, Principal: uuid.New(), Key: "k"}
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tick := time.Microsecond
	never := start.Add(-time.Hour)
	begin := func(at, forget, abandoned time.Time) *idempotency.Record {
		t.Helper()
		record, err := store.Begin(t.Context(), key, at, forget, abandoned)
		if err != nil {
			t.Fatal(err)
		}
		return record
	}
	isUnderWay := func(when string) {
		t.Helper()
		if r := begin(start, never, never); r == nil || r.Status != nil || r.Response != nil || len(r.RequestHash) != 0 {
			t.Fatalf("%s: %+v, want one that is under way", when, r)
		}
	}
	status := 201
	answer := idempotency.Record{RequestHash: []byte("hash"), Status: &status, Response: []byte("answer")}
	finish := func(began time.Time) {
		t.Helper()
		if err := store.Finish(t.Context(), key, began, answer); err != nil {
			t.Fatal(err)
		}
	}

	if r := begin(start, never, never); r != nil {
		t.Fatalf("there is %+v", r)
	}
	isUnderWay("begun")
	if r := begin(start.Add(time.Minute), never, start); r == nil {
		t.Fatal("taken over before its time")
	}
	second := start.Add(2 * time.Minute)
	if r := begin(second, never, start.Add(tick)); r != nil {
		t.Fatalf("not taken over: %+v", r)
	}
	finish(start)
	isUnderWay("finished by the one that was thought dead")
	if err := store.Abandon(t.Context(), key, start); err != nil {
		t.Fatal(err)
	}
	isUnderWay("abandoned by the one that was thought dead")

	finish(second)
	for name, forget := range map[string]time.Time{"answered": never, "at the end of its day": second} {
		r := begin(start.Add(time.Hour), forget, second.Add(time.Hour))
		if r == nil || r.Status == nil || *r.Status != status || !bytes.Equal(r.RequestHash, answer.RequestHash) || !bytes.Equal(r.Response, answer.Response) {
			t.Fatalf("%s: %+v", name, r)
		}
	}
	third := start.Add(3 * time.Minute)
	if r := begin(third, second.Add(tick), never); r != nil {
		t.Fatalf("not forgotten: %+v", r)
	}
	isUnderWay("begun anew after its day")

	var won atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			r, err := store.Begin(t.Context(), key, third.Add(time.Hour), never, third.Add(tick))
			if err != nil || r != nil && r.Status != nil {
				t.Errorf("%+v, %v", r, err)
			}
			if err == nil && r == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if n := won.Load(); n != 1 {
		t.Errorf("%d took it over", n)
	}
}
