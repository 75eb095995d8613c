// Package workload is clients that use DriftSentry as people, CI and browsers do, several at once and by a seeded plan, and
// write down what they did and saw.
package workload

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/driftsentry/driftsentry/test/internal/history"
)

// Workload is all clients of one account.
type Workload struct {
	APIs     []string // URLs; each attempt goes to one of them
	Realtime []string
	Token    string // an admin's access token
	Account  string
	Seed     uint64
	Timeout  time.Duration // of one attempt
	Pause    time.Duration // between two calls of one client
	Log      history.Log
	Seen     Tally

	mu     sync.Mutex
	drifts []string // that may be decided
}

// Tally counts the answers by status; 0 is none.
type Tally struct {
	mu     sync.Mutex
	counts map[int]int
}

func (t *Tally) add(status int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[int]int{}
	}
	t.counts[status]++
}

// Take gives the counts since the last Take.
func (t *Tally) Take() map[int]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	counts := t.counts
	t.counts = nil
	return counts
}

// Count is how many answers there were with the status since the last Take; Any counts all.
func (t *Tally) Count(status int) (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for s, c := range t.counts {
		if status == Any || s == status {
			n += c
		}
	}
	return n
}

// Any is every status.
const Any = -1

// api is the URL of the n-th, counted round and round.
func (w *Workload) api(n int) string { return w.APIs[n%len(w.APIs)] }

func (w *Workload) realtime(n int) string { return w.Realtime[n%len(w.Realtime)] }

// client is one of them. Its choices come from the seed; what the others do meanwhile does not.
type client struct {
	*Workload
	number int
	rand   *rand.Rand
	http   *http.Client
	calls  int
}

// Run lets the client with this number work until ctx ends. What it began by then it ends.
func (w *Workload) Run(ctx context.Context, number int) {
	c := &client{
		Workload: w, number: number, rand: rand.New(rand.NewPCG(w.Seed, uint64(number))), //nolint:gosec // Replayable.
		http: &http.Client{Timeout: w.Timeout, Transport: &http.Transport{MaxIdleConnsPerHost: 2}},
	}
	defer c.http.CloseIdleConnections()
	tick := time.NewTicker(w.Pause)
	defer tick.Stop()
	for ctx.Err() == nil {
		c.step(context.WithoutCancel(ctx))
		c.calls++
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

func (c *client) step(ctx context.Context) {
	drift := c.pick()
	switch n := c.rand.IntN(10); {
	case n < 3 || drift == "":
		c.create(ctx)
	case n < 5:
		c.decide(ctx, drift, "approve")
	case n < 6:
		c.duel(ctx, drift)
	case n < 7:
		c.ingest(ctx)
	default:
		c.read(ctx, drift)
	}
}

// pick chooses one of the newest drifts, so that several clients choose the same.
func (c *client) pick() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.drifts) == 0 {
		return ""
	}
	const newest = 12
	n := min(len(c.drifts), newest)
	return c.drifts[len(c.drifts)-1-c.rand.IntN(n)]
}

// token is in this call's write and nowhere else.
func (c *client) token() string {
	return fmt.Sprintf("seed-%d-client-%d-call-%d", c.Seed, c.number, c.calls)
}

func (c *client) create(ctx context.Context) {
	call := history.Call{Client: c.number, Kind: history.Create, Token: c.token(), Keyed: c.rand.IntN(2) == 0}
	c.write(ctx, &call, "/api/v1/drifts", map[string]any{
		"resourceId": call.Token, "resourceType": "aws_instance", "region": "eu-west-1",
		"expectedState": map[string]any{"size": "small"}, "actualState": map[string]any{"size": "large"},
	})
	if call.ID != "" {
		c.mu.Lock()
		c.drifts = append(c.drifts, call.ID)
		c.mu.Unlock()
	}
	c.Log.Add(call)
}

// duel has two people decide one drift at the same moment: the client, and another one with a number of its own.
func (c *client) duel(ctx context.Context, drift string) {
	const seconds = 1000
	other := &client{Workload: c.Workload, number: c.number + seconds, rand: rand.New(rand.NewPCG(c.Seed, c.rand.Uint64())), http: c.http, calls: c.calls} //nolint:gosec // Replayable.
	var both sync.WaitGroup
	both.Go(func() { c.decide(ctx, drift, "approve") })
	both.Go(func() { other.decide(ctx, drift, "reject") })
	both.Wait()
}

func (c *client) decide(ctx context.Context, drift, verb string) {
	call := history.Call{Client: c.number, Kind: history.Decide, Token: c.token(), ID: drift, Keyed: c.rand.IntN(2) == 0, Action: "approved"}
	if verb == "reject" {
		call.Action = "rejected"
	}
	c.write(ctx, &call, "/api/v1/drifts/"+drift+"/"+verb, map[string]any{"reason": call.Token})
	c.Log.Add(call)
}

func (c *client) ingest(ctx context.Context) {
	call := history.Call{Client: c.number, Kind: history.Ingest, Token: c.token(), Keyed: true}
	c.write(ctx, &call, fmt.Sprintf("/api/v1/ingest/plan?workspace=client-%d", c.number), Plan(3, c.calls))
	c.Log.Add(call)
}

func (c *client) read(ctx context.Context, drift string) {
	call := history.Call{Client: c.number, Kind: history.Read, ID: drift}
	c.attempt(ctx, &call, c.rand.IntN(1<<16), http.MethodGet, "/api/v1/drifts/"+drift, nil)
	c.Log.Add(call)
}

// attempts is how often a keyed write is sent that has no final answer.
const attempts = 3

// write sends a write, and again where it has an Idempotency-Key and no final answer came. Each attempt goes to another
// replica: a key holds on all of them.
func (c *client) write(ctx context.Context, call *history.Call, path string, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		panic(err) // Maps of strings and numbers.
	}
	first := c.rand.IntN(1 << 16)
	for i := range attempts {
		c.attempt(ctx, call, first+i, http.MethodPost, path, data)
		if last := call.Attempts[len(call.Attempts)-1]; !call.Keyed || (last != history.NoAnswer && last < 500) {
			return
		}
	}
}

// attempt sends a request once and notes what the answer said.
func (c *client) attempt(ctx context.Context, call *history.Call, api int, method, path string, body []byte) {
	status, data := c.exchange(ctx, call, c.api(api)+path, method, body)
	c.Seen.add(status)
	call.Attempts = append(call.Attempts, status)
	if status < 200 || status >= 300 {
		return
	}
	var answer struct {
		Data struct {
			ID      string
			Version int
			Status  string
			Check   struct{ ID string }
		}
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		panic(fmt.Sprintf("%s %s: %d with %q: %v", method, path, status, data, err))
	}
	call.ID, call.Version, call.Status = answer.Data.ID, answer.Data.Version, answer.Data.Status
	if call.Kind == history.Ingest {
		call.ID = answer.Data.Check.ID
	}
}

func (c *client) exchange(ctx context.Context, call *history.Call, url, method string, body []byte) (status int, data []byte) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		panic(err) // The URL is ours.
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
		// A request that it can send again, net/http repeats by itself, and does not tell.
		req.GetBody = nil
	}
	if call.Keyed {
		req.Header.Set("Idempotency-Key", call.Token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return history.NoAnswer, nil
	}
	defer res.Body.Close()
	if data, err = io.ReadAll(res.Body); err != nil {
		return history.NoAnswer, nil
	}
	return res.StatusCode, data
}

// began is long ago, so that no round's plan is from the future: those don't make earlier ones stale.
var began = time.Now().Add(-24 * time.Hour)

// Plan is a plan with n drifted resources, whose values and time depend on the round.
func Plan(n, round int) map[string]any {
	at := began.Add(time.Duration(round) * time.Second).UTC().Format(time.RFC3339)
	return map[string]any{
		"format_version": "1.2", "terraform_version": "1.11.4", "timestamp": at, "complete": true, "errored": false, "resource_drift": Drifted(0, n, round),
	}
}

// Drifted are n drifted resources of a plan, counted from first, whose values depend on the round.
func Drifted(first, n, round int) []map[string]any {
	type object = map[string]any
	drift := make([]object, n)
	for i := range drift {
		drift[i] = object{
			"address": fmt.Sprintf("aws_instance.n[%d]", first+i), "mode": "managed", "type": "aws_instance", "name": "n", "index": first + i,
			"provider_name": "registry.terraform.io/hashicorp/aws",
			"change": object{
				"actions": []string{"update"}, "before": object{"size": "small", "n": i}, "after": object{"size": fmt.Sprintf("size-%d", round), "n": i},
				"after_unknown": object{}, "before_sensitive": object{}, "after_sensitive": object{},
			},
		}
	}
	return drift
}
