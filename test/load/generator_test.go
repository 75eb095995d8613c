package load

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/pkg/event"
)

// TestSchedule: each operation comes at its rate, in order, and the same seed gives the same.
func TestSchedule(t *testing.T) {
	o := Options{Duration: 1000 * time.Second, Rates: Rates{List: 5, Approve: 1}, Seed: 3}
	all := schedule(o)
	var n [operations]int
	for i, a := range all {
		if i > 0 && a.due < all[i-1].due || a.due < 0 || a.due >= o.Duration {
			t.Fatalf("request %d is due at %s", i, a.due)
		}
		n[a.op]++
	}
	// The standard deviations are 71 and 32.
	if n[List] < 4700 || n[List] > 5300 || n[Approve] < 850 || n[Approve] > 1150 || len(all) != n[List]+n[Approve] {
		t.Errorf("5 and 1 a second for 1000 s give %v", n)
	}
	if again := schedule(o); fmt.Sprint(again) != fmt.Sprint(all) {
		t.Error("the same seed gives another schedule")
	}
}

// transport responds to requests without a network, so that the test controls the time.
type transport func(*http.Request) *http.Response

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

// TestDrive_counts_from_when_a_request_was_due: while the service stalls, more requests become due, and each of them has
// waited. A closed loop would report one slow request.
//
// Mutation: count from when a request is sent (time.Now() for due in serve), and all except one are fast.
func TestDrive_counts_from_when_a_request_was_due(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		c, err := client.New("http://127.0.0.1", client.WithSession(client.Session{AccessToken: "t"}), client.WithHTTPClient(&http.Client{
			Transport: transport(func(*http.Request) *http.Response {
				if calls.Add(1) == 100 {
					<-time.After(5 * time.Second)
				}
				return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"data":{}}`))}
			}),
		}))
		if err != nil {
			t.Fatal(err)
		}
		g := &Generator{
			o: Options{Connections: 1}, apis: []*client.Client{c}, arrivals: schedule(Options{Duration: 10 * time.Second, Rates: Rates{List: 100}}),
		}
		g.answers[List] = map[int]int{}
		g.Drive(t.Context())
		s := g.latencies[List].Summary()
		if int(s.Count) != len(g.arrivals) || g.answers[List][http.StatusOK] != len(g.arrivals) {
			t.Fatalf("%d of %d requests: %v", s.Count, len(g.arrivals), g.answers[List])
		}
		// About half of all were due within the five seconds, evenly spread.
		if s.Max < 5*time.Second || s.P90 < 3*time.Second || s.P90 > 5*time.Second || s.P50 > 2*time.Second {
			t.Errorf("latencies %+v", s)
		}
		if late := g.late.Summary(); late.P90 < 3*time.Second {
			t.Errorf("the generator was late by %+v", late)
		}
	})
}

// TestCompare: an acknowledged write that is not in the stream, one that is there twice, and a gap in the stream are reported.
// As the api does, the server takes a cursor only whole, with the tag of its event. Mutation: a cursor of one event's position and the tag
// of another, or without a tag.
func TestCompare(t *testing.T) {
	type object = map[string]any
	item := func(position int, eventType, id string) object {
		return object{"position": position, "cursor": fmt.Sprintf("e:%d:%08x", position, 7*position), "event": object{"type": eventType, "subject": id}}
	}
	stream := []object{item(11, "drift.approved", "a"), item(12, "drift.rejected", "b"), item(14, "drift.rejected", "b"), item(15, "alert.read", "")}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var after, tag int
		if _, err := fmt.Sscanf(r.FormValue("after"), "e:%d:%08x", &after, &tag); err != nil || tag != 7*after {
			t.Errorf("after %s: %v", r.FormValue("after"), err)
		}
		page := []object{}
		for _, i := range stream { // Two at a time.
			if i["position"].(int) > after && len(page) < 2 {
				page = append(page, i)
			}
		}
		_ = json.NewEncoder(w).Encode(object{"data": object{"items": page, "head": "e:15"}})
	}))
	defer server.Close()
	c, err := client.New(server.URL, client.WithSession(client.Session{AccessToken: "t"}))
	if err != nil {
		t.Fatal(err)
	}
	g := &Generator{o: Options{Note: func(string, ...any) {}}, apis: []*client.Client{c}}
	g.began = event.Cursor{Epoch: "e", Mark: event.Mark{Position: 10, Tag: 70}}
	g.writes = []write{{"drift.approved", "a"}, {"drift.rejected", "b"}, {"drift.approved", "c"}}
	head := g.began
	head.Position = 15
	if got, err := g.compare(t.Context(), head); err != nil || got != (comparison{missing: 1, twice: 1, gaps: 1}) {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestUnanswered: a request without a response is counted with what happened to its connection. Mutation: without that in recorder.
func TestUnanswered(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer server.Close()
	g := &Generator{o: Options{API: []string{server.URL}, Email: "e@acme.example", Password: "p", Connections: 1}}
	if err := g.connect(); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := g.http.Do(req); err == nil {
		_ = res.Body.Close()
		t.Error("a response came")
	}
	if got := list(g.unanswered.m); got != "broken: EOF: 1" {
		t.Error(got)
	}
}

// TestResult_Table names what failed and how often.
func TestResult_Table(t *testing.T) {
	r := Result{
		Took: time.Second, Sockets: 2, Ends: map[string]int{"closed with 1012": 2}, Unanswered: map[string]int{"connection refused": 2},
		Operations: []OperationResult{{List, map[int]int{200: 5, 429: 1, NoResponse: 2}, Summary{Count: 8}}},
		Broken:     Broken{Lost: 3},
	}
	if r.Sent() != 8 || r.Failed() != 3 || r.Broken.Whole() {
		t.Errorf("%d sent, %d failed, whole: %t", r.Sent(), r.Failed(), r.Broken.Whole())
	}
	table := r.Table()
	for _, want := range []string{"list              8        3", "429: 1, no response: 2; without a response: connection refused: 2. The api's limit is RATE_LIMIT_REQUESTS.", "closed with 1012: 2", "broken    3 lost, 0 duplicated"} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
}
