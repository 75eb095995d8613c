package hub_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/realtime/internal/hub"
)

// counting is a source that counts how often events are read from it.
type counting struct {
	*source
	reads atomic.Int64
	after atomic.Int64 // of the last read
}

func (c *counting) Events(ctx context.Context, account uuid.UUID, after int64, limit int) ([]event.Event, error) {
	c.reads.Add(1)
	c.after.Store(after)
	return c.source.Events(ctx, account, after, limit)
}

// behind makes peers that have all to catch up from a position of their own before any of them can write.
func behind(t *testing.T, h *hub.Hub, n int) []*peer {
	t.Helper()
	peers := make([]*peer, n)
	for i := range peers {
		peers[i] = newPeer(0)
		subscribe(t, join(t, h, peers[i]), fmt.Sprintf("e1:%d", i), "drifts")
	}
	return peers
}

// Mutations: parts are not kept; a part begins where the connection is; the cache is emptied when the first connection
// has caught up.
func TestReplays_are_read_once_for_all(t *testing.T) {
	const connections, events, batch = 20, 200, 10
	s := &counting{source: newSource()}
	s.append(events, "drifts")
	h, _ := newHub(t, s, hub.Config{RingEvents: 5, Batch: batch})
	peers := behind(t, h, connections)
	for _, p := range peers {
		p.read(-1)
	}
	for i, p := range peers {
		p.upTo(t, 200)
		if got := p.positions(t); len(got) != events-i || got[0] != int64(i+1) || !slices.IsSorted(got) {
			t.Errorf("after %d: %v", i, got)
		}
	}
	if n := s.reads.Load(); n != events/batch {
		t.Errorf("the source was read %d times for %d connections, not %d", n, connections, events/batch)
	}
	h.Wait()
	// Nothing is cached without a connection that catches up.
	p := behind(t, h, 1)[0]
	p.read(-1)
	p.upTo(t, 200)
	if n := s.reads.Load(); n != 2*events/batch {
		t.Errorf("the source was read %d times in all, not %d", n, 2*events/batch)
	}
}

// The cache has a bound: a later connection reads again.
func TestReplays_keep_no_more_than_they_may(t *testing.T) {
	s := &counting{source: newSource()}
	s.append(200, "drifts")
	h, _ := newHub(t, s, hub.Config{RingEvents: 5, Batch: 10, ReplayBytes: 700})
	peers := behind(t, h, 2)
	for i, p := range peers { // One after the other.
		p.read(-1)
		p.upTo(t, 200)
		if got := p.positions(t); len(got) != 200-i || !slices.IsSorted(got) {
			t.Errorf("after %d: %v", i, got)
		}
	}
	if n := s.reads.Load(); n != 40 {
		t.Errorf("the source was read %d times, not 40", n)
	}
}

// The newest part grows: as long as it isn't complete, it is not kept.
func TestReplays_of_a_growing_stream(t *testing.T) {
	s := &counting{source: newSource()}
	s.append(204, "drifts")
	h, _ := newHub(t, s, hub.Config{RingEvents: 5, Batch: 10})
	for i, p := range behind(t, h, 3) {
		p.read(-1)
		p.upTo(t, h.Streams()[0].Head())
		if i == 0 {
			publish(t, h, s.append(6, "drifts"))
		}
	}
	// Twenty complete parts and the incomplete one for the first, which that one is for the other two when it is
	// complete.
	if n := s.reads.Load(); n != 22 {
		t.Errorf("the source was read %d times, not 22", n)
	}
}

// A connection that missed little of an incomplete part reads no more than that.
func TestReplays_of_the_newest_part(t *testing.T) {
	s := &counting{source: newSource()}
	s.append(208, "drifts")
	h, _ := newHub(t, s, hub.Config{RingEvents: 5, Batch: 10})
	p := newPeer(-1)
	subscribe(t, join(t, h, p), "e1:206", "drifts")
	p.upTo(t, 208)
	if n, after := s.reads.Load(), s.after.Load(); n != 1 || after != 206 {
		t.Errorf("%d reads, the last after %d", n, after)
	}
}

// hanging is a source whose events never come.
type hanging struct {
	*source
	asked chan context.Context
}

func (s hanging) Events(ctx context.Context, _ uuid.UUID, _ int64, _ int) ([]event.Event, error) {
	s.asked <- ctx
	<-ctx.Done()
	return nil, ctx.Err()
}

// A read is for all who wait for it: it goes on when the first leaves, and ends with the last, and then nothing is left
// of it. Mutations: it ends with the first; it doesn't end.
func TestReplays_end_with_the_last(t *testing.T) {
	s := hanging{newSource(), make(chan context.Context, 2)}
	s.append(40, "drifts")
	h, _ := newHub(t, s, hub.Config{RingEvents: 5, Batch: 10})
	synctest.Test(t, func(t *testing.T) {
		peers, subs := [2]*peer{newPeer(-1), newPeer(-1)}, [2]*hub.Subscriber{}
		come := func(i int) {
			subs[i] = join(t, h, peers[i])
			subscribe(t, subs[i], fmt.Sprintf("e1:%d", i), "drifts")
		}
		come(0)
		reading := <-s.asked
		come(1)
		synctest.Wait()
		for i := range peers {
			if err := reading.Err(); err != nil {
				t.Errorf("the read has ended with %d left: %v", 2-i, err)
			}
			subs[i].Close(nil)
			<-peers[i].done
			synctest.Wait()
		}
		if reading.Err() == nil {
			t.Error("the read goes on without a waiting connection")
		}
		h.Wait()
		if len(s.asked) > 0 {
			t.Error("the two did not share a read")
		}
	})
}

// The part of a position may begin before the oldest stored event, and end before the part's end.
func TestReplays_of_a_trimmed_stream(t *testing.T) {
	s := newSource()
	s.append(34, "drifts")
	s.trim(13)
	h, _ := newHub(t, s, hub.Config{RingEvents: 5, Batch: 10})
	p := newPeer(-1)
	subscribe(t, join(t, h, p), "e1:15", "drifts")
	p.upTo(t, 34)
	if got := p.positions(t); len(got) != 19 || got[0] != 16 || strings.Contains(p.text(), "resync") {
		t.Errorf("%v in %q", got, p.text())
	}
}

// fragile can't encode one of the events.
type fragile struct{ lines }

func (f fragile) Event(to *bytes.Buffer, e event.Event, at event.Cursor) {
	if e.Position == 15 {
		panic(errors.New("event 15"))
	}
	f.lines.Event(to, e, at)
}

// A panic closes only the connections that need the event, not even one that is past it in the same part.
func TestReplays_panic(t *testing.T) {
	s := newSource()
	s.append(40, "drifts")
	h, _ := newHubWith(t, s, hub.Config{RingEvents: 5, Batch: 10}, fragile{})
	wanted, other := newPeer(-1), newPeer(-1)
	subscribe(t, join(t, h, wanted), "e1:5", "drifts")
	subscribe(t, join(t, h, other), "e1:15", "drifts")
	<-wanted.done
	if err := errors.Join(wanted.finished...); err == nil || !strings.Contains(err.Error(), "event 15") {
		t.Errorf("finished with %v", err)
	}
	other.upTo(t, 40)
}
