package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/driftsentry/driftsentry/test/internal/workload"
)

// Operation is what a request does.
type Operation int

// The operations.
const (
	List    Operation = iota // a page of drifts, as people open it
	Get                      // one drift
	Approve                  // one that nobody has decided yet
	Reject
	Ingest // a plan in which every drift has changed

	operations = 5
)

func (o Operation) String() string {
	return [operations]string{"list", "get", "approve", "reject", "ingest"}[o]
}

// write is a change that was acknowledged, and so must be in the stream.
type write struct{ eventType, subject string }

// NoAnswer is the status of a request whose answer never came.
const NoAnswer = 0

var lists = [...]string{
	"/api/v1/drifts?limit=20",
	"/api/v1/drifts?limit=20&status=detected",
	"/api/v1/drifts?limit=20&severity=warning&sortBy=detectedAt",
	"/api/v1/drifts?limit=20&severity=critical",
}

// do sends the n-th request of its operation and gives the status of the answer.
func (g *Generator) do(ctx context.Context, op Operation, n int) int {
	switch op {
	case List:
		status, _ := g.exchange(ctx, n, http.MethodGet, lists[n%len(lists)], nil)
		return status
	case Get:
		status, _ := g.exchange(ctx, n, http.MethodGet, "/api/v1/drifts/"+g.drifts[n%len(g.drifts)], nil)
		return status
	case Approve, Reject:
		return g.decide(ctx, op)
	default:
		status, _ := g.upload(ctx, n, g.plans(), "full", plan(workload.Drifted(0, g.o.PlanSize, n)))
		return status
	}
}

// plan has no timestamp: the order in which plans of one workspace come is then the one that counts.
func plan(drifted []map[string]any) map[string]any {
	return map[string]any{"format_version": "1.2", "terraform_version": "1.11.4", "complete": true, "errored": false, "resource_drift": drifted}
}

func (g *Generator) decide(ctx context.Context, op Operation) int {
	n := int(g.decided.Add(1)) - 1
	drift, verb, done := g.drifts[n], "approve", "drift.approved"
	if op == Reject {
		verb, done = "reject", "drift.rejected"
	}
	status, _ := g.exchange(ctx, n, http.MethodPost, "/api/v1/drifts/"+drift+"/"+verb, map[string]string{"reason": "decided under load " + g.workspace})
	if status == http.StatusOK {
		g.acknowledge(write{done, drift})
	}
	return status
}

// upload sends a plan and gives the ids of the first 100 of its drifts.
func (g *Generator) upload(ctx context.Context, n int, workspace, scope string, plan map[string]any) (status int, drifts []string) {
	status, data := g.exchange(ctx, n, http.MethodPost, fmt.Sprintf("/api/v1/ingest/plan?workspace=%s&scope=%s&refreshed=true", workspace, scope), plan)
	if status != http.StatusOK {
		return status, nil
	}
	var answer struct {
		Data struct {
			Check  struct{ ID string }
			Drifts []struct{ ID string }
		}
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return NoAnswer, nil
	}
	g.acknowledge(write{"check.completed", answer.Data.Check.ID})
	for _, d := range answer.Data.Drifts {
		drifts = append(drifts, d.ID)
	}
	return status, drifts
}

func (g *Generator) acknowledge(w write) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.writes = append(g.writes, w)
}

// exchange sends one request to one of the apis, once.
func (g *Generator) exchange(ctx context.Context, n int, method, path string, body any) (status int, data []byte) {
	token, err := g.session.token(ctx)
	if err != nil {
		return NoAnswer, nil
	}
	var text []byte
	if body != nil {
		if text, err = json.Marshal(body); err != nil {
			panic(err) // Maps of strings and numbers.
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, g.o.API[n%len(g.o.API)]+path, bytes.NewReader(text))
	if err != nil {
		panic(err) // The URL was checked.
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
		req.GetBody = nil // Or net/http would send a write again, and not tell.
	}
	res, err := g.http.Do(req)
	if err != nil {
		return NoAnswer, nil
	}
	defer res.Body.Close()
	if data, err = io.ReadAll(res.Body); err != nil {
		return NoAnswer, nil
	}
	return res.StatusCode, data
}

// newClient keeps as many connections as may be in use.
func newClient(connections int) *http.Client {
	return &http.Client{
		Timeout:   time.Minute,
		Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: 2 * connections, IdleConnTimeout: time.Minute},
	}
}
