//go:build stack

package stack

import (
	"net"
	"sync"
	"testing"
	"time"
)

// condition is how a network is.
type condition int

const (
	healthy condition = iota
	stopped           // refuses connections and cuts those that are there
	hung              // accepts and never responds
	slow              // lets a little through at a time
)

const (
	chunk      = 4 << 10
	chunkDelay = 100 * time.Millisecond
)

// link is the network between a service and the collector.
type link struct {
	t       *testing.T
	address string
	target  string

	mu       sync.Mutex
	now      condition
	changed  chan struct{} // closed when now is another
	listener net.Listener
	conns    map[net.Conn]bool
}

func startLink(t *testing.T, target string) *link {
	t.Helper()
	l := &link{t: t, address: "127.0.0.1:0", target: target, changed: make(chan struct{}), conns: map[net.Conn]bool{}}
	l.listen()
	t.Cleanup(func() { l.set(stopped) })
	return l
}

// listen accepts; mu is held, or the link is not shared yet.
func (l *link) listen() {
	listener, err := net.Listen("tcp", l.address)
	if err != nil {
		l.t.Errorf("listen again: %v", err)
		return
	}
	l.listener, l.address = listener, listener.Addr().String()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // It was closed.
			}
			go l.carry(conn)
		}
	}()
}

func (l *link) set(c condition) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c == stopped && l.now != stopped {
		_ = l.listener.Close() // It fails only when it is closed.
		for conn := range l.conns {
			_ = conn.Close()
		}
	}
	if c != stopped && l.now == stopped {
		l.listen()
	}
	l.now = c
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *link) carry(from net.Conn) {
	to, err := net.Dial("tcp", l.target)
	if err != nil {
		_ = from.Close()
		return
	}
	l.mu.Lock()
	l.conns[from], l.conns[to] = true, true
	l.mu.Unlock()
	go l.pump(from, to)
	l.pump(to, from)
}

// pump ends with either side.
func (l *link) pump(from, to net.Conn) {
	defer func() {
		_, _ = from.Close(), to.Close()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.conns, from)
		delete(l.conns, to)
	}()
	buffer := make([]byte, chunk)
	for {
		n, err := from.Read(buffer)
		if err != nil || !l.pass() {
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// pass waits for as long as the network holds up what was read, and says whether it may go on.
func (l *link) pass() bool {
	for {
		l.mu.Lock()
		now, changed := l.now, l.changed
		l.mu.Unlock()
		switch now {
		case healthy:
			return true
		case stopped:
			return false
		case hung:
			<-changed
		case slow:
			select {
			case <-time.After(chunkDelay): // What a slow network is.
				return true
			case <-changed:
			}
		}
	}
}
