package hub_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/realtime/internal/hub"
)

// Whatever the kernel takes, wherever it cuts, however far a client falls behind: it gets every event of its topics
// once, whole and in order. Mutation: an event that the ring has moved past is stepped over instead of read.
func TestSubscriber_everything_arrives_once_and_in_order(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			clients, events := 30, 1500
			if seed == 0 {
				clients, events = 300, 300 // so many are served by several goroutines
			}
			s := newSource()
			h, _ := newHub(t, s, hub.Config{RingEvents: 20 + random.IntN(200), RingBytes: 1 << 12, Batch: 1 + random.IntN(40)})
			topics := []string{"drifts", "alerts", "checks"}
			peers := make([]*peer, clients)
			subs := make([]*hub.Subscriber, len(peers))
			for i := range peers {
				peers[i] = newPeer(random.IntN(2000))
				if i%3 == 0 {
					peers[i].room = -1
				}
				subs[i] = join(t, h, peers[i])
			}
			var wg sync.WaitGroup
			for i := range peers {
				wg.Go(func() {
					subscribe(t, subs[i], "", topics[i%3])
					if i%3 == 0 {
						return
					}
					// It reads a little at a time, while more is published.
					reading := rand.New(rand.NewPCG(seed, uint64(i)))
					for range 100 {
						peers[i].read(reading.IntN(300))
					}
					peers[i].read(-1)
				})
			}
			wg.Go(func() {
				for sent := 0; sent < events; {
					n := min(1+random.IntN(100), events-sent)
					publish(t, h, s.append(n, topics...))
					sent += n
				}
			})
			wg.Wait()
			for i, p := range peers {
				var want []int64
				for _, e := range s.events {
					if e.Topics[0] == topics[i%3] {
						want = append(want, e.Position)
					}
				}
				last := fmt.Sprintf("event %s:%d ", epoch, want[len(want)-1])
				p.wait(t, func(text string) bool {
					return strings.Contains(text[max(0, len(text)-100):], last) && strings.HasSuffix(text, "\n")
				})
				if got := p.positions(t); !slices.Equal(got, want) {
					t.Fatalf("client %d of topic %s got %d events, want %d", i, topics[i%3], len(got), len(want))
				}
			}
			for i := range subs {
				subs[i].Close([]byte("bye\n"))
				<-peers[i].done
				subs[i].Leave()
			}
			h.Wait()
			if len(h.Streams()) > 0 {
				t.Error("the stream is still followed without connections")
			}
		})
	}
}

// A client without progress for 10 s is given up; the others don't notice. Mutations: a write in part doesn't switch to
// catching up; catching up waits with the lock held, which the others need; a stall is not noticed.
func TestSubscriber_no_progress(t *testing.T) {
	s := newSource()
	h, tel := newHub(t, s, hub.Config{RingEvents: 10})
	synctest.Test(t, func(t *testing.T) {
		fast, stuck, slow := newPeer(-1), newPeer(40), newPeer(40)
		fastSub, stuckSub, slowSub := join(t, h, fast), join(t, h, stuck), join(t, h, slow)
		stuck.tooSlow = func() { stuckSub.Close([]byte("close 4408\n")) }
		for _, sub := range []*hub.Subscriber{fastSub, stuckSub, slowSub} {
			subscribe(t, sub, "", "drifts")
		}
		start := time.Now()
		publish(t, h, s.append(50, "drifts"))
		if n := len(fast.positions(t)); n != 50 || time.Since(start) > 0 {
			t.Errorf("the fast client has %d events after %v", n, time.Since(start))
		}
		synctest.Wait()
		if got := tel.Metrics(); !strings.Contains(got, "driftsentry_realtime_catching_up 2.0") {
			t.Error("the two slow ones are not counted as catching up")
		}
		// The slow one reads a byte now and then.
		for range 3 {
			time.Sleep(6 * time.Second) //nolint:forbidigo // The bubble's clock.
			slow.read(1)
		}
		synctest.Wait()
		if stuck.slow != 1 || slow.slow != 0 {
			t.Errorf("given up: stuck %d times, slow %d times", stuck.slow, slow.slow)
		}
		// When it reads after all, it gets the end of the frame that was cut, and why it was closed.
		stuck.read(-1)
		<-stuck.done
		if text := stuck.text(); !strings.HasSuffix(text, "\nclose 4408\n") || stuck.finished[0] != nil {
			t.Errorf("the stuck client's end is %q (%v)", text, stuck.finished)
		}
		slow.read(-1)
		synctest.Wait()
		if n := len(slow.positions(t)); n != 50 {
			t.Errorf("the slow client has %d events", n)
		}
		for _, sub := range []*hub.Subscriber{fastSub, stuckSub, slowSub} {
			sub.Leave()
		}
		h.Wait()
	})
}

// One that does not even read its end is cut off as long after.
func TestSubscriber_never_reads(t *testing.T) {
	s := newSource()
	h, _ := newHub(t, s, hub.Config{})
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(10)
		sub := join(t, h, p)
		p.tooSlow = func() { sub.Close([]byte("close\n")) }
		subscribe(t, sub, "", "drifts")
		start := time.Now()
		<-p.done
		if got := time.Since(start); got != 20*time.Second || p.finished[0] == nil {
			t.Errorf("it was cut off after %v (%v)", got, p.finished)
		}
		sub.Leave()
		h.Wait()
	})
}

// Mutations: the positions of a replay are not checked; the ring has no bound.
func TestSubscriber_events_trimmed_while_it_catches_up(t *testing.T) {
	s := newSource()
	h, _ := newHub(t, s, hub.Config{RingEvents: 5, Batch: 5})
	p := newPeer(60)
	sub := join(t, h, p)
	subscribe(t, sub, "", "drifts")
	publish(t, h, s.append(20, "drifts"))
	publish(t, h, s.append(20, "drifts"))
	s.trim(39)
	p.read(-1)
	p.wait(t, func(text string) bool { return strings.Contains(text, "resync trimmed e1:40\n") })
	publish(t, h, s.append(1, "drifts"))
	p.upTo(t, 41)
	if got := p.positions(t); !slices.IsSorted(got) || slices.Contains(got, 40) {
		t.Errorf("events %v", got)
	}
	sub.Close(nil)
	<-p.done
	sub.Leave()
	h.Wait()
}

// While the source is gone a connection waits for it, and is still closed at once when it has to be.
func TestSubscriber_source_gone(t *testing.T) {
	for name, c := range map[string]struct{ back bool }{"and back": {true}, "and the connection is closed": {false}} {
		t.Run(name, func(t *testing.T) {
			s := newSource()
			h, _ := newHub(t, s, hub.Config{RingEvents: 5})
			s.append(30, "drifts")
			synctest.Test(t, func(t *testing.T) {
				p := newPeer(-1)
				sub := join(t, h, p)
				s.mu.Lock()
				s.fail = errGone
				s.mu.Unlock()
				if err := sub.Subscribe(t.Context(), []string{"drifts"}, &event.Cursor{Epoch: epoch, Mark: event.Mark{Position: 3}}, nil); err == nil {
					t.Error("the window could be read")
				}
				s.mu.Lock()
				s.fail = nil
				s.mu.Unlock()
				stop := s.failEvents()
				subscribe(t, sub, "e1:3", "drifts")
				synctest.Wait()
				if c.back {
					stop()
					p.upTo(t, 30)
				}
				began := time.Now()
				sub.Close([]byte("bye\n"))
				<-p.done
				if !strings.HasSuffix(p.text(), "bye\n") || time.Since(began) > 0 {
					t.Errorf("after %v: %q", time.Since(began), p.text())
				}
				sub.Leave()
				h.Wait()
			})
		})
	}
}

func TestSubscriber_Send(t *testing.T) {
	t.Run("responses keep their order and are between whole frames", func(t *testing.T) {
		s := newSource()
		h, _ := newHub(t, s, hub.Config{})
		p := newPeer(3)
		sub := join(t, h, p)
		subscribe(t, sub, "", "drifts")
		publish(t, h, s.append(10, "drifts"))
		for i := range 5 {
			if err := sub.Send(fmt.Appendf(nil, "answer %d\n", i)); err != nil {
				t.Fatal(err)
			}
		}
		p.read(-1)
		p.wait(t, func(text string) bool {
			return strings.Contains(text, "event e1:10 ") && strings.HasSuffix(text, "\n")
		})
		if got := p.positions(t); len(got) != 10 {
			t.Errorf("events %v", got)
		}
		if want := "answer 0\nanswer 1\nanswer 2\nanswer 3\nanswer 4\n"; !strings.Contains(p.text(), want) {
			t.Errorf("the responses are not whole and in order:\n%s", p.text())
		}
		sub.Close(nil)
		<-p.done
		sub.Leave()
		h.Wait()
	})
	// Mutation: the queue of responses without its bound.
	t.Run("a client that does not read its responses gets no more", func(t *testing.T) {
		h, _ := newHub(t, newSource(), hub.Config{QueueBytes: 100})
		p := newPeer(0)
		sub := join(t, h, p)
		refused := 0
		for range 20 {
			if sub.Send([]byte("0123456789")) != nil {
				refused++
			}
		}
		// One response is being written, ten wait.
		if refused == 0 || refused < 8 {
			t.Errorf("%d of 20 were refused", refused)
		}
		p.read(-1)
		sub.Close(nil)
		<-p.done
		sub.Leave()
		h.Wait()
	})
	t.Run("heartbeats don't pile up for a subscriber that reads slowly", func(t *testing.T) {
		s := newSource()
		h, _ := newHub(t, s, hub.Config{})
		p := newPeer(12)
		sub := join(t, h, p)
		subscribe(t, sub, "", "drifts") // the ack takes all the room but one byte
		publish(t, h, s.append(5, "drifts"))
		for range 10 {
			sub.Beat([]byte("ping\n"))
		}
		p.read(-1)
		p.wait(t, func(text string) bool { return strings.Contains(text, "event e1:5 ") && strings.HasSuffix(text, "\n") })
		if n := strings.Count(p.text(), "ping\n"); n != 1 {
			t.Errorf("%d heartbeats:\n%s", n, p.text())
		}
		sub.Close(nil)
		<-p.done
		sub.Leave()
		h.Wait()
	})
	t.Run("a heartbeat has the position only for a subscribed client that keeps up", func(t *testing.T) {
		s := newSource()
		h, _ := newHub(t, s, hub.Config{})
		p := newPeer(-1)
		sub := join(t, h, p)
		sub.Beat([]byte("ping\n"))
		subscribe(t, sub, "", "alerts")
		publish(t, h, s.append(3, "drifts"))
		sub.Beat([]byte("ping\n"))
		if got, want := p.text(), "ping\nack alerts\nping\nposition e1:3\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		sub.Close(nil)
		sub.Leave()
	})
}
