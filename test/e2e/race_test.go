package e2e

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/pgtest"
)

// How often each race is run. A lock that is missing shows within the first dozen.
const races = 200

// TestRaces lets two act on the same thing at the same moment, over and over. Exactly one wins, with one audit row and
// one event, positions have no gap, and no deadlock reaches anybody.
func TestRaces(t *testing.T) {
	p := startPair(t, pgtest.DSN(t), unlimited...)
	admin, engineer, key := p.signIn("admin"), p.signIn("engineer"), p.client(p.apiKey)

	t.Run("two people decide one drift", func(t *testing.T) {
		ingestGenerated(t, key, "decide", races, 0)
		drifts := p.openDrifts(admin, "decide")
		for i, id := range drifts {
			statuses := together(
				func() int { return decide(t, admin, id, "approve") },
				func() int { return decide(t, engineer, id, "reject") })
			if statuses[0]+statuses[1] != http.StatusOK+http.StatusConflict {
				t.Fatalf("round %d: %v", i, statuses)
			}
		}
		t.Logf("%d drifts, two deciders each", len(drifts))
		p.expectCount(len(drifts), `select count(*) from audit a join drift d on d.id = a.drift_id where d.workspace = 'decide' and a.action in ('drift.approved', 'drift.rejected')`)
		p.expectCount(len(drifts), `select count(*) from event where type in ('drift.approved', 'drift.rejected') and body->'data'->>'workspace' = 'decide'`)
	})
	t.Run("a plan arrives while somebody decides, and somebody marks all alerts read", func(t *testing.T) {
		for round := range races {
			ingestGenerated(t, key, "busy", 3, round)
			open := p.openDrifts(admin, "busy")
			statuses := together(
				func() int { return ingestGenerated(t, key, "busy", 3, round+races) },
				func() int { return decide(t, engineer, open[round%len(open)], "approve") },
				func() int { return decide(t, admin, open[(round+1)%len(open)], "resolve") },
				func() int { return admin.post(t.Context(), "/api/v1/alerts/mark-all-read", struct{}{}).status })
			for i, status := range statuses {
				if status != http.StatusOK && (i == 0 || i == 3 || status != http.StatusConflict) {
					t.Fatalf("round %d: %v", round, statuses)
				}
			}
		}
		t.Logf("%d rounds of four", races)
	})
	t.Run("two uploads of one workspace", func(t *testing.T) {
		for round := range races {
			statuses := together(
				func() int { return ingestGenerated(t, key, "twice", 3, round) },
				func() int { return ingestGenerated(t, key, "twice", 3, round) })
			if statuses[0] != http.StatusOK || statuses[1] != http.StatusOK {
				t.Fatalf("round %d: %v", round, statuses)
			}
		}
		// The same body has one answer: the second upload is no check of its own.
		p.expectCount(races, `select count(*) from workspace_check c join workspace w on w.id = c.workspace_id where w.name = 'twice'`)
		p.expectCount(3, `select count(*) from drift where workspace = 'twice' and status <> 'resolved'`)
	})
	t.Run("one refresh token, used twice at once", func(t *testing.T) {
		for round := range races {
			u := p.users["viewer"]
			var tokens struct{ RefreshToken string }
			p.client("").post(t.Context(), "/api/v1/auth/login", map[string]string{"email": u.email, "password": u.password}).decode(t, &tokens)
			refresh := func() int {
				return p.client("").post(t.Context(), "/api/v1/auth/refresh", map[string]string{"refreshToken": tokens.RefreshToken}).status
			}
			if statuses := together(refresh, refresh); statuses[0]+statuses[1] != http.StatusOK+http.StatusUnauthorized {
				t.Fatalf("round %d: %v", round, statuses)
			}
			if round == 9 {
				break // each sign-in costs a password hash; ten rounds of two show it as well as two hundred
			}
		}
	})
	t.Run("a role is taken away while it is used", func(t *testing.T) {
		ingestGenerated(t, key, "demoted", races, 0)
		drifts := p.openDrifts(admin, "demoted")
		var me struct{ User struct{ ID string } }
		engineer.get(t.Context(), "/api/v1/users/me").decode(t, &me)
		half := make(chan struct{})
		var acknowledged int
		var wg sync.WaitGroup
		wg.Go(func() {
			for i, id := range drifts {
				if i == len(drifts)/4 {
					close(half)
				}
				switch status := decide(t, engineer, id, "approve"); status {
				case http.StatusOK:
					acknowledged++
				case http.StatusForbidden:
				default:
					t.Errorf("drift %d: %d", i, status)
				}
			}
		})
		<-half
		if a := admin.do(t.Context(), http.MethodPatch, p.apiURL+"/api/v1/users/"+me.User.ID, mustJSON(t, map[string]string{"role": "viewer"})); a.status != http.StatusOK {
			t.Errorf("take the role away: %d %s", a.status, a.body)
		}
		wg.Wait()
		p.expectCount(acknowledged, `select count(*) from drift where workspace = 'demoted' and status = 'approved'`)
		p.eventually("the role is gone", func() bool { return decide(t, engineer, drifts[0], "approve") == http.StatusForbidden })
	})

	p.expectWholeStreams()
	if events := p.sentry.Events(); len(events) > 0 {
		t.Errorf("%d unexpected errors; the first: %s", len(events), events[0].Raw)
	}
	p.stop()
}

// together starts all at the same moment and gives their results.
func together(fns ...func() int) []int {
	results := make([]int, len(fns))
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i, fn := range fns {
		wg.Go(func() {
			<-start
			results[i] = fn()
		})
	}
	close(start)
	wg.Wait()
	return results
}

func decide(t *testing.T, c *client, id, action string) int {
	t.Helper()
	body := map[string]string{"reason": "decided in a race"}
	if action == "resolve" {
		body = map[string]string{"resolvedHow": "manual-fix"}
	}
	return c.post(t.Context(), "/api/v1/drifts/"+id+"/"+action, body).status
}

// ingestGenerated sends a plan with n drifted resources whose values and timestamp depend on the round.
func ingestGenerated(t *testing.T, c *client, workspace string, n, round int) int {
	t.Helper()
	type object = map[string]any
	drift := make([]object, n)
	for i := range drift {
		drift[i] = object{
			"address": fmt.Sprintf("aws_instance.n[%d]", i), "mode": "managed", "type": "aws_instance", "name": "n", "index": i,
			"provider_name": "registry.terraform.io/hashicorp/aws",
			"change": object{
				"actions": []string{"update"}, "before": object{"size": "small", "n": i}, "after": object{"size": fmt.Sprintf("size-%d", round), "n": i},
				"after_unknown": object{}, "before_sensitive": object{}, "after_sensitive": object{},
			},
		}
	}
	at := time.Date(2026, 1, 1, 0, 0, round, 0, time.UTC).Format(time.RFC3339)
	body := mustJSON(t, object{"format_version": "1.2", "terraform_version": "1.11.4", "timestamp": at, "complete": true, "errored": false, "resource_drift": drift})
	return c.do(t.Context(), http.MethodPost, c.p.apiURL+"/api/v1/ingest/plan?workspace="+workspace, body).status
}

// openDrifts are the ids of a workspace's open drifts.
func (p *pair) openDrifts(c *client, workspace string) []string {
	p.t.Helper()
	var ids []string
	for page := 1; ; page++ {
		var list struct {
			Items      []driftItem
			Pagination struct{ HasMore bool }
		}
		c.get(p.t.Context(), fmt.Sprintf("/api/v1/drifts?workspace=%s&limit=100&page=%d", workspace, page)).decode(p.t, &list)
		for _, d := range list.Items {
			if d.Status != "resolved" {
				ids = append(ids, d.ID)
			}
		}
		if !list.Pagination.HasMore {
			return ids
		}
	}
}

func (p *pair) connect() *pgx.Conn {
	p.t.Helper()
	conn, err := pgx.Connect(p.t.Context(), p.dsn)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(p.t.Context())) })
	return conn
}

func (p *pair) expectCount(want int, query string) {
	p.t.Helper()
	var got int
	if err := p.connect().QueryRow(p.t.Context(), query).Scan(&got); err != nil {
		p.t.Fatal(err)
	}
	if got != want {
		p.t.Errorf("%d instead of %d: %s", got, want, query)
	}
}

// expectWholeStreams: positions run from 1 to the head, and each drift's status and version are those that its last event
// tells.
func (p *pair) expectWholeStreams() {
	p.t.Helper()
	p.expectCount(0, `select count(*) from account_stream s where s.position <> (select count(*) from event e where e.account_id = s.account_id)
		or s.position <> coalesce((select max(position) from event e where e.account_id = s.account_id), 0)`)
	p.expectCount(0, `select count(*) from drift d join lateral (
			select e.body->'data' as data from event e where e.account_id = d.account_id and e.type like 'drift.%'
				and e.body->'data'->>'id' = d.id::text order by e.position desc limit 1) last on true
		where last.data->>'status' <> d.status or (last.data->>'version')::int <> d.version`)
}
