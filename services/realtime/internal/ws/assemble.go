package ws

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// maxMessage bounds a client's message, whole or in fragments.
const maxMessage = 16 << 10

// assembler makes messages from a client's bytes, however they arrive, and checks them against RFC 6455. An error is
// a closing.
type assembler struct {
	pending    []byte // of a frame that isn't complete
	message    []byte // fragments so far
	fragmented bool
	closed     bool // a close frame came, and nothing may follow it
}

// receiver gets the frames of the assembler. A payload is valid until the call returns.
type receiver interface {
	// frame is called for each frame, before it is interpreted.
	frame() error
	control(op ws.OpCode, payload []byte) error
	text(message []byte) error
}

// feed takes received bytes. p is overwritten.
func (a *assembler) feed(p []byte, to receiver) error {
	if a.closed {
		return nil
	}
	kept := len(a.pending) > 0
	if kept {
		a.pending = append(a.pending, p...)
		p = a.pending
	}
	for len(p) > 0 {
		header, size, err := parseHeader(p)
		if err != nil {
			return err
		}
		if size == 0 {
			break
		}
		if err := a.check(header); err != nil {
			return err
		}
		end := size + int(header.Length)
		if len(p) < end {
			break
		}
		payload := p[size:end]
		ws.Cipher(payload, header.Mask, 0)
		if err := a.dispatch(header, payload, to); err != nil {
			return err
		}
		if header.OpCode == ws.OpClose {
			a.closed, a.pending = true, nil
			return nil
		}
		p, kept = p[end:], false
	}
	if !kept {
		a.pending = nil // Most frames come whole, and an idle connection holds no buffer.
		if len(p) > 0 {
			a.pending = bytes.Clone(p)
		}
	}
	return nil
}

// parseHeader gives the header and its size; 0 when it is incomplete.
func parseHeader(p []byte) (ws.Header, int, error) {
	r := bytes.NewReader(p)
	h, err := ws.ReadHeader(r)
	size := len(p) - r.Len()
	switch {
	case err == nil && size != ws.HeaderSize(h): // A length has to be written in the fewest bytes.
	case err == nil:
		return h, size, nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return h, 0, nil
	}
	return h, 0, endProtocol
}

func (a *assembler) check(h ws.Header) error {
	state := ws.StateServerSide
	if a.fragmented {
		state = state.Set(ws.StateFragmented)
	}
	switch {
	case ws.CheckHeader(h, state) != nil:
		return endProtocol
	case h.OpCode == ws.OpBinary:
		return endBinary
	case h.Length > maxMessage, !h.OpCode.IsControl() && h.Length+int64(len(a.message)) > maxMessage:
		return endTooBig
	}
	return nil
}

func (a *assembler) dispatch(h ws.Header, payload []byte, to receiver) error {
	if err := to.frame(); err != nil {
		return err
	}
	if h.OpCode.IsControl() {
		return to.control(h.OpCode, payload)
	}
	if !h.Fin {
		a.fragmented = true
		a.message = append(a.message, payload...)
		return nil
	}
	if a.fragmented {
		payload = append(a.message, payload...)
		a.fragmented, a.message = false, nil
	}
	if !validText(payload) {
		return endNotUTF8
	}
	return to.text(payload)
}

func validText(p []byte) bool { return utf8.Valid(p) }
