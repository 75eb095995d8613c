// Package workload has clients that use DriftSentry like people, CI and browsers: several at once, with choices that come
// from a seed. They record their calls and the responses.
package workload

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/driftsentry/driftsentry/client"
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
	drifts []string // ones that may be decided
}

// Tally counts the responses by status; 0 is no response.
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

// Take returns the counts since the last Take.
func (t *Tally) Take() map[int]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	counts := t.counts
	t.counts = nil
	return counts
}

// Count is the number of responses with this status since the last Take; Any counts all.
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

// api is the URL of the n-th attempt; the APIs take turns.
func (w *Workload) api(n int) string { return w.APIs[n%len(w.APIs)] }

func (w *Workload) realtime(n int) string { return w.Realtime[n%len(w.Realtime)] }

// person is one of the clients. Its choices depend on the seed, but not on the other clients.
type person struct {
	*Workload
	number int
	rand   *rand.Rand
	api    *client.Client
	calls  int
}

// Run lets the client with this number work until ctx ends. It completes the call that it has started.
func (w *Workload) Run(ctx context.Context, number int) {
	through := &attempts{w: w, base: &http.Transport{MaxIdleConnsPerHost: 2}}
	defer through.base.CloseIdleConnections()
	api, err := client.New(w.APIs[0], client.WithSession(client.Session{AccessToken: w.Token}), client.WithHTTPClient(&http.Client{Transport: through}),
		client.WithTimeout(w.Timeout), client.WithRetry(client.Retry{Tries: 3, First: time.Millisecond, Last: time.Millisecond}))
	if err != nil {
		panic(err) // The URL is ours.
	}
	c := &person{Workload: w, number: number, rand: rand.New(rand.NewPCG(w.Seed, uint64(number))), api: api} //nolint:gosec // Replayable.
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

func (c *person) step(ctx context.Context) {
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
func (c *person) pick() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.drifts) == 0 {
		return ""
	}
	const newest = 12
	n := min(len(c.drifts), newest)
	return c.drifts[len(c.drifts)-1-c.rand.IntN(n)]
}

// token is a text that only this call writes.
func (c *person) token() string {
	return fmt.Sprintf("seed-%d-client-%d-call-%d", c.Seed, c.number, c.calls)
}

func (c *person) create(ctx context.Context) {
	call := history.Call{Client: c.number, Kind: history.Create, Token: c.token(), Keyed: c.rand.IntN(2) == 0}
	d, err := c.api.ReportDrift(c.context(ctx, &call), client.DriftReport{
		ResourceID: call.Token, ResourceType: "aws_instance", Region: "eu-west-1",
		ExpectedState: map[string]any{"size": "small"}, ActualState: map[string]any{"size": "large"},
	})
	c.note(&call, d, err)
	if err == nil {
		c.mu.Lock()
		c.drifts = append(c.drifts, call.ID)
		c.mu.Unlock()
	}
}

// duel lets two clients decide one drift at the same moment: this one, and another one with its own number.
func (c *person) duel(ctx context.Context, drift string) {
	const seconds = 1000
	other := &person{Workload: c.Workload, number: c.number + seconds, rand: rand.New(rand.NewPCG(c.Seed, c.rand.Uint64())), api: c.api, calls: c.calls} //nolint:gosec // Replayable.
	var both sync.WaitGroup
	both.Go(func() { c.decide(ctx, drift, "approve") })
	both.Go(func() { other.decide(ctx, drift, "reject") })
	both.Wait()
}

func (c *person) decide(ctx context.Context, drift, verb string) {
	call := history.Call{Client: c.number, Kind: history.Decide, Token: c.token(), ID: drift, Keyed: c.rand.IntN(2) == 0, Action: "approved"}
	decide := c.api.ApproveDrift
	if verb == "reject" {
		call.Action, decide = "rejected", c.api.RejectDrift
	}
	d, err := decide(c.context(ctx, &call), drift, client.Decision{Reason: call.Token})
	c.note(&call, d, err)
}

func (c *person) ingest(ctx context.Context) {
	call := history.Call{Client: c.number, Kind: history.Ingest, Token: c.token(), Keyed: true}
	plan, err := json.Marshal(Plan(3, c.calls))
	if err != nil {
		panic(err) // Maps of strings and numbers.
	}
	result, err := c.api.SendPlan(c.context(ctx, &call), fmt.Sprintf("client-%d", c.number), bytes.NewReader(plan), client.PlanOptions{})
	c.note(&call, client.Drift{ID: result.Check.ID}, err)
}

func (c *person) read(ctx context.Context, drift string) {
	call := history.Call{Client: c.number, Kind: history.Read, ID: drift}
	d, err := c.api.GetDrift(c.context(ctx, &call), drift)
	c.note(&call, d.Drift, err)
}

// context is the context of a call. Its attempts go to one replica after the other: an idempotency key is valid on all.
func (c *person) context(ctx context.Context, call *history.Call) context.Context {
	key := ""
	if call.Keyed {
		key = call.Token
	}
	return client.WithIdempotencyKey(context.WithValue(ctx, attempts{}, &attempt{call, c.rand.IntN(1 << 16)}), key)
}

// note records the result of a call.
func (c *person) note(call *history.Call, d client.Drift, err error) {
	if err == nil {
		call.ID, call.Version, call.Status = d.ID, d.Version, string(d.Status)
	}
	c.Log.Add(*call)
}

// attempt is the target of a call's next attempt.
type attempt struct {
	call *history.Call
	next int
}

// attempts notes each attempt of the client's calls.
type attempts struct {
	w    *Workload
	base *http.Transport
}

// RoundTrip makes one attempt.
func (t *attempts) RoundTrip(r *http.Request) (*http.Response, error) {
	a := r.Context().Value(attempts{}).(*attempt)
	to, err := url.Parse(t.w.api(a.next))
	if err != nil {
		return nil, err
	}
	a.next++
	r = r.Clone(r.Context())
	r.URL.Host = to.Host
	r.GetBody = nil // With GetBody, net/http would repeat the request by itself, without a record.
	res, err := t.exchange(r)
	status := history.NoResponse
	if err == nil {
		status = res.StatusCode
	}
	t.w.Seen.add(status)
	a.call.Attempts = append(a.call.Attempts, status)
	return res, err
}

// exchange returns a response that was read to its end.
func (t *attempts) exchange(r *http.Request) (*http.Response, error) {
	res, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	res.Header.Del("Retry-After") // Many attempts should meet a fault, even if the service asks clients to wait.
	return res, nil
}

// began is long ago, so that no round's plan has a time in the future: such plans do not make earlier ones stale.
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
