//go:build long

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/pgtest"
)

const (
	heavyDrifts  = 5000
	heavySockets = 1000
	slowSockets  = 9 // they read a little at a time
)

// TestSocketsUnderWeight: a plan with 5,000 new drifts comes while 1,000 sockets listen, of which nine read slowly and one
// does not read at all. Nobody but that one misses or reorders an event; that one is given up with 4408.
func TestSocketsUnderWeight(t *testing.T) {
	p := startPair(t, pgtest.DSN(t), append(slices.Clone(unlimited),
		"MAX_CONNECTIONS=2000", "MAX_CONNECTIONS_PER_USER=2000", "MAX_CONNECTIONS_PER_ADDRESS=2000")...)
	viewer := p.signIn("viewer")

	var fast, slow []*listener
	for i := range heavySockets - 1 {
		if i < slowSockets {
			slow = append(slow, listen(t, p.socketURL, viewer.token, 4096))
		} else {
			fast = append(fast, listen(t, p.socketURL, viewer.token, 0))
		}
	}
	stalled := listen(t, p.socketURL, viewer.token, 4096)

	var wg sync.WaitGroup
	for _, l := range fast {
		wg.Go(func() { l.read(heavyDrifts, nil) })
	}
	// A slow reader takes some of its bytes with every tick.
	tick := make(chan struct{})
	stopTicks := make(chan struct{})
	go func() {
		ticker := time.NewTicker(500 * time.Microsecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				select {
				case tick <- struct{}{}:
				case <-stopTicks:
					return
				}
			case <-stopTicks:
				return
			}
		}
	}()
	var slowly sync.WaitGroup
	for _, l := range slow {
		slowly.Go(func() { l.read(heavyDrifts, tick) })
	}
	if status := ingestGenerated(t, p.client(p.apiKey), "heavy", heavyDrifts, 0); status != http.StatusOK {
		t.Fatalf("ingest: %d", status)
	}
	wg.Wait()
	want := p.positions("drift.created")
	if len(want) != heavyDrifts {
		t.Fatalf("the stream has %d events, want %d", len(want), heavyDrifts)
	}
	for i, l := range fast {
		l.expect(t, fmt.Sprintf("fast socket %d", i), want)
	}
	behind := string(p.scrape(p.realtimeURL))
	if !strings.Contains(behind, "driftsentry_realtime_catching_up") || strings.Contains(behind, "driftsentry_realtime_catching_up 0\n") {
		t.Error("no socket is catching up while ten are slow")
	}
	slowly.Wait()
	close(stopTicks)
	for i, l := range slow {
		l.expect(t, fmt.Sprintf("slow socket %d", i), want)
	}
	p.eventually("the stalled socket is given up with 4408", func() bool {
		return strings.Contains(string(p.scrape(p.realtimeURL)), `driftsentry_realtime_closes_total{code="4408"} 1.0`)
	})
	_ = stalled.conn.Close()
	t.Logf("%d events to %d fast and %d slow sockets, one stalled", heavyDrifts, len(fast), len(slow))
	p.stop()
}

func (p *pair) positions(eventType string) []int64 {
	p.t.Helper()
	rows, err := p.connect().Query(p.t.Context(), "select position from event where type = $1 order by position", eventType)
	if err != nil {
		p.t.Fatal(err)
	}
	positions, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		p.t.Fatal(err)
	}
	return positions
}

// listener is a socket that costs little: it looks for positions only.
type listener struct {
	conn    net.Conn
	in      *bufio.Reader
	payload []byte // of the last frame
	got     []int64
	err     error
}

// listen opens a socket with a receive buffer of this size (0 for the default) and subscribes to drifts.
func listen(t *testing.T, url, token string, buffer int) *listener {
	t.Helper()
	dialer := ws.Dialer{
		Protocols: []string{"driftsentry.v1"},
		Header:    ws.HandshakeHeaderHTTP{"Authorization": {"Bearer " + token}},
		NetDial: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if tcp, ok := conn.(*net.TCPConn); ok && buffer > 0 {
				err = errors.Join(err, tcp.SetReadBuffer(buffer))
			}
			return conn, err
		},
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, early, _, err := dialer.Dial(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	l := &listener{conn: conn, in: bufio.NewReader(conn)}
	if early != nil {
		l.in = early
	}
	frame := ws.MaskFrameInPlace(ws.NewTextFrame([]byte(`{"type":"subscribe","id":"1","topics":["drifts"]}`)))
	if err := ws.WriteFrame(conn, frame); err != nil {
		t.Fatal(err)
	}
	for { // the welcome, then the ack
		payload, err := l.next(nil)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(payload, []byte(`"type":"ack"`)) {
			return l
		}
	}
}

// next reads one text frame; with a pace, a kilobyte for each tick of it. It answers heartbeats, or it would be taken for
// gone. What it gives is valid until the next call.
func (l *listener) next(pace <-chan struct{}) ([]byte, error) {
	for {
		op, err := l.frame(pace)
		switch {
		case err != nil:
			return nil, err
		case op == ws.OpClose:
			code, reason := ws.ParseCloseFrameData(l.payload)
			return nil, fmt.Errorf("the server closed the socket: %d %s", code, reason)
		case op == ws.OpPing:
			if err := ws.WriteFrame(l.conn, ws.MaskFrameInPlace(ws.NewPongFrame(l.payload))); err != nil {
				return nil, err
			}
		default:
			return l.payload, nil
		}
	}
}

func (l *listener) frame(pace <-chan struct{}) (ws.OpCode, error) {
	head, err := ws.ReadHeader(l.in)
	if err != nil {
		return 0, err
	}
	l.payload = slices.Grow(l.payload[:0], int(head.Length))[:head.Length]
	for part := range slices.Chunk(l.payload, 1024) {
		if pace != nil {
			<-pace
		}
		if _, err := io.ReadFull(l.in, part); err != nil {
			return 0, err
		}
	}
	return head.OpCode, nil
}

// read takes frames until n events came.
func (l *listener) read(n int, pace <-chan struct{}) {
	for len(l.got) < n {
		payload, err := l.next(pace)
		if err != nil {
			l.err = err
			return
		}
		_, rest, ok := bytes.Cut(payload, []byte(`"position":`))
		if !ok || !bytes.Contains(payload[:40], []byte(`"event"`)) {
			continue
		}
		end := bytes.IndexAny(rest, ",}")
		position, err := strconv.ParseInt(string(rest[:end]), 10, 64)
		if err != nil {
			l.err = err
			return
		}
		l.got = append(l.got, position)
	}
}

func (l *listener) expect(t *testing.T, name string, want []int64) {
	t.Helper()
	if l.err != nil {
		t.Errorf("%s after %d events: %v", name, len(l.got), l.err)
	} else if !slices.Equal(l.got, want) {
		t.Errorf("%s did not get the stream's events in order: %d of %d", name, len(l.got), len(want))
	}
}
