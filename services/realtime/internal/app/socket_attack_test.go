package app_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/realtime/internal/app"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// An attacker who knows the id of another account's drift, and the cursor of its stream, asks for both.
// Mutation: the hub finds a stream by another key than the account of the token.
func TestAttackTopicsOfAnotherAccount(t *testing.T) {
	s := start(t, pgtest.DSN(t), nil)
	mine, theirs := s.db.account(), s.db.account()
	topic := "drift:" + uuid.NewString()
	victim := s.listen(s.db.user(theirs), "", "drifts", topic)
	first := s.db.publish(theirs, hinted, published{topic: topic}, published{topic: topic})
	victim.waitEvent(first)

	thief := s.listen(s.db.user(mine), "", topic, "drifts", "alerts", "checks")
	resuming := s.dial(s.db.user(mine))
	resuming.send(map[string]any{"type": "subscribe", "id": "1", "topics": []string{topic, "drifts"}, "after": victim.cursor()})
	resuming.wait("that the cursor is ahead of this stream", func(f frame) bool { return f.Type == "resync" && f.Reason == "ahead" })

	victim.waitEvent(s.db.publish(theirs, hinted, published{topic: topic}))
	last := s.db.publish(mine, hinted, some(1)...)
	for name, c := range map[string]*client{"the one that subscribed": thief, "the one that resumed": resuming} {
		c.waitEvent(last)
		if got := c.positions(); len(got) != 1 {
			t.Errorf("%s got the events %v", name, got)
		}
	}
}

// A token is stolen, and its owner signs out.
// Mutations: sessions not looked at again; Active always true; authenticate without it.
func TestAttackStolenTokenAfterLogout(t *testing.T) {
	s := start(t, pgtest.DSN(t), nil, func(o *app.Options) { o.Timing.SessionCheck = 5 * time.Millisecond })
	account := s.db.account()
	owner := s.db.user(account)
	again := user{owner.id, account, s.db.session(owner.id)} // another session of the owner's
	stolen := s.dial(owner)
	kept := s.dial(again)
	s.db.exec("update session set revoked_at = now(), revoked_reason = 'logout' where id = $1", owner.session)
	if code := stolen.closeCode(); code != 4401 {
		t.Errorf("the open socket: close code %d", code)
	}
	if code := s.refused(owner); code != 4401 {
		t.Errorf("a new socket: close code %d", code)
	}
	kept.send(map[string]string{"type": "auth", "id": "a", "token": s.sign(owner)})
	if f := kept.wait("the response", func(f frame) bool { return f.ID == "a" }); f.Code != "AUTH_ERROR" {
		t.Errorf("a message with it: %+v", f)
	}
	kept.send(map[string]string{"type": "ping", "id": "p"})
	kept.wait("pong", func(f frame) bool { return f.Type == "pong" })
}

// An admin is demoted, and keeps a socket open. It ends, so that what a role may see can't outlast the role; a new one opens.
// Mutations: Role without the role, or Changed without the comparison.
func TestAttackDemotedSocket(t *testing.T) {
	s := start(t, pgtest.DSN(t), nil, func(o *app.Options) { o.Timing.SessionCheck = 5 * time.Millisecond })
	account := s.db.account()
	u, witness := s.db.user(account), s.dial(s.db.user(account))
	for _, role := range []string{"admin", "engineer", "viewer", "admin"} {
		s.db.exec("update app_user set role = $2 where id = $1", u.id, role)
		open := s.dial(u)
		open.send(map[string]string{"type": "ping", "id": "p"})
		open.wait("pong", func(f frame) bool { return f.Type == "pong" })
		s.db.exec("update app_user set role = case role when 'admin' then 'engineer' else 'admin' end where id = $1", u.id)
		if code := open.closeCode(); code != 4403 {
			t.Errorf("%s: close code %d", role, code)
		}
	}
	witness.send(map[string]string{"type": "ping", "id": "p"})
	witness.wait("pong", func(f frame) bool { return f.Type == "pong" })
}

// TestAttackSocketsOnTwoReplicas: who loses a role, the account or the session, or whose session has become too old, loses the sockets of
// both replicas, those that were opened or renewed a moment ago too, and a socket of another session ends with the user alone.
//
// Mutations: checkSessions that asks for the first of its sessions alone; Changed without is_active, revoked_at, expires_at or the role;
// renew that keeps the session before.
func TestAttackSocketsOnTwoReplicas(t *testing.T) {
	often := func(o *app.Options) { o.Timing.SessionCheck = 5 * time.Millisecond }
	dsn := pgtest.DSN(t)
	replicas := []*service{start(t, dsn, nil, often), start(t, dsn, nil, often)}
	account := replicas[0].db.account()
	exec := replicas[0].db.exec
	witness := replicas[1].dial(replicas[1].db.user(account))
	for name, c := range map[string]struct {
		sql    string
		code   int
		others int // the close code of the user's other session; 0 when it goes on
	}{
		"demoted":     {"update app_user set role = 'viewer' where id = (select user_id from session where id = $1)", 4403, 4403},
		"deactivated": {"update app_user set is_active = false where id = (select user_id from session where id = $1)", 4401, 4401},
		"signed out":  {"update session set revoked_at = now(), revoked_reason = 'logout' where id = $1", 4401, 0},
		"too old":     {"update session set expires_at = created_at where id = $1", 4401, 0},
	} {
		t.Run(name, func(t *testing.T) {
			u := replicas[0].db.user(account)
			exec("update app_user set role = 'admin' where id = $1", u.id)
			another := user{u.id, account, replicas[0].db.session(u.id)}
			var open, others []*client
			for _, r := range replicas {
				in := r.in(t)
				open, others = append(open, in.dial(u)), append(others, in.dial(another))
				// One that was renewed with the session is of that session then.
				moved := in.dial(another)
				moved.send(map[string]string{"type": "auth", "id": "a", "token": in.sign(u)})
				moved.wait("the response", func(f frame) bool { return f.Type == "ack" && f.ID == "a" })
				open = append(open, moved)
			}
			exec(c.sql, u.session)
			for i, socket := range open {
				if code := int(socket.closeCode()); code != c.code {
					t.Errorf("socket %d: close code %d", i, code)
				}
			}
			for i, socket := range others {
				if c.others == 0 {
					socket.send(map[string]string{"type": "ping", "id": "p"})
					socket.wait("pong", func(f frame) bool { return f.Type == "pong" })
				} else if code := int(socket.closeCode()); code != c.others {
					t.Errorf("other session, socket %d: close code %d", i, code)
				}
			}
		})
	}
	witness.send(map[string]string{"type": "ping", "id": "p"})
	witness.wait("pong", func(f frame) bool { return f.Type == "pong" })
}

// A socket tells why it refuses a token, as the REST API does. Mutation: Role gives one reason for all.
func TestService_reasons(t *testing.T) {
	s := start(t, pgtest.DSN(t), nil, func(o *app.Options) { o.Timing.SessionCheck = time.Hour })
	account := s.db.account()
	u := s.db.user(account)
	c := s.dial(u)
	for _, over := range [][2]string{
		{"revoked", "update session set revoked_at = now(), revoked_reason = 'logout' where id = $1"},
		{"expired", "update session set expires_at = now() where id = $1"},
		{"revoked", "delete from session where id = $1"},
		{"deactivated", "update app_user set is_active = false where id = (select user_id from session where id = $1)"},
	} {
		reason, session := over[0], s.db.session(u.id)
		s.db.exec(over[1], session)
		c.send(map[string]string{"type": "auth", "id": session.String(), "token": s.sign(user{u.id, account, session})})
		if f := c.wait("the response", func(f frame) bool { return f.ID == session.String() }); f.Code != "AUTH_ERROR" || f.Reason != reason {
			t.Errorf("%s: %+v", reason, f)
		}
	}
}

// One address pretends to be many.
// Mutation: ClientIPFromXFF treats every peer as a proxy.
func TestAttackForgedAddress(t *testing.T) {
	s := start(t, pgtest.DSN(t), []string{"MAX_CONNECTIONS_PER_ADDRESS=1"})
	account := s.db.account()
	s.dial(s.db.user(account))
	for _, header := range []string{"X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP", "CF-Connecting-IP"} {
		req := s.upgradeRequest(s.sign(s.db.user(account)))
		req.Header.Set(header, "198.51.100.7")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusTooManyRequests {
			t.Errorf("with %s: %s", header, resp.Status)
		}
	}
	s.metric(`driftsentry_realtime_limited_total{limit="address"} 5.0`)
}
