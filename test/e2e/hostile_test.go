package e2e

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/spec"
)

const (
	// The number of requests for each operation, on average.
	hostileEach    = 240
	hostileWorkers = 8
	// The least number of requests to each route's handler, so that the run is meaningful. Of 240, some 148 come to it, and 100 is four
	// standard deviations less.
	hostileLeast = 100
)

// bounded is what a refusal says that depends on what others do at the same time, and not on the request.
var bounded = []string{"too many users are signing in", "another export is being written", "the list changes too fast"}

// TestHostileInput sends thousands of seeded requests that are wrong in every way a client can think of, most
// of them with valid credentials, so that they reach the handlers. Nothing may be a 5xx (except for the bounded), panic, or race. HOSTILE_SEED
// replays.
func TestHostileInput(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT RUN: thousands of hostile requests take a minute, and -short was given")
	}
	seed := uint64(20261123)
	if given := os.Getenv("HOSTILE_SEED"); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	p := startPair(t, pgtest.DSN(t), unlimited...)
	operations, err := spec.Operations("api")
	if err != nil {
		t.Fatal(err)
	}
	operations = slices.DeleteFunc(operations, func(op spec.Operation) bool { return !strings.HasPrefix(op.Path, "/api/v1/") })
	for _, op := range operations {
		for _, name := range op.Query {
			if len(parameters[name]) == 0 {
				t.Fatalf("%s takes the parameter %s, of which the generator has no values: add some to parameters", op.ID, name)
			}
		}
	}
	h := newHostile(t, p)
	hostileRequests := hostileEach * len(operations)

	var mu sync.Mutex
	statuses, reached, through := map[int]int{}, map[string]int{}, map[string]int{}
	busy := 0
	var wg sync.WaitGroup
	for worker := range hostileWorkers {
		wg.Go(func() {
			for i := worker; i < hostileRequests; i += hostileWorkers {
				// A request depends only on the seed and its number, not on the worker that sends it.
				g := &generator{rand.New(rand.NewPCG(seed, uint64(i))), h}
				op := operations[i%len(operations)]
				a, err := g.send(t.Context(), op)
				if err != nil {
					t.Errorf("request %d (%s) had no response: %v", i, op.ID, err)
					continue
				}
				mu.Lock()
				// Limits that stay on: so many hash a password at once, and the others wait for 2 s; one export of an account is written at once.
				if a.status == http.StatusServiceUnavailable && slices.ContainsFunc(bounded, func(why string) bool { return strings.Contains(a.Error.Message, why) }) {
					busy++
					mu.Unlock()
					continue
				}
				statuses[a.status]++
				if a.status >= http.StatusInternalServerError {
					t.Logf("%s: %d, %s, trace %s", op.ID, a.status, a.Error.Message, a.Error.TraceID)
				}
				if entered(op, a) {
					reached[op.ID]++
				}
				if a.status < 300 || a.status == http.StatusConflict {
					through[op.ID]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()

	if busy > hostileRequests/100 {
		t.Errorf("%d requests were refused for what others did at the same time: %q", busy, bounded)
	}
	t.Logf("tried: seed %d, %d requests, each handler entered %d times or more; responses by status: %v",
		seed, hostileRequests, slices.Min(slices.Collect(maps.Values(reached))), statuses)
	for status := range statuses {
		if status >= 500 {
			t.Errorf("%d responses with status %d", statuses[status], status)
		}
	}
	for _, status := range []int{200, 201, 400, 401, 403, 404, 409, 413, 415} {
		if statuses[status] == 0 {
			t.Errorf("no response with status %d: the requests are not varied enough", status)
		}
	}
	t.Log("how often each handler was entered, and came to an end or a conflict:")
	for _, op := range operations {
		t.Logf("  %s: %d, %d", op.ID, reached[op.ID], through[op.ID])
		if reached[op.ID] < hostileLeast {
			t.Errorf("the handler of %s was reached %d times, want %d at least", op.ID, reached[op.ID], hostileLeast)
		}
	}
	if events := p.sentry.Events(); len(events) > 0 {
		t.Errorf("%d unexpected errors; the first: %s", len(events), events[0].Raw)
	}
	p.stop()
	p.expectNoSecret(p.places())
}

// entered reports whether a response must have come from the operation's own handler. What may have come from before it
// does not count: from the router, the look at who calls, the refusal of a query where there is none to be, and the
// repetition of a request.
func entered(op spec.Operation, a reply) bool {
	switch {
	case a.header.Get("Idempotent-Replayed") != "":
		return false
	case a.status < 400:
		return true
	case a.Error.Code == "", // net/http itself
		a.status == http.StatusMethodNotAllowed, a.status == http.StatusTooManyRequests,
		len(op.Roles) > 0 && (a.status == http.StatusUnauthorized || a.status == http.StatusForbidden):
		return false
	}
	for _, before := range []string{
		"this path does not exist", "the query string is malformed", "is not a parameter of this request", "Idempotency-Key",
	} {
		if bytes.Contains(a.body, []byte(before)) {
			return false
		}
	}
	return true
}

// hostile is what the generated requests draw from.
type hostile struct {
	p      *pair
	http   *http.Client
	tokens map[string]string // by role
	drifts []string
	victim string // a user who may be changed at will
	keys   []string
	plan   []byte
}

func newHostile(t *testing.T, p *pair) *hostile {
	t.Helper()
	h := &hostile{p: p, http: &http.Client{Transport: spec.Transport(t, http.DefaultTransport)}, tokens: map[string]string{}}
	for _, role := range []string{"admin", "engineer", "viewer"} {
		h.tokens[role] = p.signIn(role).token
	}
	h.tokens["api_key"] = p.apiKey
	admin := p.client(h.tokens["admin"])
	if a := p.client(p.apiKey).ingest(t.Context(), "production", "refresh_only_tf1.11.4.json"); a.status != http.StatusOK {
		t.Fatalf("ingest: %d %s", a.status, a.body)
	}
	for _, d := range admin.drifts() {
		h.drifts = append(h.drifts, d.ID)
	}
	var created struct{ User struct{ ID string } }
	admin.post(t.Context(), "/api/v1/users", map[string]string{"email": "victim@acme.example", "name": "Victim", "role": "viewer"}).decode(t, &created)
	h.victim = created.User.ID
	for range 3 {
		var made struct{ APIKey struct{ ID string } }
		admin.post(t.Context(), "/api/v1/api-keys", map[string]string{"name": "spare", "scope": "ingest"}).decode(t, &made)
		h.keys = append(h.keys, made.APIKey.ID)
	}
	h.plan = plan(t, "normal_tf1.11.4.json")
	return h
}
