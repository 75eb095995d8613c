package ws_test

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"testing"

	gobwas "github.com/gobwas/ws"
)

// The cases of the Autobahn test suite, by their numbers and names, as far as they fit a server that takes text
// messages up to 16 KiB, and no extension (so not 12 and 13, which are permessage-deflate, nor 9, whose messages are
// megabytes). Where Autobahn expects an echo, a JSON ping must get its pong. Names without a number are cases that it
// does not have.
//
// Every case is sent three times: in one packet, frame by frame, and in pieces; Autobahn has these as cases of their
// own.

const (
	closeProtocol = 1002
	closeBinary   = 1003
	closeNotUTF8  = 1007
	closeTooBig   = 1009
	closeEmpty    = 0 // a close frame without a code
)

// exchange is what a client sends, frame by frame, and what it must get for it, in that order. When no close is among
// that, the connection must live on.
type exchange struct {
	sends [][]byte
	gets  []expectation
}

type expectation struct {
	ends  bool
	check func(*client)
}

func sends(frames ...[]byte) [][]byte          { return frames }
func gets(wanted ...expectation) []expectation { return wanted }

var (
	// jsonPonged: the JSON ping has its pong.
	jsonPonged = expectation{check: func(c *client) {
		c.t.Helper()
		if m := c.message(); m.Type != "pong" {
			c.t.Errorf("the reply is %+v", m)
		}
	}}
	// refused: it was a text, and no message of ours.
	refused = expectation{check: func(c *client) {
		c.t.Helper()
		if m := c.message(); m.Type != "error" || m.Code != "VALIDATION_ERROR" {
			c.t.Errorf("the reply is %+v", m)
		}
	}}
)

func jsonPongedID(id string) expectation {
	return expectation{check: func(c *client) {
		c.t.Helper()
		if m := c.message(); m.ID == nil || *m.ID != id {
			c.t.Errorf("the reply is %+v, want the id %q", m, id)
		}
	}}
}

func ponged(payload string) expectation {
	return expectation{check: func(c *client) {
		c.t.Helper()
		if h, got := c.read(); h.OpCode != gobwas.OpPong || string(got) != payload {
			c.t.Errorf("got %+v %q, want a pong with %q", h, got, payload)
		}
	}}
}

// closes: the next frame is the close frame, and nothing follows.
func closes(code int) expectation {
	return expectation{ends: true, check: func(c *client) {
		c.t.Helper()
		if head, err := c.in.Peek(1); err != nil || gobwas.OpCode(head[0]&0x0f) != gobwas.OpClose {
			c.t.Fatalf("the next frame begins with %x (%v), want a close frame", head, err)
		}
		c.expectClose(code)
	}}
}

// repeated is n times the same.
func repeated[T any](n int, v T) []T { return slices.Repeat([]T{v}, n) }

const jsonPing = `{"type":"ping","id":"p"}`

// padded is a JSON ping of so many bytes.
func padded(size int) string {
	return jsonPing[:len(jsonPing)-1] + strings.Repeat(" ", size-len(jsonPing)) + "}"
}

func ping(payload string) []byte  { return frame(gobwas.OpPing, true, payload) }
func pong(payload string) []byte  { return frame(gobwas.OpPong, true, payload) }
func first(payload string) []byte { return frame(gobwas.OpText, false, payload) }
func more(payload string) []byte  { return frame(gobwas.OpContinuation, false, payload) }
func last(payload string) []byte  { return frame(gobwas.OpContinuation, true, payload) }
func closeFrame(payload string) []byte {
	return frame(gobwas.OpClose, true, payload)
}

func closePayload(code uint16, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, code)) + reason
}

// raw is a masked frame with any first byte, whether that makes sense or not.
func raw(first byte, payload string) []byte {
	f := frame(gobwas.OpText, true, payload)
	f[0] = first
	return f
}

// unmasked is a frame as only servers may send it.
func unmasked(op gobwas.OpCode, payload string) []byte {
	return gobwas.MustCompileFrame(gobwas.NewFrame(op, true, []byte(payload)))
}

// fragments cuts a text into fragments of n bytes.
func fragments(text string, n int) [][]byte {
	var all [][]byte
	op := gobwas.OpText
	for rest := text; ; op = gobwas.OpContinuation {
		size := min(n, len(rest))
		all = append(all, frame(op, size == len(rest), rest[:size]))
		if rest = rest[size:]; rest == "" {
			return all
		}
	}
}

// cut writes p in pieces of n bytes, each a packet of its own as far as the kernel lets us.
func (c *client) cut(p []byte, n int) {
	for piece := range slices.Chunk(p, n) {
		c.write(piece)
	}
}

// ways to send the same.
var ways = map[string]func(*client, [][]byte){
	"in one packet": func(c *client, frames [][]byte) { c.write(bytes.Join(frames, nil)) },
	"frame by frame": func(c *client, frames [][]byte) {
		for _, f := range frames {
			c.write(f)
		}
	},
	"in pieces": func(c *client, frames [][]byte) {
		all := bytes.Join(frames, nil)
		size := 1
		if len(all) > 1000 {
			size = 997 // Autobahn's
		}
		c.cut(all, size)
	},
}

func TestConformance(t *testing.T) {
	s := newServer(t)
	tried := 0
	for group, cases := range map[string]map[string]exchange{
		"1 framing": framingCases(), "2 pings and pongs": pingCases(), "3 reserved bits": reservedBitCases(), "4 opcodes": opcodeCases(),
		"5 fragmentation": fragmentationCases(), "6 UTF-8": utf8Cases(), "7 closing": closeCases(), "10 misc": miscCases(), "masks": maskCases(),
	} {
		for _, name := range slices.Sorted(maps.Keys(cases)) {
			for way, send := range ways {
				t.Run(group+"/"+name+"/"+way, func(t *testing.T) { s.conforms(t, cases[name], send) })
				tried++
			}
		}
	}
	t.Logf("tried: %d exchanges", tried)
}

func (s *server) conforms(t *testing.T, e exchange, send func(*client, [][]byte)) {
	t.Helper()
	c := s.dial()
	c.t = t
	defer func() { _ = c.conn.Close() }()
	send(c, e.sends)
	for _, wanted := range e.gets {
		wanted.check(c)
		if wanted.ends {
			return
		}
	}
	c.ping()
	c.write(closeFrame(closePayload(1000, "")))
	c.expectClose(1000)
}

func TestConformance_half_close(t *testing.T) {
	s := newServer(t)
	t.Run("without a word", func(t *testing.T) {
		c := s.dial()
		closeWrite(c)
		c.expectEnd(t)
	})
	t.Run("earlier messages get their replies", func(t *testing.T) {
		c := s.dial()
		c.t = t
		c.send(jsonPing)
		closeWrite(c)
		jsonPonged.check(c)
		c.expectEnd(t)
	})
	t.Run("in the middle of a frame", func(t *testing.T) {
		c := s.dial()
		c.write(textFrame(jsonPing)[:9])
		closeWrite(c)
		c.expectEnd(t)
	})
	t.Run("after its close frame", func(t *testing.T) {
		c := s.dial()
		c.t = t
		c.write(closeFrame(closePayload(1000, "")))
		closeWrite(c)
		c.expectClose(1000)
	})
	t.Run("instead of a reply to ours", func(t *testing.T) {
		c := s.dial()
		c.t = t
		c.write(raw(0x83, ""))
		c.expectClose(closeProtocol)
		closeWrite(c)
	})
	s.eventually("no connection is left", func() bool { return s.Connections() == 0 })
}

// expectEnd reads to the end of a connection that ends without another frame.
func (c *client) expectEnd(t *testing.T) {
	t.Helper()
	if b, err := c.in.ReadByte(); err == nil {
		t.Errorf("the server went on with %x", b)
	}
}

func TestConformance_frames_that_come_with_the_handshake(t *testing.T) {
	s := newServer(t)
	for name, e := range map[string]exchange{
		"whole":                  {sends(textFrame(jsonPing), ping("early")), gets(jsonPonged, ponged("early"))},
		"a broken one":           {sends(raw(0xc1, jsonPing)), gets(closes(closeProtocol))},
		"a close":                {sends(closeFrame(closePayload(1000, ""))), gets(closes(1000))},
		"more than a buffer has": {repeated(200, textFrame(jsonPing)), repeated(200, jsonPonged)},
	} {
		t.Run(name, func(t *testing.T) {
			c := s.dialWith(bytes.Join(e.sends, nil))
			c.t = t
			for _, wanted := range e.gets {
				wanted.check(c)
			}
		})
	}
	t.Run("a part, and the rest later", func(t *testing.T) {
		f := textFrame(jsonPing)
		c := s.dialWith(f[:5])
		c.t = t
		c.write(f[5:])
		jsonPonged.check(c)
	})
}
