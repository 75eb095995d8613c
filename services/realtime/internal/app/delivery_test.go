package app_test

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/hint"
	"github.com/driftsentry/driftsentry/services/realtime/internal/app"
	"github.com/driftsentry/driftsentry/services/realtime/internal/hub"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

func TestService_delivers_in_order_and_completely(t *testing.T) {
	const writers, each = 4, 150
	s := start(t, pgtest.DSN(t), nil, func(o *app.Options) { o.Hub = hub.Config{RingEvents: 64, Batch: 16} })
	accounts := []uuid.UUID{s.db.account(), s.db.account()}
	clients := map[uuid.UUID][]*client{}
	for _, account := range accounts {
		for range 5 {
			clients[account] = append(clients[account], s.listen(s.db.user(account), "", "drifts"))
		}
	}
	var (
		wg sync.WaitGroup
		mu sync.Mutex
	)
	for _, account := range accounts {
		for range writers {
			db := connect(t, s.dsn)
			wg.Go(func() {
				for i := range each {
					db.publish(account, hinting(i%3 > 0), some(1+i%4)...)
				}
			})
		}
	}
	// Some come while it goes on, and some come back.
	for _, account := range accounts {
		wg.Go(func() {
			c := s.listen(s.db.user(account), "", "drifts")
			first := c.wait("its first event", func(f frame) bool { return f.Type == "event" })
			again := s.listen(s.db.user(account), first.Cursor, "drifts")
			mu.Lock()
			defer mu.Unlock()
			clients[account] = append(clients[account], again)
		})
	}
	wg.Wait()
	for _, account := range accounts {
		var head int64
		if err := s.db.conn.QueryRow(t.Context(), "select position from account_stream where account_id = $1", account).Scan(&head); err != nil {
			t.Fatal(err)
		}
		for i, c := range clients[account] {
			c.waitEvent(head)
			got := c.positions()
			if want := sequence(got[0], head); !slices.Equal(got, want) || i < 5 && got[0] != 1 {
				t.Errorf("client %d got %d events from %d, want %d", i, len(got), got[0], len(want))
			}
		}
	}
}

func TestService_accounts_are_isolated(t *testing.T) {
	s := start(t, pgtest.DSN(t), nil)
	mine, theirs := s.db.account(), s.db.account()
	c, other := s.listen(s.db.user(mine), "", "drifts"), s.listen(s.db.user(theirs), "", "drifts")
	s.db.publish(mine, hinted, some(5)...)
	c.waitEvent(5)
	s.db.publish(theirs, hinted, some(1)...)
	other.waitEvent(1)
	if got := other.positions(); len(got) != 1 {
		t.Errorf("another account got %v", got)
	}
}

// Mutation: the look at the heads does nothing.
func TestService_a_lost_hint_is_healed(t *testing.T) {
	s := start(t, pgtest.DSN(t), nil, quickly)
	account := s.db.account()
	c := s.listen(s.db.user(account), "", "drifts")
	s.db.publish(account, unhinted, some(3)...)
	c.waitEvent(3)
	s.metric(`driftsentry_realtime_healed_total 1.0`)
}

// quickly looks at the heads often.
func quickly(o *app.Options) { o.Feed.HeadCheck = 5 * time.Millisecond }

// seldom leaves everything to the hints.
func seldom(o *app.Options) { o.Feed.HeadCheck = time.Hour }

func TestService_hints_alone_deliver(t *testing.T) {
	s := start(t, pgtest.DSN(t), nil, seldom)
	account := s.db.account()
	s.metric(`driftsentry_realtime_listening 1.0`)
	c := s.listen(s.db.user(account), "", "drifts")
	for range 20 {
		c.waitEvent(s.db.publish(account, hinted, some(3)...))
	}
	t.Run("a hint that lies does nothing", func(*testing.T) {
		for _, payload := range []string{"nonsense", "", account.String() + ":1000000", account.String() + ":1", uuid.NewString() + ":7", account.String() + ":-1"} {
			s.db.exec("select pg_notify($1, $2)", hint.Channel, payload)
		}
		c.waitEvent(s.db.publish(account, hinted, some(1)...))
		s.metric(`driftsentry_realtime_hints_total{outcome="invalid"} 3.0`)
		s.metric(`driftsentry_realtime_stream_lag 0.0`)
	})
}

func TestService_listening_connection_killed(t *testing.T) {
	s := start(t, pgtest.DSN(t), nil, seldom)
	account := s.db.account()
	c := s.listen(s.db.user(account), "", "drifts")
	for range 3 {
		s.eventually("listening", func() bool {
			var n int
			err := s.db.conn.QueryRow(t.Context(), "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and query like '%listen %' and pid <> pg_backend_pid()").Scan(&n)
			if err != nil {
				t.Fatal(err)
			}
			return n > 0
		})
		// Nobody hears this hint; the look at the heads that follows a new connection heals it.
		c.waitEvent(s.db.publish(account, hinted, some(2)...))
	}
	if got := c.positions(); !slices.Equal(got, sequence(1, 6)) {
		t.Errorf("events %v", got)
	}
}

func TestService_resume(t *testing.T) {
	s := start(t, pgtest.DSN(t), nil, func(o *app.Options) { o.Hub = hub.Config{RingEvents: 10, Batch: 7} })
	account := s.db.account()
	u := s.db.user(account)
	s.db.publish(account, hinted, some(100)...)
	s.db.exec("delete from event where account_id = $1 and position <= 20", account)
	s.db.exec("update account_stream set trimmed_to = 20 where account_id = $1", account)
	epoch, _, _ := strings.Cut(s.dial(u).cursor(), ":")
	at := func(position int64) string { return event.Cursor{Epoch: epoch, Position: position}.String() }
	keeper := s.listen(u, "", "drifts") // so that there is a ring
	head := s.db.publish(account, hinted, some(20)...)
	keeper.waitEvent(head)

	for name, c := range map[string]struct {
		after  func() string
		resync string
		from   func() int64
	}{
		"at the head":             {func() string { return at(head) }, "", func() int64 { return head + 1 }},
		"in the ring":             {func() string { return at(head - 5) }, "", func() int64 { return head - 4 }},
		"older than the ring":     {func() string { return at(50) }, "", func() int64 { return 51 }},
		"the oldest that is kept": {func() string { return at(20) }, "", func() int64 { return 21 }},
		"older than what is kept": {func() string { return at(19) }, "trimmed", func() int64 { return head + 1 }},
		"zero":                    {func() string { return at(0) }, "trimmed", func() int64 { return head + 1 }},
		"ahead":                   {func() string { return at(head + 1000) }, "ahead", func() int64 { return head + 1 }},
		"of another epoch":        {func() string { return "otherepoch:50" }, "epoch", func() int64 { return head + 1 }},
		"none":                    {func() string { return "" }, "", func() int64 { return head + 1 }},
	} {
		t.Run(name, func(t *testing.T) {
			client, from := s.in(t).listen(u, c.after(), "drifts"), c.from()
			if c.resync != "" {
				f := client.wait("resync", func(f frame) bool { return f.Type == "resync" })
				if f.Reason != c.resync || f.Cursor != at(head) {
					t.Errorf("got %+v", f)
				}
			}
			next := s.db.publish(account, hinted, some(2)...)
			client.waitEvent(next)
			if got := client.positions(); !slices.Equal(got, sequence(from, next)) {
				t.Errorf("got %d events from %v, want from %d to %d", len(got), got[0], from, next)
			}
		})
		head = s.db.publish(account, hinted, some(1)...)
		keeper.waitEvent(head)
	}
	t.Run("again and again, without a gap or a double", func(t *testing.T) {
		var all []int64
		cursor := at(30)
		for i := range 10 {
			client := s.in(t).listen(u, cursor, "drifts")
			last := s.db.publish(account, hinted, some(3+i)...)
			client.waitEvent(last)
			all = append(all, client.positions()...)
			cursor = client.cursor()
			_ = client.conn.CloseNow()
		}
		if want := sequence(31, all[len(all)-1]); !slices.Equal(all, want) {
			t.Errorf("got %v", all)
		}
	})
}

func TestService_another_epoch(t *testing.T) {
	s := start(t, pgtest.DSN(t), nil, quickly)
	account := s.db.account()
	s.db.publish(account, hinted, some(9)...)
	c := s.listen(s.db.user(account), "", "drifts")
	c.waitEvent(s.db.publish(account, hinted, some(1)...))
	// A backup of long ago is restored.
	s.db.exec("update stream_epoch set epoch = 'restored'")
	s.db.exec("delete from event where position > 5")
	s.db.exec("update account_stream set position = 5")
	f := c.wait("resync", func(f frame) bool { return f.Type == "resync" })
	if f.Reason != "epoch" {
		t.Errorf("got %+v", f)
	}
	s.eventually("the new epoch's event", func() bool {
		s.db.publish(account, hinted, some(1)...)
		return strings.HasPrefix(c.cursor(), "restored:")
	})
}

// A client that never reads delays nobody, and is given up.
func TestService_slow_client(t *testing.T) {
	s := start(t, pgtest.DSN(t), nil, func(o *app.Options) { o.Hub.Stall = 300 * time.Millisecond })
	account := s.db.account()
	u := s.db.user(account)
	deaf := s.raw(u, 2048)
	clients := make([]*client, 10)
	for i := range clients {
		clients[i] = s.listen(u, "", "drifts")
	}
	var head int64
	for range 10 {
		head = s.db.publish(account, hinted, some(250)...)
	}
	for i, c := range clients {
		c.waitEvent(head)
		if got := c.positions(); !slices.Equal(got, sequence(1, head)) {
			t.Errorf("client %d got %d events", i, len(got))
		}
	}
	s.metric(`driftsentry_realtime_closes_total{code="4408"} 1.0`)
	s.metric(`driftsentry_realtime_catching_up 0.0`)
	_ = deaf
}

// One that reads after all learns why it was closed, at the end of whole frames.
func TestService_slow_client_reads_its_end(t *testing.T) {
	s := start(t, pgtest.DSN(t), nil, func(o *app.Options) { o.Hub.Stall = 500 * time.Millisecond })
	account := s.db.account()
	late := s.raw(s.db.user(account), 0)
	s.db.publish(account, hinted, some(4000)...)
	s.metric(`driftsentry_realtime_closes_total{code="4408"} 1.0`)
	var positions []int64
	for {
		op, payload := late.next(t)
		if op == 8 {
			if code := int(payload[0])<<8 | int(payload[1]); code != 4408 {
				t.Errorf("close code %d", code)
			}
			break
		}
		if _, rest, ok := strings.Cut(string(payload), `"position":`); ok {
			digits, _, _ := strings.Cut(rest, ",")
			p, err := strconv.ParseInt(digits, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			positions = append(positions, p)
		}
	}
	if len(positions) == 0 || !slices.Equal(positions, sequence(1, int64(len(positions)))) {
		t.Errorf("it read %d events: %v …", len(positions), positions[:min(5, len(positions))])
	}
}

func TestService_postgres_gone_and_back(t *testing.T) {
	cluster := pgtest.Cluster(t)
	s := start(t, cluster.DSN("driftsentry"), []string{"DATABASE_CONNECT_TIMEOUT=1s", "DATABASE_ACQUIRE_TIMEOUT=1s"}, quickly)
	account := s.db.account()
	u := s.db.user(account)
	c := s.listen(u, "", "drifts")
	c.waitEvent(s.db.publish(account, hinted, some(3)...))
	if err := cluster.StopImmediate(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.eventually("not ready", func() bool { return s.get("/health/ready").StatusCode == 503 })
	c.send(map[string]string{"type": "ping"})
	c.wait("pong", func(f frame) bool { return f.Type == "pong" })
	if err := cluster.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	db := connect(t, s.dsn)
	c.waitEvent(db.publish(account, hinted, some(2)...))
	if got := c.positions(); !slices.Equal(got, sequence(1, 5)) {
		t.Errorf("events %v", got)
	}
	s.eventually("ready again", func() bool { return s.get("/health/ready").StatusCode == 200 })
	if n := strings.Count(s.tel.Output(), "the event streams can't be read"); n != 1 {
		t.Errorf("the outage was told %d times", n)
	}
	if strings.Contains(s.tel.Output(), "unexpected error") {
		t.Error("an outage was reported as an unexpected error")
	}
}
