package hub_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/realtime/internal/hub"
)

func TestSubscriber_Subscribe(t *testing.T) {
	const head = 100
	start := func(t *testing.T) (*source, *hub.Hub, *peer, *hub.Subscriber) {
		t.Helper()
		s := newSource()
		s.append(head, "drifts", "alerts")
		s.trim(20)
		h, _ := newHub(t, s, hub.Config{Batch: 7})
		p := newPeer(-1)
		sub := join(t, h, p)
		t.Cleanup(func() {
			sub.Close(nil)
			<-p.done
			sub.Leave()
			h.Wait()
		})
		return s, h, p, sub
	}
	expect := func(t *testing.T, h *hub.Hub, s *source, p *peer, prefix string, want []int64) {
		t.Helper()
		publish(t, h, s.append(1, "drifts"))
		want = append(want, head+1)
		p.wait(t, func(text string) bool { return strings.Contains(text, fmt.Sprintf("event %s:%d", epoch, head+1)) })
		if got := p.positions(t); !slices.Equal(got, want) {
			t.Errorf("events %v, want %v", got, want)
		}
		if !strings.HasPrefix(p.text(), prefix) {
			t.Errorf("it begins with %.60q, want %q", p.text(), prefix)
		}
	}
	odd := func(from, to int64) (list []int64) {
		for p := from; p <= to; p++ {
			if p%2 == 1 {
				list = append(list, p)
			}
		}
		return list
	}
	for name, c := range map[string]struct {
		after, prefix string
		want          []int64
	}{
		"without a cursor begins where the connection was opened": {"", "ack drifts\nevent", nil},
		"at the head":                 {"e1:100", "ack drifts\nevent", nil},
		"an old cursor":               {"e1:50", "ack drifts\nevent", odd(51, head)},
		"the oldest that is kept":     {"e1:20", "ack drifts\nevent", odd(21, head)},
		"older than what is kept":     {"e1:19", "resync trimmed e1:100\nack drifts\nevent", nil},
		"ahead":                       {"e1:101", "resync ahead e1:100\nack drifts\nevent", nil},
		"of another epoch":            {"e0:50", "resync epoch e1:100\nack drifts\nevent", nil},
		"of another epoch, and ahead": {"e2:5000", "resync epoch e1:100\nack drifts\nevent", nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, h, p, sub := start(t)
			subscribe(t, sub, c.after, "drifts")
			expect(t, h, s, p, c.prefix, c.want)
		})
	}
	t.Run("a cursor that is ahead of this replica only waits for it", func(t *testing.T) {
		s, h, p, sub := start(t)
		unread := s.append(2, "drifts") // committed, and not yet read here
		subscribe(t, sub, "e1:101", "drifts")
		publish(t, h, unread)
		p.upTo(t, 102)
		if got := p.positions(t); !slices.Equal(got, []int64{102}) {
			t.Errorf("events %v", got)
		}
	})
	t.Run("what happened before the first subscription comes", func(t *testing.T) {
		s, h, p, sub := start(t)
		publish(t, h, s.append(3, "alerts"))
		subscribe(t, sub, "", "alerts")
		p.upTo(t, 103)
		if got := p.positions(t); !slices.Equal(got, []int64{101, 102, 103}) {
			t.Errorf("events %v", got)
		}
	})
	t.Run("a second cursor is refused", func(t *testing.T) {
		_, _, _, sub := start(t)
		subscribe(t, sub, "e1:100", "drifts")
		if err := sub.Subscribe(t.Context(), []string{"alerts"}, &event.Cursor{Epoch: epoch, Mark: event.Mark{Position: 50}}, nil); err == nil {
			t.Error("no error")
		}
	})
	t.Run("topics come and go", func(t *testing.T) {
		s, h, p, sub := start(t)
		subscribe(t, sub, "", "drifts")
		publish(t, h, s.append(2, "drifts", "alerts"))
		subscribe(t, sub, "", "alerts", "drift:019a0000-0000-7000-8000-0000000000aa")
		publish(t, h, s.append(3, "drifts", "alerts", "drift:019a0000-0000-7000-8000-0000000000aa"))
		if err := sub.Unsubscribe([]string{"drifts", "checks"}, func(topics []string) []byte {
			return []byte("ack " + strings.Join(topics, ",") + "\n")
		}); err != nil {
			t.Fatal(err)
		}
		publish(t, h, s.append(2, "drifts", "alerts"))
		if got := p.positions(t); !slices.Equal(got, []int64{101, 103, 104, 105, 107}) {
			t.Errorf("events %v\n%s", got, p.text())
		}
		if !strings.Contains(p.text(), "ack alerts,drift:019a0000-0000-7000-8000-0000000000aa\n") {
			t.Errorf("the last ack does not list what is left:\n%s", p.text())
		}
	})
	t.Run("no more than so many topics", func(t *testing.T) {
		_, _, _, sub := start(t)
		for i := range hub.MaxTopics {
			subscribe(t, sub, "", fmt.Sprintf("drift:019a0000-0000-7000-8000-%012x", i))
		}
		if err := sub.Subscribe(t.Context(), []string{"drifts"}, nil, nil); err == nil {
			t.Error("no error")
		}
	})
}
