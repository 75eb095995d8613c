package app_test

import (
	"slices"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/hint"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// TestService_a_hole_is_waited_out: a position that is counted and not there can't be, and must not make the service spin,
// nor step over it.
func TestService_a_hole_is_waited_out(t *testing.T) {
	s := start(t, pgtest.DSN(t), nil, seldom)
	account := s.db.account()
	s.metric(`driftsentry_realtime_listening 1.0`)
	c := s.listen(s.db.user(account), "", "drifts")
	c.waitEvent(s.db.publish(account, hinted, some(1)...))

	s.db.publish(account, unhinted, some(1)...)
	s.db.exec("create table kept as select * from event where account_id = $1 and position = 2", account)
	s.db.exec("delete from event where account_id = $1 and position = 2", account)
	s.db.publish(account, hinted, some(1)...)
	s.eventually("the hole is noticed", func() bool {
		return slices.ContainsFunc(s.tel.Logs(), func(l map[string]any) bool {
			return l["error.message"] == "the stream has a hole after position 1"
		})
	})

	s.db.exec("insert into event select * from kept")
	s.db.exec("select pg_notify($1, $2)", hint.Channel, account.String()+":4")
	c.waitEvent(3)
	if got := c.positions(); !slices.Equal(got, sequence(1, 3)) {
		t.Errorf("events %v", got)
	}
	reads := 0
	for _, span := range s.tel.Spans() {
		if span.Name == "read events" {
			reads++
		}
	}
	if reads > 8 {
		t.Errorf("the stream was read %d times", reads)
	}
}
