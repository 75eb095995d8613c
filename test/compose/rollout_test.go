//go:build compose

package compose

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/client"
)

const nextVersion = "0.0.1-test"

// unhealthy rolls out a version that exits immediately. Mutation in deploy/rollout that it catches: the new replica is
// not removed.
func (s *installation) unhealthy(t *testing.T) {
	s.worked(t)
	before := s.containers(t, "api", "realtime")
	clients := s.traffic(t)
	cmd := s.scriptCommand("rollout", "--no-build")
	cmd.Env = append(slices.Clone(cmd.Env), "DATABASE_MAX_CONNS=0")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "DATABASE_MAX_CONNS: must be") || !strings.Contains(string(out), "the old replicas keep serving") {
		t.Errorf("%v:\n%s", err, out)
	}
	if after := s.containers(t, "api", "realtime"); !slices.Equal(after, before) {
		t.Errorf("containers before: %v\nafter: %v", before, after)
	}
	clients.end(t)
}

// rotated changes the passwords of both services in the database, with the commands of docs/operations.md, while clients work. Mutation:
// deploy/roles with other passwords in the files, in place of deploy/rotate.
func (s *installation) rotated(t *testing.T) {
	s.worked(t)
	clients := s.traffic(t)
	before := s.secret("database_url")
	for _, command := range [][]string{{"rotate"}, {"rollout", "--no-build"}, {"rotate", "--finish"}} {
		t.Logf("%s", s.script(t, command[0], command[1:]...))
	}
	clients.end(t)
	if s.secret("database_url") == before {
		t.Error("the password is the same")
	}
}

// rolledOut replaces every replica by a new version that takes its hints from NATS, while clients work. Tried by hand
// under 150 requests a second: this failed none of 14,000; docker kill instead of stop 2 of 9,000, which is why the
// exit status is looked at; no lb_try_duration in the Caddyfile 15 of 13,000; compose's own up --force-recreate 24 of
// 2,000.
func (s *installation) rolledOut(t *testing.T) {
	s.worked(t)
	s.environ = append(s.environ, "VERSION="+nextVersion)
	if s.hasImage("nats") {
		s.environ = append(s.environ, "COMPOSE_PROFILES=nats", "NATS_URL_FILE=/run/secrets/nats_url")
	} else {
		fmt.Fprintln(os.Stderr, "NOT RUN: no image of NATS")
	}
	events, _ := s.watch(t)
	clients := s.traffic(t)
	said := string(s.script(t, "rollout"))
	t.Log(said)
	if strings.Contains(said, "did not end by itself") {
		t.Error("a replica was killed")
	}
	for range clients.end(t) {
		await(t, events, "check.completed")
	}

	for _, name := range []string{"api", "realtime"} {
		var replicas []struct {
			Config struct{ Image, Hostname string }
			State  struct{ Health struct{ Status string } }
		}
		inspect(t, &replicas, s.containers(t, name)...)
		if len(replicas) != 2 || replicas[0].Config.Hostname == replicas[1].Config.Hostname {
			t.Errorf("%s: %+v", name, replicas)
		}
		for _, r := range replicas {
			if r.Config.Image != "driftsentry-"+name+":"+nextVersion || r.State.Health.Status != "healthy" {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
	var migrate []struct{ Config struct{ Image string } }
	inspect(t, &migrate, s.containers(t, "migrate")...)
	if len(migrate) != 1 || migrate[0].Config.Image != "driftsentry-api:"+nextVersion {
		t.Errorf("who starts the services migrates with %+v", migrate)
	}
	// A second time there is nothing to do.
	before := s.containers(t)
	s.script(t, "rollout", "--no-build")
	if after := s.containers(t); !slices.Equal(after, before) {
		t.Errorf("containers before: %v\nafter: %v", before, after)
	}
	const replicas = `{job=~"driftsentry-(api|realtime)"`
	for _, query := range []string{"count(up" + replicas + "})", "count(target_info" + replicas + `, service_version="` + nextVersion + `"})`} {
		eventually(t, "Prometheus finds every new replica, and none of the old", func() error { return s.expectQuery(t, query, "4") })
	}
	if s.hasImage("nats") {
		s.hinted(t)
	}
}

// hinted sees that hints come by NATS, and by nothing else.
func (s *installation) hinted(t *testing.T) {
	t.Helper()
	s.confined(t)
	eventually(t, "both realtime listen", func() error { return s.expectQuery(t, "sum(driftsentry_realtime_listening)", "2") })
	listen := s.run(t, "exec", "-T", "postgres", "psql", "-U", "postgres", "-At", "-c", "select count(*) from pg_stat_activity where query ilike 'listen%'")
	if n := strings.TrimSpace(string(listen)); n != "0" {
		t.Errorf("%s connections listen at Postgres", n)
	}
}

// hasImage reports whether the image of a service that does not run yet is here; left tells only of those that would.
func (s *installation) hasImage(service string) bool {
	var config struct {
		Services map[string]struct{ Image string }
	}
	if err := json.Unmarshal(s.run(s.t, "--profile", "*", "config", "--format", "json"), &config); err != nil {
		s.t.Fatal(err)
	}
	image := config.Services[service].Image
	return s.docker("image", "inspect", image) || s.docker("pull", "-q", image)
}

// expectQuery asks Prometheus itself.
func (s *installation) expectQuery(t *testing.T, query, want string) error {
	t.Helper()
	out, err := s.command(t.Context(), "exec", "-T", "prometheus", "wget", "-q", "-O", "-", "http://127.0.0.1:9090/api/v1/query?query="+url.QueryEscape(query)).Output()
	if err != nil {
		return fmt.Errorf("%s: %w", query, err)
	}
	var answer struct {
		Data struct{ Result []struct{ Value [2]any } }
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return err
	}
	if r := answer.Data.Result; len(r) != 1 || r[0].Value[1] != want {
		return fmt.Errorf("%s: %s, want %s", query, out, want)
	}
	return nil
}

// traffic simulates clients behind the edge: a monitor, a reader and a pipeline; every request must succeed.
type traffic struct {
	stop   func()
	ended  sync.WaitGroup
	mu     sync.Mutex
	done   map[string]int
	failed []string
}

func (s *installation) traffic(t *testing.T) *traffic {
	t.Helper()
	admin := s.signIn(t)
	pipeline := s.pipeline(t, admin)
	text, err := os.ReadFile(whole(t, plan))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	c := &traffic{stop: stop, done: map[string]int{}}
	t.Cleanup(c.finish)
	for range 2 {
		c.repeat(ctx, "monitor", 20*time.Millisecond, func() error {
			a, err := fetch(t.Context(), http.DefaultClient, s.base()+"/health/live")
			if err == nil && a.status != http.StatusOK {
				err = fmt.Errorf("%d %s", a.status, a.body)
			}
			return err
		})
	}
	// As with the pipeline, a request that fails is what the tests look for.
	reader := s.client(t, client.WithSession(client.Session{AccessToken: admin.token}), client.WithRetry(client.Retry{Tries: 1}))
	c.repeat(ctx, "reader", 100*time.Millisecond, func() error {
		_, err := reader.ListDrifts(t.Context(), client.DriftQuery{}, client.Page{})
		return err
	})
	workspaces, workspace := rand.Uint64(), 0 // Another one each time, or the plan would be known already.
	c.repeat(ctx, "pipeline", 500*time.Millisecond, func() error {
		workspace++
		_, err := pipeline.SendPlan(t.Context(), fmt.Sprintf("w%d-%d", workspaces, workspace), bytes.NewReader(text), client.PlanOptions{})
		return err
	})
	return c
}

// repeat sends one request after the other, with a pace that the rate limits allow. One that was begun is waited for.
func (c *traffic) repeat(ctx context.Context, name string, pace time.Duration, send func() error) {
	c.ended.Go(func() {
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for ctx.Err() == nil {
			err := send()
			c.mu.Lock()
			if err == nil {
				c.done[name]++
			} else {
				c.failed = append(c.failed, fmt.Sprintf("%s: %s: %v", time.Now().Format(time.TimeOnly), name, err))
			}
			c.mu.Unlock()
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
}

func (c *traffic) finish() {
	c.stop()
	c.ended.Wait()
}

// end stops the clients, and returns how many plans they sent.
func (c *traffic) end(t *testing.T) (plans int) {
	t.Helper()
	c.finish()
	t.Logf("requests that succeeded: %v", c.done)
	if len(c.failed) > 0 {
		t.Errorf("%d requests failed:\n%s", len(c.failed), strings.Join(c.failed[:min(len(c.failed), 20)], "\n"))
	}
	for _, name := range []string{"monitor", "reader", "pipeline"} {
		if c.done[name] == 0 {
			t.Errorf("the %s did nothing", name)
		}
	}
	return c.done["pipeline"]
}
