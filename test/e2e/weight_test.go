//go:build long && linux

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/gobwas/ws"
	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

const (
	heavyDrifts  = 5000
	heavySockets = 1000
	slowSockets  = 9 // they read half as fast
	readBuffer   = 16 << 10
)

// TestSocketsUnderWeight: a plan with 5,000 new drifts comes while 1,000 sockets listen, of which nine read half as
// fast as a fast one and one does not read at all. No other client misses or reorders an event; that one is closed with
// 4408. The services are release builds: with the race detector they would be too slow for this load, which is not the
// subject.
func TestSocketsUnderWeight(t *testing.T) {
	ship(t, "api", &programs.API)
	ship(t, "realtime", &programs.Realtime)
	p := startPair(t, pgtest.DSN(t), append(slices.Clone(unlimited),
		"MAX_CONNECTIONS=2000", "MAX_CONNECTIONS_PER_USER=2000", "MAX_CONNECTIONS_PER_ADDRESS=2000")...)
	viewer := p.signIn("viewer")

	var fast, slow []*listener
	for i := range heavySockets - 1 {
		if i < slowSockets {
			slow = append(slow, listen(t, p.socketURL, viewer.token, smallBuffer))
		} else {
			fast = append(fast, listen(t, p.socketURL, viewer.token, packets))
		}
	}
	stalled := listen(t, p.socketURL, viewer.token, smallBuffer)

	// The first of the fast lets the slow ones have an event for every two of its own. When it has all, they are asked
	// about, and then go on as they like.
	leader := fast[0]
	leader.every = func(n int) {
		for _, l := range slow {
			if n%2 == 0 {
				l.pace <- struct{}{}
			}
		}
	}
	var slowly, quickly sync.WaitGroup
	for _, l := range slow {
		l.pace = make(chan struct{}, heavyDrifts)
		slowly.Go(func() { l.read(heavyDrifts) })
	}
	behind := 0
	for _, l := range fast {
		quickly.Go(func() {
			l.read(heavyDrifts)
			if l == leader {
				defer func() {
					for _, l := range slow {
						close(l.pace)
					}
				}()
				behind = p.catchingUp()
			}
		})
	}
	if status := ingestGenerated(t, p.client(p.apiKey), "heavy", heavyDrifts, 0); status != http.StatusOK {
		t.Fatalf("ingest: %d", status)
	}
	quickly.Wait()
	slowly.Wait()

	want := p.positions("drift.created")
	if len(want) != heavyDrifts {
		t.Fatalf("the stream has %d events, want %d", len(want), heavyDrifts)
	}
	for i, l := range fast {
		l.expect(t, fmt.Sprintf("fast socket %d", i), want)
	}
	for i, l := range slow {
		l.expect(t, fmt.Sprintf("slow socket %d", i), want)
	}
	if behind < slowSockets {
		t.Errorf("%d sockets are catching up when one of the fast has everything, want all %d slow ones", behind, slowSockets)
	}
	closed := p.realtime.waitLog(t, "the end of the stalled socket", func(l map[string]any) bool {
		return l["msg"] == "socket closed" && l["connectionId"] == stalled.id
	})
	if closed["code"] != 4408.0 {
		t.Errorf("the stalled socket is closed with %v (%v), want 4408", closed["code"], closed["reason"])
	}
	t.Logf("tried: %d events to %d fast and %d slow sockets, one stalled; %d caught up at some time", heavyDrifts, len(fast), len(slow), behind)
	p.stop()
}

// catchingUp is how many sockets the service writes to out of the common run.
func (p *pair) catchingUp() int {
	p.t.Helper()
	_, rest, _ := bytes.Cut(p.scrape(p.realtimeURL), []byte("\ndriftsentry_realtime_catching_up "))
	value, _, _ := bytes.Cut(rest, []byte("\n"))
	n, err := strconv.ParseFloat(string(value), 64)
	if err != nil {
		p.t.Errorf("driftsentry_realtime_catching_up: %v", err)
	}
	return int(n)
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

// listener is a socket that costs little: it reads only positions.
type listener struct {
	id    string // as the service calls the connection
	conn  net.Conn
	in    *bufio.Reader
	taken int           // bytes of the last frame, which are still in the buffer
	pace  chan struct{} // an event is read for each of these; nil reads all
	every func(n int)   // is called for each event
	got   []int64
	err   error
}

// listen opens a socket, after control has set it up, and subscribes to drifts.
func listen(t *testing.T, url, token string, control func(network, address string, c syscall.RawConn) error) *listener {
	t.Helper()
	dialer := ws.Dialer{
		Protocols: []string{"driftsentry.v1"},
		Header:    ws.HandshakeHeaderHTTP{"Authorization": {"Bearer " + token}},
		NetDial:   (&net.Dialer{Control: control}).DialContext,
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, early, _, err := dialer.Dial(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	l := &listener{conn: conn, in: bufio.NewReaderSize(fair{conn}, readBuffer)}
	if early != nil { // It has the data that came with the handshake's response.
		came, _ := early.Peek(early.Buffered())
		l.in = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(came), fair{conn}), readBuffer)
	}
	frame := ws.MaskFrameInPlace(ws.NewTextFrame([]byte(`{"type":"subscribe","id":"1","topics":["drifts"]}`)))
	if err := ws.WriteFrame(conn, frame); err != nil {
		t.Fatal(err)
	}
	var welcome struct{ ConnectionID string }
	for { // the welcome, then the ack
		payload, err := l.next()
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(payload, []byte(`"type":"welcome"`)) {
			if err := json.Unmarshal(payload, &welcome); err != nil {
				t.Fatal(err)
			}
			l.id = welcome.ConnectionID
		}
		if bytes.Contains(payload, []byte(`"type":"ack"`)) {
			return l
		}
	}
}

// packets makes a client as on a real network, with packets of 1,400 bytes. By its window a client says when it has
// read a packet's worth; those of the loopback are as large as a client's whole buffer, and so one who reads seems to
// stand still until it has read all of that. It has to be set before the connection is made.
func packets(_, _ string, c syscall.RawConn) error {
	return setSocket(c, syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1400)
}

// smallBuffer makes one that has room for a few such packets.
func smallBuffer(network, address string, c syscall.RawConn) error {
	return errors.Join(packets(network, address, c), setSocket(c, syscall.SOL_SOCKET, syscall.SO_RCVBUF, 16<<10))
}

func setSocket(c syscall.RawConn, level, option, value int) error {
	var err error
	failed := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), level, option, value) })
	return errors.Join(failed, err)
}

// fair lets the others read after each piece. A goroutine that always finds more would otherwise keep its processor for
// 10 ms, and the last of a thousand would wait for seconds, on a busy machine for as long as the service waits for a
// client.
type fair struct{ net.Conn }

func (f fair) Read(p []byte) (int, error) {
	defer runtime.Gosched()
	return f.Conn.Read(p)
}

// next reads one text frame. It replies to heartbeats, or it would count as gone. What it gives is valid until the next
// call.
func (l *listener) next() ([]byte, error) {
	for {
		op, payload, err := l.frame()
		switch {
		case err != nil:
			return nil, err
		case op == ws.OpClose:
			code, reason := ws.ParseCloseFrameData(payload)
			return nil, fmt.Errorf("the server closed the socket: %d %s", code, reason)
		case op == ws.OpPing:
			if err := ws.WriteFrame(l.conn, ws.MaskFrameInPlace(ws.NewPongFrame(bytes.Clone(payload)))); err != nil {
				return nil, err
			}
		default:
			return payload, nil
		}
	}
}

// frame reads a frame where it lies in the buffer: there are five million of them.
func (l *listener) frame() (ws.OpCode, []byte, error) {
	if _, err := l.in.Discard(l.taken); err != nil {
		return 0, nil, err
	}
	l.taken = 0
	head, err := l.in.Peek(2)
	if err != nil {
		return 0, nil, err
	}
	size, length := 2, int(head[1])
	if length == 126 {
		if head, err = l.in.Peek(4); err != nil {
			return 0, nil, err
		}
		size, length = 4, int(binary.BigEndian.Uint16(head[2:]))
	}
	frame, err := l.in.Peek(size + length)
	if err != nil {
		return 0, nil, err
	}
	l.taken = size + length
	return ws.OpCode(frame[0] & 0xf), frame[size:], nil
}

// read takes frames until n events came.
func (l *listener) read(n int) {
	for len(l.got) < n {
		if l.pace != nil {
			<-l.pace
		}
		position, err := l.event()
		if err != nil {
			l.err = err
			return
		}
		l.got = append(l.got, position)
		if l.every != nil {
			l.every(len(l.got))
		}
	}
}

// event reads up to the next event, and returns its position.
func (l *listener) event() (int64, error) {
	for {
		payload, err := l.next()
		if err != nil {
			return 0, err
		}
		_, rest, ok := bytes.Cut(payload, []byte(`"position":`))
		if !ok || !bytes.Contains(payload[:40], []byte(`"event"`)) {
			continue
		}
		end := bytes.IndexAny(rest, ",}")
		return strconv.ParseInt(string(rest[:end]), 10, 64)
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
