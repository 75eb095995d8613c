package history

import (
	"fmt"
	"slices"
)

// Check returns the broken promises, or nothing.
func Check(calls []Call, listeners []Listener, s State) []string {
	c := checker{calls: calls, state: s}
	c.stream()
	c.changes()
	c.writes()
	c.reads()
	for _, l := range listeners {
		c.listener(l)
	}
	return c.broken
}

type checker struct {
	calls  []Call
	state  State
	broken []string
}

func (c *checker) fail(format string, args ...any) {
	c.broken = append(c.broken, fmt.Sprintf(format, args...))
}

// stream: every position from 1 to the head is there once, and no event has two.
func (c *checker) stream() {
	ids := map[string]int64{}
	for i, e := range c.state.Events {
		if want := int64(i + 1); e.Position != want {
			c.fail("the stream has position %d where %d should be", e.Position, want)
			return
		}
		if other, twice := ids[e.ID]; twice {
			c.fail("event %s has the positions %d and %d", e.ID, other, e.Position)
		}
		ids[e.ID] = e.Position
	}
	if n := int64(len(c.state.Events)); n != c.state.Head {
		c.fail("the stream's head is %d and it has %d events", c.state.Head, n)
	}
}

// change is one version of a drift.
type change struct {
	drift   string
	version int
	action  string
}

// changes: each has one audit row and one event, a drift's versions have no gap and its row is the last of them; there is
// at most one decision between two openings.
func (c *checker) changes() {
	events, audit := map[change]int{}, map[change]int{}
	last, decided := map[string]Event{}, map[string]string{}
	for _, e := range c.state.Events {
		if e.Drift == "" {
			continue
		}
		events[change{e.Drift, e.Version, e.Type}]++
		if before := last[e.Drift]; e.Version != before.Version+1 {
			c.fail("drift %s went from version %d to %d at position %d", e.Drift, before.Version, e.Version, e.Position)
		}
		last[e.Drift] = e
		switch e.Type {
		case "drift.approved", "drift.rejected":
			if other := decided[e.Drift]; other != "" {
				c.fail("drift %s was decided twice: %q and %q", e.Drift, other, e.Reason)
			}
			decided[e.Drift] = e.Reason
		case "drift.reopened":
			delete(decided, e.Drift)
		}
	}
	for _, a := range c.state.Audit {
		audit[change{a.Drift, a.Version, a.Action}]++
	}
	for k, n := range events {
		if n != 1 || audit[k] != 1 {
			c.fail("%s of drift %s (version %d) has %d events and %d audit rows", k.action, k.drift, k.version, n, audit[k])
		}
	}
	for k, n := range audit {
		if events[k] == 0 {
			c.fail("%s of drift %s (version %d) has %d audit rows and no event", k.action, k.drift, k.version, n)
		}
	}
	for id, d := range c.state.Drifts {
		if e := last[id]; e.Version != d.Version || e.Status != d.Status {
			c.fail("drift %s is %s at version %d, its last event says %s at version %d", id, d.Status, d.Version, e.Status, e.Version)
		}
	}
}

// writes: an acknowledged write is there once, a refused one is not, and no write is there twice.
func (c *checker) writes() {
	created, decisions := map[string]int{}, map[string][]Event{}
	for _, d := range c.state.Drifts {
		created[d.Resource]++
	}
	for _, e := range c.state.Events {
		if e.Type == "drift.approved" || e.Type == "drift.rejected" {
			decisions[e.Reason] = append(decisions[e.Reason], e)
		}
	}
	for _, call := range c.calls {
		n := 0
		switch call.Kind {
		case Create:
			n = created[call.Token]
			if d := c.state.Drifts[call.ID]; call.Acknowledged() && d.Resource != call.Token {
				c.fail("client %d got the response that %s is drift %s, which is %q", call.Client, call.Token, call.ID, d.Resource)
			}
		case Decide:
			made := decisions[call.Token]
			n = len(made)
			if n > 0 && (made[0].Drift != call.ID || made[0].Type != "drift."+call.Action) {
				c.fail("client %d had drift %s %s, and %s was %s", call.Client, call.ID, call.Action, made[0].Drift, made[0].Type)
			}
		case Ingest:
			if call.Acknowledged() && !slices.Contains(c.state.Checks, call.ID) {
				c.fail("client %d got a response with the check %s, which does not exist", call.Client, call.ID)
			}
			continue
		case Read:
			continue
		}
		switch {
		case n > 1:
			c.fail("client %d's %s %s exists %d times", call.Client, call.Kind, call.Token, n)
		case call.Acknowledged() && n == 0:
			c.fail("client %d's %s %s was acknowledged (%v) and lost", call.Client, call.Kind, call.Token, call.Attempts)
		case call.Refused() && n > 0:
			c.fail("client %d's %s %s was refused (%v) but exists", call.Client, call.Kind, call.Token, call.Attempts)
		}
	}
}

// reads: the versions of a drift that a client sees never decrease.
func (c *checker) reads() {
	type key struct {
		client int
		drift  string
	}
	known := map[key]int{}
	for _, call := range c.calls {
		if call.Kind == Ingest || !call.Acknowledged() {
			continue
		}
		k := key{call.Client, call.ID}
		if call.Version < known[k] {
			c.fail("client %d read version %d of drift %s after version %d", call.Client, call.Version, call.ID, known[k])
		}
		known[k] = max(known[k], call.Version)
	}
}

// listener: it gets every event after its start, none skipped and none out of order.
func (c *checker) listener(l Listener) {
	has := l.From // up to here, without a gap
	for i, connection := range l.Connections {
		for j, seen := range connection {
			switch {
			case seen.Position > has+1:
				c.fail("%s: connection %d skips from position %d to %d", l.Name, i+1, has, seen.Position)
			case j > 0 && seen.Position <= connection[j-1].Position:
				c.fail("%s: connection %d goes back from position %d to %d", l.Name, i+1, connection[j-1].Position, seen.Position)
			case seen.Position < 1 || seen.Position > int64(len(c.state.Events)):
				c.fail("%s saw position %d, which does not exist", l.Name, seen.Position)
			case c.state.Events[seen.Position-1].ID != seen.ID:
				c.fail("%s saw event %s at position %d, where %s is", l.Name, seen.ID, seen.Position, c.state.Events[seen.Position-1].ID)
			}
			has = max(has, seen.Position)
		}
	}
	if has != c.state.Head {
		c.fail("%s ended at position %d, the stream at %d", l.Name, has, c.state.Head)
	}
}
