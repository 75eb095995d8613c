package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/test/internal/workload"
)

// Operation is what a request does.
type Operation int

// The operations.
const (
	List    Operation = iota // a page of drifts, as people open it
	Get                      // one drift
	Approve                  // an undecided drift
	Reject
	Ingest // a plan in which every drift has changed

	operations = 5
)

func (o Operation) String() string {
	return [operations]string{"list", "get", "approve", "reject", "ingest"}[o]
}

// write is a change that was acknowledged, and so must be in the stream.
type write struct {
	eventType client.EventType
	subject   string
}

// NoResponse is the status of a request without a response.
const NoResponse = 0

var lists = [...]client.DriftQuery{
	{},
	{Status: client.Detected},
	{Severity: client.Warning, SortBy: "detectedAt"},
	{Severity: client.Critical},
}

// do sends the n-th request of its operation and returns the status of the response.
func (g *Generator) do(ctx context.Context, op Operation, n int) int {
	switch op {
	case List:
		_, err := g.api(n).ListDrifts(ctx, lists[n%len(lists)], client.Page{Size: 20})
		return status(err)
	case Get:
		_, err := g.api(n).GetDrift(ctx, g.drifts[n%len(g.drifts)])
		return status(err)
	case Approve, Reject:
		return g.decide(ctx, op)
	default:
		_, err := g.upload(ctx, n, g.plans(), "full", plan(workload.Drifted(0, g.o.PlanSize, n)))
		return status(err)
	}
}

// status is that of the response that the error is about.
func status(err error) int {
	if err == nil {
		return http.StatusOK
	}
	if e, ok := errors.AsType[*client.Error](err); ok {
		return e.Status
	}
	return NoResponse
}

// plan has no timestamp, so the plans of a workspace count in the order of their arrival.
func plan(drifted []map[string]any) map[string]any {
	return map[string]any{"format_version": "1.2", "terraform_version": "1.11.4", "complete": true, "errored": false, "resource_drift": drifted}
}

func (g *Generator) decide(ctx context.Context, op Operation) int {
	n := int(g.decided.Add(1)) - 1
	drift, decide, done := g.drifts[n], g.api(n).ApproveDrift, client.DriftApproved
	if op == Reject {
		decide, done = g.api(n).RejectDrift, client.DriftRejected
	}
	_, err := decide(unkeyed(ctx), drift, client.Decision{Reason: "decided under load " + g.workspace})
	if err == nil {
		g.acknowledge(write{done, drift})
	}
	return status(err)
}

// upload sends a plan and returns the ids of its first 100 drifts.
func (g *Generator) upload(ctx context.Context, n int, workspace, scope string, plan map[string]any) (drifts []string, err error) {
	text, err := json.Marshal(plan)
	if err != nil {
		return nil, err
	}
	result, err := g.api(n).SendPlan(unkeyed(ctx), workspace, bytes.NewReader(text), client.PlanOptions{Scope: scope, Refreshed: true})
	if err != nil {
		return nil, err
	}
	g.acknowledge(write{client.CheckCompleted, result.Check.ID})
	for _, d := range result.Drifts {
		drifts = append(drifts, d.ID)
	}
	return drifts, nil
}

// unkeyed sends no Idempotency-Key: each request is sent once, and the figures are those of the operation alone.
func unkeyed(ctx context.Context) context.Context { return client.WithIdempotencyKey(ctx, "") }

func (g *Generator) acknowledge(w write) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.writes = append(g.writes, w)
}

// api is one of the apis, in turn.
func (g *Generator) api(n int) *client.Client { return g.apis[n%len(g.apis)] }

// connect makes a client of each api that sends every request once, over as many connections as may be in use.
func (g *Generator) connect() error {
	// A service that drains closes connections that no one has used for that long. This client has closed them before, as an edge must, so that
	// no request is on its way then.
	const idle = 3 * time.Second
	g.http = &http.Client{Transport: recorder{&http.Transport{
		MaxIdleConnsPerHost: g.o.Connections, MaxConnsPerHost: 2 * g.o.Connections, IdleConnTimeout: idle,
	}, &g.unanswered}}
	for _, url := range g.o.API {
		c, err := client.New(url, client.WithPassword(g.o.Email, g.o.Password), client.WithHTTPClient(g.http), client.WithRetry(client.Retry{Tries: 1}))
		if err != nil {
			return err
		}
		g.apis = append(g.apis, c)
	}
	return nil
}

// clock is the key in a request's context of the *time.Time that gets the time of the response.
type clock struct{}

// recorder records when a response has arrived, before the client decodes it, because only the service is measured; and why none came.
type recorder struct {
	*http.Transport
	unanswered *counts
}

// RoundTrip returns when the whole response has arrived.
func (c recorder) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := c.Transport.RoundTrip(r)
	if err != nil {
		c.unanswered.add(reason(err))
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		c.unanswered.add(reason(err))
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	if at, ok := r.Context().Value(clock{}).(*time.Time); ok {
		*at = time.Now()
	}
	return res, nil
}
