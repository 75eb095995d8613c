package ws_test

import (
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/pkg/event"
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
		if err := clients[i].conn.SetDeadline(time.Time{}); err != nil {
			b.Fatal(err)
		}
	}
	return clients
}

// BenchmarkDelivery is the whole way of one event to 1,000 sockets, but for the database and the clients' reading.
func BenchmarkDelivery(b *testing.B) {
	const sockets = 1000
	s := newServer(b)
	for _, c := range openMany(b, s, sockets) {
		c.send(`{"type":"subscribe","id":"1","topics":["drifts"]}`)
		c.message()
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
