package app_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/hint"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// lose takes the stream back to a position, as a standby does that had missed the rest and is promoted, and gives the
// positions after it to n other events.
func (d *database) lose(account uuid.UUID, to int64, n int) {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	err := pgx.BeginFunc(d.t.Context(), d.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(d.t.Context(), "delete from event where account_id = $1 and position > $2", account, to); err != nil {
			return err
		}
		if _, err := tx.Exec(d.t.Context(), "update account_stream set position = $2 where account_id = $1", account, to); err != nil || n == 0 {
			return err
		}
		_, err := publish(d.t.Context(), tx.Conn(), account, some(n))
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

// at is the cursor of the event that stands at a position now.
func (d *database) at(account uuid.UUID, position int64) string {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	var epoch string
	var id uuid.UUID
	if err := d.conn.QueryRow(d.t.Context(), "select epoch, id from stream_epoch, event where account_id = $1 and position = $2",
		account, position).Scan(&epoch, &id); err != nil {
		d.t.Fatal(err)
	}
	return event.Cursor{Epoch: epoch, Mark: event.Mark{Position: position, Tag: event.TagOf(id)}}.String()
}

func (c *client) waitResync(reason string) {
	c.t.Helper()
	c.wait("resync "+reason, func(f frame) bool { return f.Type == "resync" && f.Reason == reason })
}

// TestService_positions_given_twice: after the database has lost events under the same epoch, positions are given to other
// events. Clients that saw the lost ones are told to reload, and none
// gets a stream that is half of the one and half of the other.
func TestService_positions_given_twice(t *testing.T) {
	t.Run("the head goes back", func(t *testing.T) {
		s := start(t, pgtest.DSN(t), nil, quickly)
		account := s.db.account()
		c := s.listen(s.db.user(account), "", "drifts")
		s.db.publish(account, hinted, some(6)...)
		c.waitEvent(6)
		s.db.lose(account, 3, 0)
		c.waitResync("ahead")
		s.db.publish(account, hinted, some(1)...)
		c.waitEvent(4)
	})
	t.Run("the head is the same position with another event", func(t *testing.T) {
		s := start(t, pgtest.DSN(t), nil, quickly)
		account := s.db.account()
		c := s.listen(s.db.user(account), "", "drifts")
		s.db.publish(account, hinted, some(6)...)
		c.waitEvent(6)
		s.db.lose(account, 3, 3)
		c.waitResync("epoch")
	})
	t.Run("the stream has grown beyond the position", func(t *testing.T) {
		s := start(t, pgtest.DSN(t), nil, quickly)
		account := s.db.account()
		c := s.listen(s.db.user(account), "", "drifts")
		s.db.publish(account, hinted, some(6)...)
		c.waitEvent(6)
		s.db.lose(account, 3, 7)
		c.waitResync("epoch")
		if got := c.positions(); len(got) != 6 {
			t.Errorf("events of the new stream came before the client was told: %v", got)
		}
	})
	t.Run("a hint tells it before the heads are looked at", func(t *testing.T) {
		s := start(t, pgtest.DSN(t), nil, seldom)
		account := s.db.account()
		c := s.listen(s.db.user(account), "", "drifts")
		s.db.publish(account, hinted, some(6)...)
		c.waitEvent(6)
		s.db.lose(account, 3, 3)
		m := event.Mark{Position: 6, Tag: 12345}
		s.db.exec("select pg_notify($1, $2)", hint.Channel, hint.Hint{AccountID: account, Mark: m}.String())
		c.waitResync("epoch")
	})
}

// TestService_resume_proves_its_place: a cursor of an event that the database has lost leads nowhere, though its position was
// given again.
func TestService_resume_proves_its_place(t *testing.T) {
	s := start(t, pgtest.DSN(t), nil, seldom)
	account := s.db.account()
	c := s.listen(s.db.user(account), "", "drifts")
	s.db.publish(account, hinted, some(6)...)
	c.waitEvent(6)
	lost := c.cursor()
	if strings.Count(lost, ":") != 2 {
		t.Fatalf("the cursor %q has no tag", lost)
	}
	s.db.lose(account, 3, 6)
	t.Run("a client that knows more than the replica makes it look", func(t *testing.T) {
		again := s.in(t).listen(s.db.user(account), s.db.at(account, 5), "drifts")
		again.waitEvent(9)
		c.waitResync("epoch")
		if got := again.positions(); len(got) != 4 {
			t.Errorf("positions %v", got)
		}
	})
	t.Run("a lost event", func(t *testing.T) {
		again := s.in(t).listen(s.db.user(account), lost, "drifts")
		again.waitResync("epoch")
	})
	t.Run("an event that was kept", func(t *testing.T) {
		again := s.in(t).listen(s.db.user(account), s.db.at(account, 2), "drifts")
		again.waitEvent(9)
	})
	t.Run("a cursor of the version before, without a tag", func(t *testing.T) {
		epoch, _, _ := strings.Cut(lost, ":")
		again := s.in(t).listen(s.db.user(account), epoch+":7", "drifts")
		again.waitEvent(9)
	})
}
