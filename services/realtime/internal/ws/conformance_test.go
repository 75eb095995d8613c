package ws_test

import (
	"encoding/binary"
	"strings"
	"testing"

	gobwas "github.com/gobwas/ws"
)

// The cases of the Autobahn test suite that fit a server which takes text messages up to 16 KiB, by the names of its
// sections. Where Autobahn expects an echo, a JSON ping must be answered.

const (
	closeProtocol = 1002
	closeBinary   = 1003
	closeNotUTF8  = 1007
	closeTooBig   = 1009
)

const jsonPing = `{"type":"ping","id":"p"}`

// cut writes p in pieces of n bytes, each a packet of its own as far as the kernel lets us.
func (c *client) cut(p []byte, n int) {
	for len(p) > 0 {
		size := min(n, len(p))
		c.write(p[:size])
		p = p[size:]
	}
}

func (c *client) expectPong(payload string) {
	c.t.Helper()
	for {
		h, got := c.read()
		if h.OpCode == gobwas.OpPing {
			continue
		}
		if h.OpCode != gobwas.OpPong || string(got) != payload {
			c.t.Fatalf("got %+v %q, want a pong with %q", h, got, payload)
		}
		return
	}
}

func (c *client) expectAnswer() {
	c.t.Helper()
	if m := c.message(); m.Type != "pong" {
		c.t.Fatalf("the answer is %+v", m)
	}
}

// raw is a masked frame with any first byte, whether that makes sense or not.
func raw(first byte, payload string) []byte {
	f := frame(gobwas.OpText, true, payload)
	f[0] = first
	return f
}

func closePayload(code uint16, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, code)) + reason
}

func TestConformance(t *testing.T) {
	padded := func(size int) string {
		return jsonPing[:len(jsonPing)-1] + strings.Repeat(" ", size-len(jsonPing)) + "}"
	}
	cases := map[string]func(*client){
		"1.1 framing/text in one frame": func(c *client) { c.send(jsonPing); c.expectAnswer() },
		"1.1 framing/text of 125 bytes": func(c *client) { c.send(padded(125)); c.expectAnswer() },
		"1.1 framing/text of 126 bytes": func(c *client) { c.send(padded(126)); c.expectAnswer() },
		"1.1 framing/text of 16 KiB":    func(c *client) { c.send(padded(16 << 10)); c.expectAnswer() },
		"1.1 framing/text of 16 KiB in chops of 997 bytes": func(c *client) {
			c.cut(textFrame(padded(16<<10)), 997)
			c.expectAnswer()
		},
		"1.1 framing/byte by byte": func(c *client) { c.cut(textFrame(padded(300)), 1); c.expectAnswer() },
		"1.1 framing/several frames in one packet": func(c *client) {
			c.write([]byte(strings.Repeat(string(textFrame(jsonPing)), 40)))
			for range 40 {
				c.expectAnswer()
			}
		},
		"1.1 framing/over 16 KiB": func(c *client) { c.send(padded(16<<10 + 1)); c.expectClose(closeTooBig) },
		"1.1 framing/a length of 2^62, no payload": func(c *client) {
			c.write([]byte{0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4})
			c.expectClose(closeTooBig)
		},
		"1.1 framing/a length with the top bit": func(c *client) {
			c.write([]byte{0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4})
			c.expectClose(closeProtocol)
		},
		"1.2 framing/binary":       func(c *client) { c.write(frame(gobwas.OpBinary, true, jsonPing)); c.expectClose(closeBinary) },
		"1.2 framing/empty binary": func(c *client) { c.write(frame(gobwas.OpBinary, true, "")); c.expectClose(closeBinary) },

		"2.1 ping/without payload": func(c *client) { c.write(frame(gobwas.OpPing, true, "")); c.expectPong("") },
		"2.2 ping/with payload":    func(c *client) { c.write(frame(gobwas.OpPing, true, "Hello")); c.expectPong("Hello") },
		"2.3 ping/binary payload": func(c *client) {
			c.write(frame(gobwas.OpPing, true, "\x00\xff\xfe\xfd"))
			c.expectPong("\x00\xff\xfe\xfd")
		},
		"2.4 ping/125 bytes": func(c *client) {
			c.write(frame(gobwas.OpPing, true, strings.Repeat("x", 125)))
			c.expectPong(strings.Repeat("x", 125))
		},
		"2.5 ping/126 bytes": func(c *client) {
			c.write(frame(gobwas.OpPing, true, strings.Repeat("x", 126)))
			c.expectClose(closeProtocol)
		},
		"2.6 ping/125 bytes byte by byte": func(c *client) {
			c.cut(frame(gobwas.OpPing, true, strings.Repeat("x", 125)), 1)
			c.expectPong(strings.Repeat("x", 125))
		},
		"2.7 ping/unsolicited pong":              func(c *client) { c.write(frame(gobwas.OpPong, true, "")); c.ping() },
		"2.8 ping/unsolicited pong with payload": func(c *client) { c.write(frame(gobwas.OpPong, true, "unsolicited")); c.ping() },
		"2.10 ping/ten at once": func(c *client) {
			c.write([]byte(strings.Repeat(string(frame(gobwas.OpPing, true, "payload")), 10)))
			for range 10 {
				c.expectPong("payload")
			}
		},

		"3.1 reserved bits/RSV1": func(c *client) { c.write(raw(0xc1, jsonPing)); c.expectClose(closeProtocol) },
		"3.2 reserved bits/RSV2 after a text": func(c *client) {
			c.send(jsonPing)
			c.write(raw(0xa1, jsonPing))
			c.expectAnswer()
			c.expectClose(closeProtocol)
		},
		"3.3 reserved bits/RSV1 and RSV2":           func(c *client) { c.write(raw(0xe1, jsonPing)); c.expectClose(closeProtocol) },
		"3.4 reserved bits/RSV3 byte by byte":       func(c *client) { c.cut(raw(0x91, jsonPing), 1); c.expectClose(closeProtocol) },
		"3.6 reserved bits/RSV2 and RSV3 on a ping": func(c *client) { c.write(raw(0xb9, "")); c.expectClose(closeProtocol) },
		"3.7 reserved bits/all on a close":          func(c *client) { c.write(raw(0xf8, "")); c.expectClose(closeProtocol) },

		"4.1 opcodes/3":  func(c *client) { c.write(raw(0x83, "")); c.expectClose(closeProtocol) },
		"4.1 opcodes/7":  func(c *client) { c.write(raw(0x87, "x")); c.expectClose(closeProtocol) },
		"4.2 opcodes/11": func(c *client) { c.write(raw(0x8b, "")); c.expectClose(closeProtocol) },
		"4.2 opcodes/15": func(c *client) { c.write(raw(0x8f, "x")); c.expectClose(closeProtocol) },

		"5.1 fragmentation/a ping in two fragments": func(c *client) { c.write(frame(gobwas.OpPing, false, "a")); c.expectClose(closeProtocol) },
		"5.2 fragmentation/a pong in two fragments": func(c *client) { c.write(frame(gobwas.OpPong, false, "a")); c.expectClose(closeProtocol) },
		"5.3 fragmentation/text in two": func(c *client) {
			c.write(frame(gobwas.OpText, false, jsonPing[:9]))
			c.write(frame(gobwas.OpContinuation, true, jsonPing[9:]))
			c.expectAnswer()
		},
		"5.4 fragmentation/text in two, in one packet": func(c *client) {
			c.write(append(frame(gobwas.OpText, false, jsonPing[:9]), frame(gobwas.OpContinuation, true, jsonPing[9:])...))
			c.expectAnswer()
		},
		"5.6 fragmentation/a ping in between": func(c *client) {
			c.write(frame(gobwas.OpText, false, jsonPing[:9]))
			c.write(frame(gobwas.OpPing, true, "between"))
			c.expectPong("between")
			c.write(frame(gobwas.OpContinuation, true, jsonPing[9:]))
			c.expectAnswer()
		},
		"5.8 fragmentation/a ping in between, byte by byte": func(c *client) {
			all := append(frame(gobwas.OpText, false, jsonPing[:9]), frame(gobwas.OpPing, true, "between")...)
			c.cut(append(all, frame(gobwas.OpContinuation, true, jsonPing[9:])...), 1)
			c.expectPong("between")
			c.expectAnswer()
		},
		"5.9 fragmentation/a continuation of nothing":              func(c *client) { c.write(frame(gobwas.OpContinuation, true, jsonPing)); c.expectClose(closeProtocol) },
		"5.12 fragmentation/an unfinished continuation of nothing": func(c *client) { c.write(frame(gobwas.OpContinuation, false, jsonPing)); c.expectClose(closeProtocol) },
		"5.15 fragmentation/a continuation after the end": func(c *client) {
			c.write(frame(gobwas.OpText, false, jsonPing[:9]))
			c.write(frame(gobwas.OpContinuation, true, jsonPing[9:]))
			c.write(frame(gobwas.OpContinuation, false, jsonPing))
			c.expectAnswer()
			c.expectClose(closeProtocol)
		},
		"5.18 fragmentation/a text within a text": func(c *client) {
			c.write(frame(gobwas.OpText, false, jsonPing[:9]))
			c.send(jsonPing[9:])
			c.expectClose(closeProtocol)
		},
		"5.19 fragmentation/many fragments with pings between": func(c *client) {
			for i := range len(jsonPing) - 1 {
				op := gobwas.OpContinuation
				if i == 0 {
					op = gobwas.OpText
				}
				c.write(frame(op, false, jsonPing[i:i+1]))
				c.write(frame(gobwas.OpPing, true, "x"))
				c.expectPong("x")
			}
			c.write(frame(gobwas.OpContinuation, true, "}"))
			c.expectAnswer()
		},
		"5.20 fragmentation/empty fragments": func(c *client) {
			c.write(frame(gobwas.OpText, false, ""))
			c.write(frame(gobwas.OpContinuation, false, jsonPing))
			c.write(frame(gobwas.OpContinuation, true, ""))
			c.expectAnswer()
		},
		"5.21 fragmentation/over 16 KiB together": func(c *client) {
			c.write(frame(gobwas.OpText, false, strings.Repeat("x", 10<<10)))
			c.write(frame(gobwas.OpContinuation, false, strings.Repeat("x", 10<<10)))
			c.expectClose(closeTooBig)
		},
		"5.22 fragmentation/binary fragments": func(c *client) { c.write(frame(gobwas.OpBinary, false, "x")); c.expectClose(closeBinary) },

		"6.1 UTF-8/an empty text": func(c *client) {
			c.send("")
			if m := c.message(); m.Type != "error" || m.Code != "VALIDATION_ERROR" {
				c.t.Errorf("got %+v", m)
			}
			c.ping()
		},
		"6.2 UTF-8/valid": func(c *client) {
			c.send(`{"type":"ping","id":"Hello-µ@ßöäüàá-κόσμε-𐀀"}`)
			if m := c.message(); m.ID == nil || *m.ID != "Hello-µ@ßöäüàá-κόσμε-𐀀" {
				c.t.Errorf("got %+v", m)
			}
		},
		"6.2 UTF-8/valid, cut inside of a character": func(c *client) {
			text := `{"type":"ping","id":"κ"}`
			at := strings.Index(text, "κ") + 1
			c.write(frame(gobwas.OpText, false, text[:at]))
			c.write(frame(gobwas.OpContinuation, true, text[at:]))
			if m := c.message(); m.ID == nil || *m.ID != "κ" {
				c.t.Errorf("got %+v", m)
			}
		},
		"6.3 UTF-8/invalid": func(c *client) {
			c.send("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited")
			c.expectClose(closeNotUTF8)
		},
		"6.3 UTF-8/invalid in fragments": func(c *client) {
			c.write(frame(gobwas.OpText, false, "\xce\xba\xe1"))
			c.write(frame(gobwas.OpContinuation, true, "\x80\xff"))
			c.expectClose(closeNotUTF8)
		},
		"6.6 UTF-8/an unfinished character":   func(c *client) { c.send("\xce\xba\xe1"); c.expectClose(closeNotUTF8) },
		"6.14 UTF-8/a lone continuation":      func(c *client) { c.send("\x80"); c.expectClose(closeNotUTF8) },
		"6.18 UTF-8/an overlong slash":        func(c *client) { c.send("\xc0\xaf"); c.expectClose(closeNotUTF8) },
		"6.21 UTF-8/a surrogate":              func(c *client) { c.send("\xed\xbf\xbf"); c.expectClose(closeNotUTF8) },
		"6.22 UTF-8/above the last character": func(c *client) { c.send("\xf4\x90\x80\x80"); c.expectClose(closeNotUTF8) },

		"7.1 closing/nothing is answered after it": func(c *client) {
			c.write(append(frame(gobwas.OpClose, true, closePayload(1000, "")), textFrame(jsonPing)...))
			c.expectClose(1000)
		},
		"7.1 closing/a second close": func(c *client) {
			f := frame(gobwas.OpClose, true, closePayload(1000, ""))
			c.write(append(f, f...))
			c.expectClose(1000)
		},
		"7.1 closing/in the middle of a text": func(c *client) {
			c.write(frame(gobwas.OpText, false, jsonPing[:9]))
			c.write(frame(gobwas.OpClose, true, ""))
			c.expectClose(0)
		},
		"7.3 closing/without a code": func(c *client) { c.write(frame(gobwas.OpClose, true, "")); c.expectClose(0) },
		"7.3 closing/with one byte":  func(c *client) { c.write(frame(gobwas.OpClose, true, "a")); c.expectClose(closeProtocol) },
		"7.3 closing/with a reason": func(c *client) {
			c.write(frame(gobwas.OpClose, true, closePayload(1000, "Hello World!")))
			c.expectClose(1000)
		},
		"7.3 closing/with the longest reason": func(c *client) {
			c.write(frame(gobwas.OpClose, true, closePayload(1000, strings.Repeat("*", 123))))
			c.expectClose(1000)
		},
		"7.3 closing/with too long a reason": func(c *client) {
			c.write(frame(gobwas.OpClose, true, closePayload(1000, strings.Repeat("*", 124))))
			c.expectClose(closeProtocol)
		},
		"7.5 closing/with a reason that is not UTF-8": func(c *client) {
			c.write(frame(gobwas.OpClose, true, closePayload(1000, "\xce\xba\xe1")))
			c.expectClose(closeNotUTF8)
		},

		"masks/a frame without one": func(c *client) {
			c.write(gobwas.MustCompileFrame(gobwas.NewTextFrame([]byte(jsonPing))))
			c.expectClose(closeProtocol)
		},
		"masks/a mask of zeros": func(c *client) {
			c.write(gobwas.MustCompileFrame(gobwas.MaskFrameWith(gobwas.NewTextFrame([]byte(jsonPing)), [4]byte{})))
			c.expectAnswer()
		},
	}
	for _, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		cases["7.7 closing/a valid code "+itoa(code)] = func(c *client) {
			c.write(frame(gobwas.OpClose, true, closePayload(code, "")))
			c.expectClose(int(code))
		}
	}
	for _, code := range []uint16{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		cases["7.9 closing/an invalid code "+itoa(code)] = func(c *client) {
			c.write(frame(gobwas.OpClose, true, closePayload(code, "")))
			c.expectClose(closeProtocol)
		}
	}
	s := newServer(t)
	for name, run := range cases {
		t.Run(name, func(t *testing.T) {
			c := s.dial()
			c.t = t
			run(c)
		})
	}
	t.Run("a client that closes its side without a word", func(t *testing.T) {
		c := s.dial()
		closeWrite(c)
		if _, err := c.in.ReadByte(); err == nil {
			t.Error("the server went on")
		}
	})
	t.Run("frames that come with the handshake", func(*testing.T) {
		c := s.dialWith(append(textFrame(jsonPing), frame(gobwas.OpPing, true, "early")...))
		c.expectAnswer()
		c.expectPong("early")
	})
}
