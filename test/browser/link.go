// Package browser tries the code of docs/frontend.md in a browser, on the real services.
package browser

import (
	"context"
	"io"
	"net"
	"sync"
)

// Link is the way from the page to a service, which the test can break.
type Link struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu    sync.Mutex
	down  bool
	pairs map[*pair]bool
}

// pair is one connection of a client and its other end.
type pair struct {
	near, far net.Conn
	mu        sync.Mutex
	mute      bool
}

// NewLink makes a link to an address, which is up.
func NewLink(target string) (*Link, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &Link{listener: listener, target: target, pairs: map[*pair]bool{}}
	l.running.Go(l.serve)
	return l, nil
}

// Address is where the link begins.
func (l *Link) Address() string { return l.listener.Addr().String() }

// Close ends the link with all connections.
func (l *Link) Close() {
	_ = l.listener.Close()
	l.Cut()
	l.running.Wait()
}

// Cut ends all connections, and refuses new ones until Restore.
func (l *Link) Cut() { l.each(func(p *pair) { p.close() }) }

// Stall lets nothing pass over the connections that there are, and leaves them open. New ones are refused until Restore.
func (l *Link) Stall() {
	l.each(func(p *pair) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.mute = true
	})
}

// Restore lets new connections pass.
func (l *Link) Restore() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = false
}

func (l *Link) each(f func(*pair)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = true
	for p := range l.pairs {
		f(p)
	}
}

func (l *Link) serve() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.running.Go(func() { l.join(near) })
	}
}

func (l *Link) join(near net.Conn) {
	defer func() { _ = near.Close() }()
	far, err := new(net.Dialer).DialContext(context.Background(), "tcp", l.target)
	if err != nil {
		return
	}
	p := &pair{near: near, far: far}
	l.mu.Lock()
	down := l.down
	if !down {
		l.pairs[p] = true
	}
	l.mu.Unlock()
	if down {
		p.close()
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.copy(far, near) })
	both.Go(func() { p.copy(near, far) })
	both.Wait()
	p.close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pairs, p)
}

func (p *pair) close() {
	_ = p.near.Close()
	_ = p.far.Close()
}

func (p *pair) muted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mute
}

// copy passes bytes on until an end closes. What comes to a mute pair is lost, its end included.
func (p *pair) copy(to io.Writer, from io.Reader) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if p.muted() {
			if err != nil {
				return
			}
			continue
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				p.close()
				return
			}
		}
		if err != nil {
			p.close()
			return
		}
	}
}
