package httpapi_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// TestAttackOneTagTwoResponses reads on two replicas while both are written to: an ETag always stands for one response, from each of them,
// whatever goes on meanwhile. Else a 304 would hide a change.
//
// Mutations: streamHead in a statement of its own, before that of the rows; a total that is remembered without its head; an event that is
// published in a transaction after the change.
func TestAttackOneTagTwoResponses(t *testing.T) {
	api := apitest.Start(t)
	replicas := []*apitest.API{api, apitest.StartOn(t, api.DSN)}
	on := func(replica int, c *apitest.Client) *apitest.Client { return replicas[replica].With(c.Bearer) }
	const writers, writes = 4, 25
	var first []string
	for i := range 2 * writers {
		first = append(first, report(t, api.Engineer, fmt.Sprintf("first-%d", i), "severity", "critical").ID.String())
	}
	paths := []string{
		"/api/v1/drifts?limit=5", "/api/v1/drifts?limit=5&page=2&sortBy=severity", "/api/v1/drifts?open=true&include=states&limit=3", "/api/v1/drifts?status=approved",
		"/api/v1/drifts?search=none", "/api/v1/alerts?isRead=false&limit=3", "/api/v1/alerts?limit=3&page=2", "/api/v1/checks?limit=2", "/api/v1/drifts/" + first[0], "/api/v1/drifts/" + first[1],
	}
	var bodies sync.Map
	var reads, tags atomic.Int64
	var over atomic.Bool
	ctx := t.Context()
	var writing, reading sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			engineer, key, viewer := on(w%2, api.Engineer), on(w%2, api.Key), on((w+1)%2, api.Viewer)
			for i := range writes {
				var err error
				switch i % 5 {
				case 0:
					_, err = engineer.Try(ctx, http.MethodPost, "/api/v1/drifts", map[string]any{
						"resourceId": fmt.Sprintf("r-%d-%d", w, i), "resourceType": "aws_instance", "region": "eu-central-1", "severity": "critical",
						"expectedState": map[string]any{"a": 1}, "actualState": map[string]any{"a": 2},
					})
				case 1:
					_, err = engineer.Try(ctx, http.MethodPost, "/api/v1/drifts/"+first[rand.IntN(len(first))]+"/approve", map[string]string{"reason": reason})
				case 2:
					_, err = viewer.Try(ctx, http.MethodPost, "/api/v1/alerts/mark-all-read", nil)
				case 3:
					_, err = key.Try(ctx, http.MethodPost, "/api/v1/ingest/plan?workspace=prod&scope=full&refreshed=true", fmt.Appendf(nil,
						`{"format_version":"1.2","terraform_version":"1.11.4","complete":true,"resource_drift":[{"address":"aws_instance.web","mode":"managed",
						"type":"aws_instance","name":"web","change":{"actions":["update"],"before":{"size":"s"},"after":{"size":"%d"}}}]}`, i))
				case 4:
					_, err = engineer.Try(ctx, http.MethodPost, "/api/v1/drifts/"+first[rand.IntN(len(first))]+"/resolve", map[string]string{"resolvedHow": "manual-fix"})
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	for r := range 4 {
		reading.Go(func() {
			c := on(r%2, []*apitest.Client{api.Viewer, api.Engineer}[r/2])
			// Each path once more when all is quiet: both replicas then give the same.
			for i, last := 0, -1; last != len(paths); i++ {
				path := paths[i%len(paths)]
				if over.Load() {
					last++
				}
				a, err := c.Try(ctx, http.MethodGet, path, nil)
				if err != nil {
					t.Error(err)
					return
				}
				reads.Add(1)
				if a.Status != http.StatusOK {
					continue // It changes too fast.
				}
				was, known := bodies.LoadOrStore(a.Header.Get("ETag"), string(a.Body))
				if !known {
					tags.Add(1)
				} else if was != string(a.Body) {
					t.Errorf("%s has two responses under %s:\n%s\n%s", path, a.Header.Get("ETag"), was, a.Body)
				}
			}
		})
	}
	writing.Wait()
	over.Store(true)
	reading.Wait()
	t.Logf("tried: %d reads during %d writes on two replicas; %d ETags, each for one response", reads.Load(), writers*writes, tags.Load())
	if n := reads.Load() - tags.Load(); n < int64(len(paths)) {
		t.Errorf("%d ETags came again, which proves nothing", n)
	}
}

// TestAttackLeavingOnTwoReplicas: while an admin deactivates a user on one replica, the user signs in, refreshes, makes a key, a setup token
// and another password on another. In either order, nothing of it is left that works.
//
// Mutations: NoteSignIn without the condition that the user is active; LockRefreshToken that locks the token without its user; act left out of
// CreateKey, IssueSetup or ChangePassword.
func TestAttackLeavingOnTwoReplicas(t *testing.T) {
	api := apitest.Start(t)
	other := apitest.StartOn(t, api.DSN)
	const rounds = 12
	won := map[string]int{}
	for round := range rounds {
		leaver := api.NewUser("acme", identity.Admin)
		friend := api.NewUser("acme", identity.Viewer)
		c := other.With(leaver.Bearer)
		c.Get("/api/v1/users/me").Want(http.StatusOK) // The other replica remembers.
		acts := map[string]func(context.Context) (*apitest.Response, error){
			"sign-in": func(ctx context.Context) (*apitest.Response, error) {
				return other.Anonymous.Try(ctx, http.MethodPost, "/api/v1/auth/login", map[string]string{"email": leaver.User.Email, "password": apitest.Password})
			},
			"refresh": func(ctx context.Context) (*apitest.Response, error) {
				return other.Anonymous.Try(ctx, http.MethodPost, "/api/v1/auth/refresh", map[string]string{"refreshToken": leaver.Refresh})
			},
			"key": func(ctx context.Context) (*apitest.Response, error) {
				return c.Try(ctx, http.MethodPost, "/api/v1/api-keys", map[string]string{"name": "mine", "scope": "ingest"})
			},
			"setup token": func(ctx context.Context) (*apitest.Response, error) {
				return c.Try(ctx, http.MethodPost, "/api/v1/users/"+friend.User.ID.String()+"/setup-token", struct{}{})
			},
			"password": func(ctx context.Context) (*apitest.Response, error) {
				return c.Try(ctx, http.MethodPost, "/api/v1/auth/password", map[string]string{"currentPassword": apitest.Password, "newPassword": "a stolen password"})
			},
		}
		var all sync.WaitGroup
		var mu sync.Mutex
		for name, act := range acts {
			all.Go(func() {
				a, err := act(t.Context())
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err != nil:
					t.Error(err)
				case a.Status < 300:
					won[name]++
				case a.Status >= 500:
					t.Errorf("%s: %d %s", name, a.Status, a.Body)
				}
			})
		}
		all.Go(func() {
			for range round % 4 { // so that each is first now and then
				if _, err := api.Anonymous.Try(t.Context(), http.MethodGet, "/health/live", nil); err != nil {
					t.Error(err)
				}
			}
			a, err := api.Admin.Try(t.Context(), http.MethodPatch, "/api/v1/users/"+leaver.User.ID.String(), map[string]bool{"isActive": false})
			if err != nil || a.Status != http.StatusOK {
				t.Errorf("deactivate: %v %v", a, err)
			}
		})
		all.Wait()
		for what, query := range map[string]string{
			"sessions":     "select count(*)::int from session where user_id = $1 and revoked_at is null",
			"keys":         "select count(*)::int from api_key where created_by = $1 and revoked_at is null",
			"setup tokens": "select count(*)::int from setup_token where created_by = $1 and used_at is null",
		} {
			if n := pgtest.Value[int](t, api.DB, query, leaver.User.ID); n > 0 {
				t.Errorf("round %d: %d %s of a user who is gone are left", round, n, what)
			}
		}
	}
	t.Logf("tried: %d deactivations beside sign-in, refresh, key, setup token and password on another replica; before them came %v", rounds, won)
}

// TestAttackForgedCursor changes each byte of a cursor, its length, and what is in it: none is an error of ours, and none shows another
// account's rows.
//
// Mutations: open without the version, the length, the bounds of the number, or the shortest form; KeyOf, and Place.Time, without each of their
// checks.
func TestAttackForgedCursor(t *testing.T) {
	api := apitest.Start(t)
	for i := range 3 {
		report(t, api.Engineer, fmt.Sprintf("ours-%d", i), "severity", "critical")
		report(t, api.Other, fmt.Sprintf("theirs-%d", i), "severity", "critical")
	}
	// The keys that no list gives, by the kind of what it is sorted by.
	times := []string{"", "yesterday", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "infinity"}
	texts := []string{"\xff", "a\x00", strings.Repeat("x", 257)}
	keys := map[string][]string{
		"/api/v1/alerts?": times, "/api/v1/drifts?sortBy=createdAt&": times, "/api/v1/drifts?sortBy=lastSeenAt&": times,
		"/api/v1/drifts?sortBy=costImpactMonthly&": {"", "x", "NaN", "Inf", "1e300", "1000000000000"},
		"/api/v1/drifts?sortBy=severity&":          {"", "x", "-1", "99", "1.5"},
		"/api/v1/drifts?sortBy=workspace&":         texts, "/api/v1/drifts?sortBy=resourceId&": texts, "/api/v1/drifts?sortBy=status&": texts,
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	const numberAt, head = 1 + 8 + 16, 1 + 8 + 16 + 4
	tried := 0
	for list, wrong := range keys {
		var page driftPage
		api.Viewer.Get(list + "limit=1").Want(http.StatusOK).Decode(&page)
		cursor := page.Pagination.NextCursor
		forged := []string{cursor + "AAAA", cursor + strings.Repeat("_", 1024), cursor[:len(cursor)-4]}
		for i := range cursor {
			b := []byte(cursor)
			b[i] = alphabet[rand.IntN(len(alphabet))]
			forged = append(forged, string(b))
		}
		for _, f := range forged {
			a := api.Viewer.Wrong().Get(list + "limit=1&cursor=" + f)
			tried++
			if a.Status != http.StatusOK && a.Status != http.StatusBadRequest || strings.Contains(string(a.Body), "theirs-") {
				t.Errorf("%s with %s: %d %s", list, f, a.Status, a.Body)
			}
		}
		raw, err := base64.RawURLEncoding.DecodeString(cursor)
		if err != nil {
			t.Fatal(err)
		}
		const message = "must be the nextCursor of a page of this list"
		refused := func(what string, b []byte, says string) {
			tried++
			a := api.Viewer.Wrong().Get(list + "limit=1&cursor=" + base64.RawURLEncoding.EncodeToString(b))
			if a.Status != http.StatusBadRequest || a.Error.Details.Errors[0].Field != "cursor" || !strings.Contains(string(a.Body), says) {
				t.Errorf("%s with %s: %d %s", list, what, a.Status, a.Body)
			}
		}
		refused("another version", append([]byte{2}, raw[1:]...), message)
		refused("no number", raw[:head-1], message)
		refused("a key of 3,000 bytes", append(slices.Clone(raw[:head]), strings.Repeat("x", 3000)...), message)
		for _, number := range []uint32{0, 1<<30 + 1, 1<<32 - 1} {
			refused(fmt.Sprint("page ", number), append(binary.BigEndian.AppendUint32(slices.Clone(raw[:numberAt]), number), raw[head:]...), message)
		}
		for _, key := range wrong {
			refused(fmt.Sprintf("the key %.10q", key), append(slices.Clone(raw[:head]), key...), "")
		}
	}
	t.Logf("tried: %d forged cursors", tried)
}
