package client_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/driftsentry/driftsentry/client"
)

// sessions plays the part of the API that sessions need. Access tokens are a1, a2, …, refresh tokens r1, r2, ….
type sessions struct {
	t        *testing.T
	mu       sync.Mutex
	issued   int
	valid    map[string]bool // access tokens
	spent    map[string]bool // refresh tokens
	over     bool            // refreshing is refused
	down     bool            // refreshing and signing in get no response
	signIns  int
	renewals int
	// Attempts to change the password, and to sign in or refresh while it is down.
	passwords, lost int
	slow            time.Duration // how long a refresh takes
	asked           int           // other requests
	recent          bool          // only the token of a sign-in is enough
	signedIn        map[string]bool
}

func (s *sessions) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == "/api/v1/auth/refresh" {
		<-time.After(s.slow)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	body := make([]byte, 1000)
	if r.Body != nil {
		n, _ := r.Body.Read(body)
		body = body[:n]
	}
	refused := `{"success":false,"error":{"code":"AUTH_ERROR","message":"no","details":{"reason":"expired"},"traceId":"4bf9"}}`
	switch r.URL.Path {
	case "/api/v1/auth/login":
		if s.down {
			s.lost++
			return lost(r)
		}
		s.signIns++
		if string(body) != `{"email":"ada@example.com","password":"right"}` {
			return respond(401, refused)
		}
		s.signedIn[fmt.Sprintf("a%d", s.issued+1)] = true
		return s.tokens()
	case "/api/v1/auth/refresh":
		if s.down {
			s.lost++
			return lost(r)
		}
		s.renewals++
		token := strings.Split(string(body), `"`)[3]
		if s.over || s.spent[token] {
			return respond(401, refused)
		}
		s.spent[token] = true
		return s.tokens()
	case "/api/v1/auth/password":
		s.passwords++
		return respond(401, refused) // The current password is wrong.
	case "/api/v1/auth/logout":
		return respond(200, `{"success":true,"data":null}`)
	}
	s.asked++
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !s.valid[token] {
		return respond(401, refused)
	}
	if s.recent && !s.signedIn[token] {
		return respond(401, strings.Replace(refused, "expired", "stale", 1))
	}
	return respond(200, aDrift)
}

func (s *sessions) tokens() (*http.Response, error) {
	s.issued++
	s.valid[fmt.Sprintf("a%d", s.issued)] = true
	return respond(200, fmt.Sprintf(`{"success":true,"data":{"accessToken":"a%d","refreshToken":"r%d","expiresIn":900}}`, s.issued, s.issued))
}

func (s *sessions) revoke(tokens ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, token := range tokens {
		delete(s.valid, token)
	}
}

func (s *sessions) counts() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("%d sign-ins, %d refreshes", s.signIns, s.renewals)
}

func newSessions(t *testing.T, options ...client.Option) (*sessions, *client.Client) {
	t.Helper()
	s := &sessions{t: t, valid: map[string]bool{}, spent: map[string]bool{}, signedIn: map[string]bool{}}
	c, err := client.New("https://ds.example", append(options, client.WithHTTPClient(&http.Client{Transport: s}))...)
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

var ada = client.WithPassword("ada@example.com", "right")

func TestSession(t *testing.T) {
	ask := func(t *testing.T, c *client.Client) {
		t.Helper()
		if _, err := c.GetDrift(t.Context(), "d1"); err != nil {
			t.Error(err)
		}
	}
	check := func(t *testing.T, s *sessions, want string) {
		t.Helper()
		if got := s.counts(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	t.Run("is opened by the first call and refreshed before its token expires", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var kept []string
			s, c := newSessions(t, ada, client.OnSession(func(s client.Session) { kept = append(kept, s.RefreshToken) }))
			ask(t, c)
			ask(t, c)
			check(t, s, "1 sign-ins, 0 refreshes")
			<-time.After(12 * time.Minute)
			ask(t, c)
			check(t, s, "1 sign-ins, 1 refreshes")
			if fmt.Sprint(kept) != "[r1 r2]" {
				t.Errorf("kept %v", kept)
			}
		})
	})
	t.Run("is refreshed once for callers that need it at once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, c := newSessions(t, ada)
			ask(t, c)
			s.revoke("a1")
			s.slow = time.Second // All of them wait.
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() { ask(t, c) })
			}
			all.Wait()
			check(t, s, "1 sign-ins, 1 refreshes")
		})
	})
	t.Run("is opened again when it has ended", func(t *testing.T) {
		s, c := newSessions(t, ada)
		ask(t, c)
		s.revoke("a1")
		s.over = true
		ask(t, c)
		check(t, s, "2 sign-ins, 1 refreshes")
	})
	t.Run("is opened again when its sign-in is too long ago", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, c := newSessions(t, ada)
			ask(t, c)
			<-time.After(12 * time.Minute)
			ask(t, c)
			check(t, s, "1 sign-ins, 1 refreshes")
			s.recent = true
			ask(t, c)
			check(t, s, "2 sign-ins, 1 refreshes")
			ask(t, c)
			check(t, s, "2 sign-ins, 1 refreshes")
		})
	})
	t.Run("is not refreshed in vain when its sign-in is too long ago", func(t *testing.T) {
		s, c := newSessions(t, client.WithSession(client.Session{AccessToken: "a0", RefreshToken: "r0"}))
		s.valid["a0"], s.recent = true, true
		if _, err := c.GetDrift(t.Context(), "d1"); !client.HasCode(err, client.CodeAuth) {
			t.Errorf("err = %v", err)
		}
		check(t, s, "0 sign-ins, 0 refreshes")
	})
	t.Run("ends with a wrong password", func(t *testing.T) {
		s, c := newSessions(t, client.WithPassword("ada@example.com", "wrong"))
		_, err := c.GetDrift(t.Context(), "d1")
		if !client.HasCode(err, client.CodeAuth) || !strings.HasPrefix(err.Error(), "sign in: 401 AUTH_ERROR: no") {
			t.Errorf("err = %v", err)
		}
		check(t, s, "1 sign-ins, 0 refreshes")
	})
	t.Run("goes on from what was kept, and ends where nothing can renew it", func(t *testing.T) {
		s, c := newSessions(t, client.WithSession(client.Session{RefreshToken: "r0"}))
		ask(t, c)
		check(t, s, "0 sign-ins, 1 refreshes")
		s.revoke("a1")
		s.over = true
		if _, err := c.GetDrift(t.Context(), "d1"); !client.HasCode(err, client.CodeAuth) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("of an access token alone is used until the server refuses it", func(t *testing.T) {
		s, c := newSessions(t, client.WithSession(client.Session{AccessToken: "a0"}))
		s.valid["a0"] = true
		ask(t, c)
		s.revoke("a0")
		asked := s.asked
		if _, err := c.GetDrift(t.Context(), "d1"); !client.HasCode(err, client.CodeAuth) || s.asked != asked+1 {
			t.Errorf("%d requests, %v", s.asked-asked, err)
		}
		check(t, s, "0 sign-ins, 0 refreshes")
	})
	t.Run("goes on with a token that still holds while it cannot be refreshed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, c := newSessions(t, ada)
			ask(t, c)
			s.down = true
			<-time.After(12 * time.Minute)
			ask(t, c)
			<-time.After(3 * time.Minute)
			if _, err := c.GetDrift(t.Context(), "d1"); err == nil {
				t.Error("an expired token was used")
			}
		})
	})
	t.Run("is asked for no more often than calls are repeated", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, c := newSessions(t, ada)
			s.down = true
			if _, err := c.GetDrift(t.Context(), "d1"); err == nil || s.lost != 4 {
				t.Errorf("%d sign-ins, %v", s.lost, err)
			}
		})
	})
	t.Run("stays when the current password is wrong", func(t *testing.T) {
		s, c := newSessions(t, ada)
		if err := c.ChangePassword(t.Context(), "wrong", "next"); !client.HasCode(err, client.CodeAuth) || s.passwords != 1 {
			t.Errorf("%d attempts, %v", s.passwords, err)
		}
		ask(t, c)
		check(t, s, "1 sign-ins, 0 refreshes")
	})
	t.Run("is refreshed completely even if the call that needs it is cancelled", func(t *testing.T) {
		var renewals atomic.Int32
		arrived := make(chan struct{})
		released := make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/api/v1/auth/refresh" {
				renewals.Add(1)
				close(arrived)
				<-released
				fmt.Fprint(w, `{"success":true,"data":{"accessToken":"a2","refreshToken":"r2","expiresIn":900}}`)
			}
		}))
		t.Cleanup(server.Close)
		kept := make(chan client.Session, 1)
		c, err := client.New(server.URL, client.WithSession(client.Session{RefreshToken: "r1"}), client.OnSession(func(s client.Session) { kept <- s }))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-arrived; cancel(); close(released) }()
		_, _ = c.GetDrift(ctx, "d1")
		if s := <-kept; s.RefreshToken != "r2" || renewals.Load() != 1 {
			t.Errorf("kept %+v", s)
		}
	})
	t.Run("is closed, and opened by the next call", func(t *testing.T) {
		s, c := newSessions(t, ada)
		if _, err := c.SignIn(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := c.SignOut(t.Context()); err != nil {
			t.Fatal(err)
		}
		ask(t, c)
		check(t, s, "2 sign-ins, 0 refreshes")
	})
}
