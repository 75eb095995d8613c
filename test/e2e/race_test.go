package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/test/internal/workload"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// How often each race is run. A lock that is missing shows within the first dozen.
const races = 200

// TestRaces lets two act on the same thing at the same moment, over and over, and where both may be anywhere, on two
// replicas. Exactly one wins, with one audit row and one event, positions have no gap, and no deadlock reaches a
// client.
//
// Mutations, each caught in the case named: no `for update` in LockDrift (two people decide), no lock of the workspace
// (two uploads), the position read before it is written (a plan arrives while), no `for update` in LockRefreshToken
// (one refresh token).
func TestRaces(t *testing.T) {
	p := startPair(t, pgtest.DSN(t), unlimited...)
	other := p.replica()
	admin, key := p.signIn("admin"), p.client(p.apiKey)
	engineer, otherKey := other.client(p.signIn("engineer").token), other.client(p.apiKey)

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
		t.Logf("tried: %d drifts, two deciders each", len(drifts))
		p.expectDecisions(len(drifts), "decide")
	})
	t.Run("a plan arrives while one user decides and another marks all alerts read", func(t *testing.T) {
		decided := 0
		for round := range races {
			ingestGenerated(t, key, "busy", 3, round*2)
			open := p.openDrifts(admin, "busy")
			statuses := together(
				func() int { return ingestGenerated(t, otherKey, "busy", 3, round*2+1) },
				func() int { return decide(t, engineer, open[round%len(open)], "approve") },
				func() int { return decide(t, admin, open[(round+1)%len(open)], "resolve") },
				func() int { return admin.post(t.Context(), "/api/v1/alerts/mark-all-read", struct{}{}).status })
			for i, status := range statuses {
				if status != http.StatusOK && (i == 0 || i == 3 || status != http.StatusConflict) {
					t.Fatalf("round %d: %v", round, statuses)
				}
			}
			for _, status := range statuses[1:3] {
				if status == http.StatusOK {
					decided++
				}
			}
		}
		t.Logf("tried: %d rounds of four; %d decisions won", races, decided)
		p.expectDecisions(decided, "busy")
	})
	t.Run("two uploads of one workspace", func(t *testing.T) {
		for round := range races {
			statuses := together(
				func() int { return ingestGenerated(t, key, "twice", 3, round) },
				func() int { return ingestGenerated(t, otherKey, "twice", 3, round) })
			if statuses[0] != http.StatusOK || statuses[1] != http.StatusOK {
				t.Fatalf("round %d: %v", round, statuses)
			}
		}
		t.Logf("tried: %d rounds of two", races)
		// The same body has one response: the second upload is not another check.
		p.expectCount(races, `select count(*) from workspace_check c join workspace w on w.id = c.workspace_id where w.name = 'twice'`)
		p.expectCount(races, `select count(*) from event where type = 'check.completed' and body->'data'->>'workspace' = 'twice'`)
		p.expectCount(3, `select count(*) from drift where workspace = 'twice' and version = `+strconv.Itoa(races))
	})
	t.Run("two different uploads of one workspace", func(t *testing.T) {
		for round := range races {
			statuses := together(
				func() int { return ingestGenerated(t, key, "either", 3, round*2) },
				func() int { return ingestGenerated(t, otherKey, "either", 3, round*2+1) })
			if statuses[0] != http.StatusOK || statuses[1] != http.StatusOK {
				t.Fatalf("round %d: %v", round, statuses)
			}
		}
		t.Logf("tried: %d rounds of two", races)
		p.expectCount(2*races, `select count(*) from workspace_check c join workspace w on w.id = c.workspace_id where w.name = 'either'`)
		// Whichever came first, the later plan is what holds; the earlier one changed the drifts before, or is stale.
		p.expectCount(3, fmt.Sprintf(`select count(*) from drift where workspace = 'either' and actual_state->>'size' = 'size-%d'`, 2*races-1))
		p.expectCount(3, `select count(*) from drift where workspace = 'either' and version = (
			select count(*) from workspace_check c join workspace w on w.id = c.workspace_id where w.name = 'either' and not c.stale)`)
	})
	t.Run("one refresh token, used twice at once", func(t *testing.T) {
		for round := range races {
			sent := p.newSession("viewer")
			refresh := func(at *pair) func() int {
				return func() int {
					return at.client("").post(t.Context(), "/api/v1/auth/refresh", map[string]string{"refreshToken": sent}).status
				}
			}
			if statuses := together(refresh(p), refresh(other)); statuses[0] != http.StatusOK || statuses[1] != http.StatusOK {
				t.Fatalf("round %d: %v", round, statuses)
			}
		}
		t.Logf("tried: %d tokens, used twice each", races)
		// Two tabs do that. (TestAttackSpentToken uses one later, which ends its session.)
		p.expectCount(0, `select count(*) from session where revoked_reason = 'token_reuse'`)
		p.expectCount(0, `select count(*) from audit where action = 'session.revoked' and metadata->>'reason' = 'token_reuse'`)
	})
	t.Run("a role is taken away while it is used", func(t *testing.T) {
		ingestGenerated(t, key, "demoted", races, 0)
		engineer := p.client(engineer.token)
		var me struct{ User struct{ ID string } }
		engineer.get(t.Context(), "/api/v1/users/me").decode(t, &me)
		role := func(role string) int {
			return admin.do(t.Context(), http.MethodPatch, p.apiURL+"/api/v1/users/"+me.User.ID, mustJSON(t, map[string]string{"role": role})).status
		}
		won := 0
		for round, id := range p.openDrifts(admin, "demoted") {
			statuses := together(
				func() int { return decide(t, engineer, id, "approve") },
				func() int { return role("viewer") })
			switch statuses[0] {
			case http.StatusOK:
				won++
			case http.StatusForbidden:
			default:
				t.Fatalf("round %d: %v", round, statuses)
			}
			if after := decide(t, engineer, id, "approve"); statuses[1] != http.StatusOK || after != http.StatusForbidden {
				t.Fatalf("round %d: %v, and when the role was gone %d", round, statuses, after)
			}
			if status := role("engineer"); status != http.StatusOK {
				t.Fatalf("round %d: giving it back: %d", round, status)
			}
		}
		t.Logf("tried: %d rounds; %d decisions won", races, won)
		p.expectDecisions(won, "demoted")
		p.expectCount(2*races, `select count(*) from audit where action = 'user.updated'`)
	})

	p.expectWholeStreams()
	if events := p.sentry.Events(); len(events) > 0 {
		t.Errorf("%d unexpected errors; the first: %s", len(events), events[0].Raw)
	}
	if code := other.api.stop(t); code != 0 {
		t.Errorf("the second api ended with exit code %d", code)
	}
	p.stop()
}

// replica starts a second api on the same database, and returns the pair with that api.
func (p *pair) replica() *pair {
	p.t.Helper()
	other := *p
	other.startAPI()
	return &other
}

// newSession signs a user in, without the cost of hashing a password, and returns the refresh token.
func (p *pair) newSession(role string) string {
	p.t.Helper()
	refresh := token.NewOpaque(token.RefreshPrefix)
	if _, err := p.connect().Exec(p.t.Context(), `with made as (
			insert into session (id, user_id, expires_at) select gen_random_uuid(), id, now() + interval '1 day' from app_user where email = $1 returning id)
		insert into refresh_token (hash, session_id, expires_at) select $2, id, now() + interval '1 day' from made`,
		p.users[role].email, token.Hash(refresh)); err != nil {
		p.t.Fatal(err)
	}
	return refresh
}

// expectDecisions: so many decisions about drifts of a workspace have an audit row and an event each.
func (p *pair) expectDecisions(want int, workspace string) {
	p.t.Helper()
	p.expectCount(want, `select count(*) from audit a join drift d on d.id = a.drift_id
		where d.workspace = '`+workspace+`' and a.action in ('drift.approved', 'drift.rejected', 'drift.resolved')`)
	p.expectCount(want, `select count(*) from event where type in ('drift.approved', 'drift.rejected', 'drift.resolved')
		and body->'data'->>'workspace' = '`+workspace+`'`)
}

// together starts all calls at the same moment and returns their results.
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
	body := mustJSON(t, workload.Plan(n, round))
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
	if p.db != nil {
		return p.db
	}
	conn, err := pgx.Connect(p.t.Context(), p.dsn)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(p.t.Context())) })
	p.db = conn
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

// expectWholeStreams: positions run from 1 to the head, and each drift's status and version are those that its last
// event tells.
func (p *pair) expectWholeStreams() {
	p.t.Helper()
	p.expectCount(0, `select count(*) from account_stream s where s.position <> (select count(*) from event e where e.account_id = s.account_id)
		or s.position <> coalesce((select max(position) from event e where e.account_id = s.account_id), 0)`)
	p.expectCount(0, `select count(*) from drift d join lateral (
			select e.body->'data' as data from event e where e.account_id = d.account_id and e.type like 'drift.%'
				and e.body->'data'->>'id' = d.id::text order by e.position desc limit 1) last on true
		where last.data->>'status' <> d.status or (last.data->>'version')::int <> d.version`)
}
