package app_test

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/testkit/doctable"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/spec"
	"github.com/driftsentry/driftsentry/testkit/tokentest"
)

// TestAttackAuthorization sends every frame as each kind of caller, and compares the results with the table in
// docs/security.md (`make tables` writes it). A frame of asyncapi.yaml without a row fails. Sockets do not depend on the
// role: they only read, and only their own account's stream (TestService_accounts_are_isolated). Mutations: Active without
// the check of is_active, of revoked_at or of the session's end changes one column each; ignoring Verify's error changes
// "no credentials".
func TestAttackAuthorization(t *testing.T) {
	s := start(t, pgtest.DSN(t), nil)
	account := s.db.account()
	user := func(sql string) string {
		u := s.db.user(account)
		if sql != "" {
			s.db.exec(sql, u.session)
		}
		return s.sign(u)
	}
	role := func(name string) string {
		return user("update app_user set role = '" + name + "' where id = (select user_id from session where id = $1)")
	}
	keys, err := token.NewKeys("the data key of api, which realtime does not have", "")
	if err != nil {
		t.Fatal(err)
	}
	key, _ := keys.New(uuid.New())
	late := s.db.user(account)
	expired, err := token.NewAccess(secret, "", -time.Minute).Sign(late.id, late.account, late.session)
	if err != nil {
		t.Fatal(err)
	}
	callers := []struct{ name, bearer string }{
		{"viewer", user("")}, {"engineer", role("engineer")}, {"admin", role("admin")}, {"API key", key},
		{"other account's admin", s.sign(s.db.user(s.db.account()))}, {"no credentials", ""},
		{"revoked", user("update session set revoked_at = now(), revoked_reason = 'logout' where id = $1")},
		{"expired", expired},
		{"deactivated", user("update app_user set is_active = false where id = (select user_id from session where id = $1)")},
	}
	frames := map[string]map[string]any{
		"subscribe": {"id": "1", "topics": []string{"drifts"}}, "unsubscribe": {"id": "1", "topics": []string{"drifts"}},
		"ping": {"id": "1"}, "auth": {"id": "1"},
	}
	types, err := spec.FrameTypes(spec.FromClient)
	if err != nil {
		t.Fatal(err)
	}
	header := []string{"Frame"}
	for _, c := range callers {
		header = append(header, c.name)
	}
	table := doctable.Header(header...)
	for _, kind := range types {
		row := []string{"`" + kind + "`"}
		for _, c := range callers {
			message := map[string]any{"type": kind}
			maps.Copy(message, frames[kind])
			if kind == "auth" {
				message["token"] = c.bearer
			}
			cell := s.in(t).say(c.bearer, message)
			if cell == "yes" && c.name == "other account's admin" {
				cell = "own"
			}
			row = append(row, cell)
		}
		table += doctable.Row(row...)
	}
	doctable.Check(t, "docs/security.md", "frames", table)
}

// say opens a socket and sends a message, and returns the result: the status of a refused handshake, the close code of a
// refused socket, an error's code, or "yes" for a response.
func (s *service) say(bearer string, message map[string]any) string {
	s.t.Helper()
	r, status := s.knock(bearer, 0)
	if status != http.StatusSwitchingProtocols {
		return strconv.Itoa(status)
	}
	data, err := json.Marshal(message)
	if err != nil {
		s.t.Fatal(err)
	}
	// At once, before the socket is accepted or refused.
	if _, err := r.conn.Write(ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame(data)))); err != nil {
		s.t.Fatal(err)
	}
	for {
		op, payload := r.next(s.t)
		if op == ws.OpClose {
			return strconv.Itoa(int(binary.BigEndian.Uint16(payload)))
		}
		var m struct{ Type, Code string }
		if err := json.Unmarshal(payload, &m); err != nil {
			s.t.Fatal(err)
		}
		switch m.Type {
		case "ack", "pong":
			return "yes"
		case "error":
			return m.Code
		}
	}
}

// TestAttackTokens: a forged token opens no socket. It gets 401, or close code 4401 if its signature is right and its time
// or its session is over. Mutations: as in the test of this name in httpapi, and Active without
// the comparison of user and account.
func TestAttackTokens(t *testing.T) {
	s := start(t, pgtest.DSN(t), nil)
	u := s.db.user(s.db.account())
	for name, forged := range tokentest.Forged(t, secret, u.id, u.account, u.session) {
		t.Run(name, func(t *testing.T) {
			want := "401"
			switch name {
			case "expired", "a session that never was", "another user's name on it", "another account's name on it", "no session":
				want = "4401"
			}
			if got := s.in(t).say(forged, map[string]any{"type": "ping"}); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
	t.Run("in the URL it is none", func(t *testing.T) {
		if resp := s.in(t).get("/ws?access_token=" + s.sign(u)); resp.StatusCode == http.StatusSwitchingProtocols {
			t.Error("it was taken")
		}
	})
	t.Run("no token is in the log", func(t *testing.T) {
		if strings.Contains(s.tel.Output(), "eyJ") {
			t.Error("one is")
		}
	})
}
