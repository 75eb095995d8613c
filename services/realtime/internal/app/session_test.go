package app_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/realtime/internal/app"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// Whatever ends a session ends its sockets, and nobody else's.
func TestService_sessions_end(t *testing.T) {
	s := start(t, pgtest.DSN(t), nil, func(o *app.Options) { o.Timing.SessionCheck = 5 * time.Millisecond })
	account := s.db.account()
	witness := s.dial(s.db.user(account))
	for name, sql := range map[string]string{
		"revoked":          "update session set revoked_at = now(), revoked_reason = 'logout' where id = $1",
		"expired":          "update session set expires_at = now() where id = $1",
		"deleted":          "delete from session where id = $1",
		"user deactivated": "update app_user set is_active = false where id = (select user_id from session where id = $1)",
	} {
		t.Run(name, func(t *testing.T) {
			u := s.db.user(account)
			open := s.in(t).dial(u)
			s.db.exec(sql, u.session)
			if code := open.closeCode(); code != 4401 {
				t.Errorf("close code %d", code)
			}
			// And nobody comes in with it.
			if code := s.in(t).refused(u); code != 4401 {
				t.Errorf("close code of another attempt %d", code)
			}
		})
	}
	for name, u := range map[string]user{
		"a session that never was":     {s.db.user(account).id, account, uuid.New()},
		"another user's session":       {s.db.user(account).id, account, s.db.user(account).session},
		"another account's name on it": {s.db.user(account).id, s.db.account(), s.db.user(account).session},
	} {
		t.Run(name, func(t *testing.T) {
			if code := s.in(t).refused(u); code != 4401 {
				t.Errorf("close code %d", code)
			}
		})
	}
	t.Run("the user's account is the token's", func(t *testing.T) {
		u := s.db.user(account)
		u.account = s.db.account()
		if code := s.in(t).refused(u); code != 4401 {
			t.Errorf("close code %d", code)
		}
	})
	witness.send(map[string]string{"type": "ping"})
	witness.wait("pong", func(f frame) bool { return f.Type == "pong" })
}

// refused opens a socket that is closed at once, and gives the code.
func (s *service) refused(u user) int {
	s.t.Helper()
	r := s.handshake(u, 0)
	op, payload := r.next(s.t)
	if op != 8 || len(payload) < 2 {
		s.t.Fatalf("opcode %d, %q", op, payload)
	}
	return int(payload[0])<<8 | int(payload[1])
}
