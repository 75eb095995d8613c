package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

const hostileFrames = 2000

// TestHostileFrames sends two thousand seeded frames that are wrong in every way a client can think of, over as many
// sockets as they cost. The service responds, or closes with a code that asyncapi.yaml has; a well-behaved socket
// beside them misses nothing.
func TestHostileFrames(t *testing.T) {
	p := startPair(t, pgtest.DSN(t), unlimited...)
	viewer := p.signIn("viewer")
	beside := dial(t, p.socketURL, viewer.token, "", "drifts", "checks")

	var mu sync.Mutex
	ends := map[string]int{}
	count := func(end string) {
		mu.Lock()
		defer mu.Unlock()
		ends[end]++
	}
	var wg sync.WaitGroup
	for worker := range hostileWorkers {
		wg.Go(func() {
			for i := worker; i < hostileFrames; {
				s, err := openRaw(t.Context(), p.socketURL, viewer.token)
				if err != nil {
					t.Errorf("open a socket for frame %d: %v", i, err)
					return
				}
				for i < hostileFrames {
					r := rand.New(rand.NewPCG(20261123, uint64(i)))
					i += hostileWorkers
					end, closed := s.try(hostileFrame(r))
					count(end)
					if closed {
						break
					}
				}
				_ = s.conn.Close()
			}
		})
	}
	wg.Wait()
	t.Logf("tried: %d frames, by how they ended: %v", hostileFrames, ends)
	for _, end := range []string{"pong", "1002", "1003", "1007", "1009"} {
		if ends[end] == 0 {
			t.Errorf("no frame ended with %s: they are not as varied as they should be", end)
		}
	}
	for end := range ends {
		if !slices.Contains([]string{"pong", "1000", "1002", "1003", "1007", "1008", "1009", "4429"}, end) {
			t.Errorf("%d frames ended with %s", ends[end], end)
		}
	}
	if a := p.client(p.apiKey).ingest(t.Context(), "production", "refresh_only_tf1.11.4.json"); a.status != http.StatusOK {
		t.Fatalf("ingest: %d %s", a.status, a.body)
	}
	beside.waitEvent("check.completed")
	if events := p.sentry.Events(); len(events) > 0 {
		t.Errorf("%d unexpected errors; the first: %s", len(events), events[0].Raw)
	}
	p.stop()
}

// hostileFrame makes the bytes of one frame, or of several that belong together.
func hostileFrame(r *rand.Rand) []byte {
	mask := [4]byte{byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())}
	frame := func(op ws.OpCode, fin bool, payload []byte) []byte {
		var b bytes.Buffer
		_ = ws.WriteFrame(&b, ws.MaskFrameWith(ws.NewFrame(op, fin, payload), mask))
		return b.Bytes()
	}
	text := func(s string) []byte { return frame(ws.OpText, true, []byte(s)) }
	junk := make([]byte, r.IntN(200))
	for i := range junk {
		junk[i] = byte(r.Uint32())
	}
	texts := []string{
		`{"type":"subscribe","id":"1","topics":["users"]}`, `{"type":"subscribe","id":"1","topics":[]}`, `{"type":"subscribe","topics":["drifts"]}`,
		`{"type":"subscribe","id":"1","topics":["drift:x"],"after":"x"}`, `{"type":"subscribe","id":"1","topics":["drifts"],"after":"e:1"}`,
		`{"type":"unsubscribe","id":"2","topics":["drifts"]}`, `{"type":"auth","id":"3","token":"x"}`, `{"type":"ping"}`, `{"type":"ping","id":"` + strings.Repeat("9", 500) + `"}`,
		`{"type":"nothing"}`, `{}`, `[]`, `null`, ``, `{`, `{"type":"subscribe","id":1}`, `{"type":{"a":[[[[]]]]}}`, "{\"type\":\"ping\",\"id\":\"\x00\"}",
		strings.Repeat("[", 10_000), `{"type":"subscribe","id":"1","topics":["` + strings.Repeat(`drifts","`, 1000) + `drifts"]}`,
	}
	switch r.IntN(12) {
	case 0, 1, 2, 3:
		return text(texts[r.IntN(len(texts))])
	case 4: // a byte of a good one is another
		good := []byte(texts[r.IntN(8)])
		good[r.IntN(len(good))] = byte(r.Uint32())
		return frame(ws.OpText, true, good)
	case 5:
		return frame(ws.OpText, true, append([]byte(`{"type":"ping","id":"`), 0xff, 0xfe))
	case 6:
		return frame(ws.OpBinary, true, junk)
	case 7:
		return text(strings.Repeat("x", 16<<10+1+r.IntN(1000)))
	case 8: // reserved bits, or a reserved opcode
		b := text(`{"type":"ping"}`)
		b[0] |= byte(1+r.IntN(7)) << 4
		return b
	case 9: // not masked
		var b bytes.Buffer
		_ = ws.WriteFrame(&b, ws.NewTextFrame([]byte(`{"type":"ping"}`)))
		return b.Bytes()
	case 10: // in fragments, with a ping in between
		return slices.Concat(frame(ws.OpText, false, []byte(`{"type":`)), frame(ws.OpPing, true, junk[:min(len(junk), 125)]), frame(ws.OpContinuation, true, []byte(`"ping"}`)))
	default: // a continuation of nothing
		return frame(ws.OpContinuation, true, junk)
	}
}

// rawSocket writes any bytes.
type rawSocket struct {
	conn net.Conn
	in   *bufio.Reader
}

func openRaw(ctx context.Context, url, token string) (*rawSocket, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	dialer := ws.Dialer{Protocols: []string{"driftsentry.v1"}, Header: ws.HandshakeHeaderHTTP{"Authorization": {"Bearer " + token}}}
	conn, early, _, err := dialer.Dial(ctx, url)
	if err != nil {
		return nil, err
	}
	s := &rawSocket{conn, bufio.NewReader(conn)}
	if early != nil {
		s.in = early
	}
	return s, conn.SetDeadline(time.Now().Add(patience))
}

// try sends the bytes and then a good ping, and gives the result: a pong, or the code of the close frame.
func (s *rawSocket) try(frame []byte) (end string, closed bool) {
	var ping bytes.Buffer
	_ = ws.WriteFrame(&ping, ws.MaskFrame(ws.NewTextFrame([]byte(`{"type":"ping","id":"after"}`))))
	// The service may have closed already: what it said is still to be read.
	_, _ = s.conn.Write(append(frame, ping.Bytes()...))
	for {
		f, err := ws.ReadFrame(s.in) //nolint:staticcheck // Our own service is the peer here.
		switch {
		case errors.Is(err, io.EOF):
			return "end without a close frame", true
		case err != nil:
			return err.Error(), true
		case f.Header.OpCode == ws.OpClose:
			code, _ := ws.ParseCloseFrameData(f.Payload)
			return strconv.Itoa(int(code)), true
		case bytes.Contains(f.Payload, []byte(`"pong"`)) && bytes.Contains(f.Payload, []byte(`"after"`)):
			return "pong", false
		}
	}
}
