package ws

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// record notes what an assembler found.
type record struct{ found []string }

func (*record) frame() error { return nil }
func (r *record) control(op ws.OpCode, payload []byte) error {
	r.found = append(r.found, string(rune('0'+op))+string(payload))
	return nil
}

func (r *record) text(message []byte) error {
	r.found = append(r.found, "t"+string(message))
	return nil
}

// FuzzAssembler: whatever bytes come, however they are cut, the assembler finds the same, keeps no more than a message,
// and returns nothing that is not UTF-8 or too large.
func FuzzAssembler(f *testing.F) {
	masked := func(op ws.OpCode, fin bool, payload string) []byte {
		return ws.MustCompileFrame(ws.MaskFrameWith(ws.NewFrame(op, fin, []byte(payload)), [4]byte{1, 2, 3, 4}))
	}
	f.Add(masked(ws.OpText, true, `{"type":"ping"}`), uint64(1))
	f.Add(append(masked(ws.OpText, false, "a"), append(masked(ws.OpPing, true, "p"), masked(ws.OpContinuation, true, "b")...)...), uint64(2))
	f.Add(masked(ws.OpClose, true, "\x03\xe8bye"), uint64(3))
	// What follows a close frame is not read, even if the frame came in pieces.
	f.Add(append(masked(ws.OpClose, true, "\x03\xe8bye"), masked(ws.OpClose, true, "\x03\xe8again")...), uint64(3))
	f.Add([]byte{0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, uint64(4))
	f.Add(masked(ws.OpText, true, "\xff"), uint64(5))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		whole, cut := &record{}, &record{}
		var a, b assembler
		errWhole := a.feed(bytes.Clone(data), whole)
		random := rand.New(rand.NewPCG(seed, 0))
		var errCut error
		for rest := data; len(rest) > 0 && errCut == nil; {
			n := 1 + random.IntN(min(len(rest), 40))
			errCut = b.feed(bytes.Clone(rest[:n]), cut)
			rest = rest[n:]
			if len(b.pending)+len(b.message) > 2*maxMessage+ws.MaxHeaderSize+40 {
				t.Fatalf("it keeps %d bytes", len(b.pending)+len(b.message))
			}
		}
		if !errors.Is(errWhole, errCut) {
			t.Errorf("whole: %v, cut: %v", errWhole, errCut)
		}
		if len(whole.found) != len(cut.found) {
			t.Fatalf("whole: %q, cut: %q", whole.found, cut.found)
		}
		for i, found := range whole.found {
			if found != cut.found[i] {
				t.Errorf("whole: %q, cut: %q", found, cut.found[i])
			}
			if found[0] == 't' && (!utf8.ValidString(found) || len(found) > maxMessage+1) {
				t.Errorf("a text of %d bytes: %q", len(found), found)
			}
		}
	})
}

// FuzzParse: no message breaks anything, and one that is accepted has what its type needs.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"type":"subscribe","id":"1","topics":["drifts"],"after":"e1:7"}`, `{"type":"unsubscribe","id":"1","topics":["drift:019a0000-0000-7000-8000-0000000000aa"]}`,
		`{"type":"auth","id":"1","token":"x"}`, `{"type":"ping"}`, `{"type":"ping","id":null}`, `[]`, `{"type":"subscribe","id":"1","topics":null}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parse(data)
		if err != nil {
			return
		}
		switch r.Type {
		case typeSubscribe, typeUnsubscribe:
			if len(r.Topics) == 0 || !r.hasID {
				t.Errorf("%q gave %+v", data, r)
			}
		case typeAuth:
			if r.Token == "" || !r.hasID {
				t.Errorf("%q gave %+v", data, r)
			}
		case typePing:
		default:
			t.Errorf("%q gave %+v", data, r)
		}
	})
}
