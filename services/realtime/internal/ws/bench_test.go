package ws_test

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	gobwas "github.com/gobwas/ws"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/realtime/internal/hub"
	"github.com/driftsentry/driftsentry/services/realtime/internal/ws"
)

// benchBody is about what an approval is.
var benchBody = []byte(`{"specversion":"1.0","id":"01999f6c-0a4e-7c55-9d2c-6f2f0f9a1b09","source":"/driftsentry/api","type":"drift.approved","subject":"01999f6c-0a4e-7c55-9d2c-6f2f0f9a1b04","time":"2026-03-02T10:00:00.000Z","datacontenttype":"application/json","data":{"id":"01999f6c-0a4e-7c55-9d2c-6f2f0f9a1b04","workspace":"network-prod","status":"approved"}}`)

// openMany opens sockets of one caller that only read what they are asked to.
func openMany(b *testing.B, s *server, n int) []*client {
	b.Helper()
	me := newCaller()
	clients := make([]*client, n)
	for i := range clients {
		clients[i] = s.dialAs(me)
		clients[i].stay()
	}
	return clients
}

// stay lets what comes next take as long as the benchmark.
func (c *client) stay() {
	if err := c.conn.SetDeadline(time.Time{}); err != nil {
		c.t.Fatal(err)
	}
}

// BenchmarkDelivery is the whole way of one event to 1,000 sockets, except the database and the clients' reading.
func BenchmarkDelivery(b *testing.B) {
	const sockets = 1000
	s := newServer(b)
	for _, c := range openMany(b, s, sockets) {
		c.send(`{"type":"subscribe","id":"1","topics":["drifts"]}`)
		c.message()
		c.stay()
		go func() { _, _ = io.Copy(io.Discard, c.in) }()
	}
	stream := s.hub.Streams()[0]
	position := stream.Head()
	b.ReportAllocs()
	for b.Loop() {
		position++
		e := event.Event{Position: position, Topics: []string{"drifts"}, Body: benchBody, CreatedAt: time.Now()}
		if err := stream.Publish([]event.Event{e}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/sockets, "ns/delivery")
}

// BenchmarkStalled tells by how much ten clients that read nothing delay 990 others: how much later after its
// publishing the last of the others has an event, compared with a server beside it that has no such clients. The two
// take turns.
func BenchmarkStalled(b *testing.B) {
	with, without := newAudience(b, 10), newAudience(b, 0)
	var delays []float64
	for b.Loop() {
		delays = append(delays, (with.publish(b, 1)-without.publish(b, 1)).Seconds()*1000)
	}
	slices.Sort(delays)
	b.ReportMetric(delays[len(delays)/2], "ms-delay-p50")
	b.ReportMetric(delays[len(delays)*9/10], "ms-delay-p90")
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(2*b.N), "ms-an-event")
}

// audience is a thousand sockets that listen, some of which read nothing.
type audience struct {
	stream   *hub.Stream
	readers  int
	position int64
	missing  sync.WaitGroup // what the readers don't have yet
}

func newAudience(b *testing.B, stalled int) *audience {
	b.Helper()
	const sockets = 1000
	s := newServer(b, func(c *ws.Config) { c.Heartbeat = 24 * time.Hour })
	me := newCaller()
	a := &audience{readers: sockets - stalled}
	for i := range sockets {
		s.dialer.Control = nil
		if i < stalled {
			s.dialer.Control = ws.SmallBuffer
		}
		c := s.dialAs(me)
		c.send(`{"type":"subscribe","id":"1","topics":["drifts"]}`)
		c.message()
		c.stay()
		if i >= stalled {
			go c.count(a.missing.Done)
		}
	}
	a.stream = s.hub.Streams()[0]
	a.position = a.stream.Head()
	a.publish(b, 2000) // more than the kernel keeps for those who don't read
	s.metric(fmt.Sprintf("driftsentry_realtime_catching_up %d.0", stalled))
	return a
}

// publish gives the time until all readers have n events.
func (a *audience) publish(b *testing.B, n int) time.Duration {
	b.Helper()
	events := make([]event.Event, n)
	for i := range events {
		a.position++
		events[i] = event.Event{Position: a.position, Topics: []string{"drifts"}, Body: benchBody, CreatedAt: time.Now()}
	}
	a.missing.Add(n * a.readers)
	start := time.Now()
	if err := a.stream.Publish(events); err != nil {
		b.Fatal(err)
	}
	a.missing.Wait()
	return time.Since(start)
}

// count reads events until the connection ends, and reports each.
func (c *client) count(one func()) {
	for {
		h, err := gobwas.ReadHeader(c.in)
		if err != nil {
			return
		}
		if _, err := c.in.Discard(int(h.Length)); err != nil {
			return
		}
		if h.OpCode == gobwas.OpText {
			one()
		}
	}
}

// BenchmarkWrite is the floor of BenchmarkDelivery: one bare write for each socket, to the same clients.
func BenchmarkWrite(b *testing.B) {
	const sockets = 1000
	conns := make([]net.Conn, sockets)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	for i := range conns {
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		if conns[i], err = l.Accept(); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = client.Close() })
		b.Cleanup(func() { _ = conns[i].Close() })
		go func() { _, _ = io.Copy(io.Discard, client) }()
	}
	frame := make([]byte, len(benchBody)+80)
	b.ReportAllocs()
	for b.Loop() {
		for _, c := range conns {
			if _, err := c.Write(frame); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/sockets, "ns/delivery")
}

// BenchmarkIdle tells what an idle, subscribed socket costs in memory, the benchmark's own side of it included.
func BenchmarkIdle(b *testing.B) {
	const sockets = 2000
	s := newServer(b)
	memory := func() uint64 {
		for range 5 { // Stacks shrink by half each time.
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	before := memory()
	clients := openMany(b, s, sockets)
	for _, c := range clients {
		c.send(`{"type":"subscribe","id":"1","topics":["drifts"]}`)
		c.message()
		c.in = nil
	}
	s.tel.Reset() // what it remembers of the handshakes
	for b.Loop() {
		b.ReportMetric(float64(memory()-before)/sockets, "B/socket")
	}
	runtime.KeepAlive(clients)
}
