package ws_test

import (
	"fmt"
	"slices"
	"strings"

	gobwas "github.com/gobwas/ws"
)

func framingCases() map[string]exchange {
	cases := map[string]exchange{
		"1.1.1 an empty text": {sends(textFrame("")), gets(refused)},
		// The limit is on the message; one byte more is too big, and so is what claims to be.
		"the largest message":       {sends(textFrame(padded(16 << 10))), gets(jsonPonged)},
		"one byte more":             {sends(textFrame(padded(16<<10 + 1))), gets(closes(closeTooBig))},
		"a length of 2^62":          {sends([]byte{0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}), gets(closes(closeTooBig))},
		"a length of 2^63-1":        {sends([]byte{0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}), gets(closes(closeTooBig))},
		"a length with the top bit": {sends([]byte{0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}), gets(closes(closeProtocol))},
		// RFC 6455, section 5.2: the minimal number of bytes must be used for the length.
		"16 bits for a length of 2":   {sends([]byte{0x81, 0xfe, 0, 2, 0, 0, 0, 0, '{', '}'}), gets(closes(closeProtocol))},
		"16 bits for a length of 125": {sends(append([]byte{0x81, 0xfe, 0, 125, 0, 0, 0, 0}, padded(125)...)), gets(closes(closeProtocol))},
		"64 bits for a length of 2":   {sends([]byte{0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, '{', '}'}), gets(closes(closeProtocol))},
		"64 bits for a length of 126": {sends(append([]byte{0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 126, 0, 0, 0, 0}, padded(126)...)), gets(closes(closeProtocol))},
		"40 texts":                    {repeated(40, textFrame(jsonPing)), repeated(40, jsonPonged)},
	}
	for i, size := range []int{125, 126, 127, 128} {
		cases[fmt.Sprintf("1.1.%d a text of %d bytes", i+2, size)] = exchange{sends(textFrame(padded(size))), gets(jsonPonged)}
	}
	for i, size := range []int{65535, 65536} {
		cases[fmt.Sprintf("1.1.%d a text of %d bytes", i+6, size)] = exchange{sends(textFrame(padded(size))), gets(closes(closeTooBig))}
	}
	for i, size := range []int{0, 125, 126, 127, 128, 65535, 65536} {
		f := frame(gobwas.OpBinary, true, strings.Repeat("\xfe", size))
		cases[fmt.Sprintf("1.2.%d binary of %d bytes", i+1, size)] = exchange{sends(f), gets(closes(closeBinary))}
	}
	return cases
}

func pingCases() map[string]exchange {
	longest := strings.Repeat("\xfe", 125)
	return map[string]exchange{
		"2.1 a ping without payload":           {sends(ping("")), gets(ponged(""))},
		"2.2 a ping with text":                 {sends(ping("Hello, world!")), gets(ponged("Hello, world!"))},
		"2.3 a ping with binary":               {sends(ping("\x00\xff\xfe\xfd\xfc\xfb\x00\xff")), gets(ponged("\x00\xff\xfe\xfd\xfc\xfb\x00\xff"))},
		"2.4 a ping of 125 bytes":              {sends(ping(longest)), gets(ponged(longest))},
		"2.5 a ping of 126 bytes":              {sends(ping(longest + "\xfe")), gets(closes(closeProtocol))},
		"2.7 a pong without payload":           {sends(pong("")), nil},
		"2.8 a pong with payload":              {sends(pong("unsolicited pong payload")), nil},
		"2.9 a pong, then a ping":              {sends(pong("unsolicited pong payload"), ping("ping payload")), gets(ponged("ping payload"))},
		"2.10 ten pings":                       {repeated(10, ping("payload")), repeated(10, ponged("payload"))},
		"a pong of 126 bytes":                  {sends(pong(longest + "\xfe")), gets(closes(closeProtocol))},
		"pings and texts get replies in order": {sends(ping("1"), textFrame(jsonPing), ping("2"), textFrame(jsonPing)), gets(ponged("1"), jsonPonged, ponged("2"), jsonPonged)},
	}
}

func reservedBitCases() map[string]exchange {
	text := textFrame(jsonPing)
	return map[string]exchange{
		"3.1 RSV 1 on a text":               {sends(raw(0x91, jsonPing)), gets(closes(closeProtocol))},
		"3.2 RSV 2 after a text":            {sends(text, raw(0xa1, jsonPing), ping("")), gets(jsonPonged, closes(closeProtocol))},
		"3.3 RSV 3 after a text":            {sends(text, raw(0xb1, jsonPing), ping("")), gets(jsonPonged, closes(closeProtocol))},
		"3.4 RSV 4 after a text":            {sends(text, raw(0xc1, jsonPing), ping("")), gets(jsonPonged, closes(closeProtocol))},
		"3.5 RSV 5 on binary":               {sends(raw(0xd2, "\x00\xff")), gets(closes(closeProtocol))},
		"3.6 RSV 6 on a ping":               {sends(raw(0xe9, "")), gets(closes(closeProtocol))},
		"3.7 RSV 7 on a close":              {sends(raw(0xf8, "")), gets(closes(closeProtocol))},
		"RSV 4 on a continuation":           {sends(first(jsonPing[:9]), raw(0xc0, jsonPing[9:])), gets(closes(closeProtocol))},
		"RSV 4 on the first of fragments":   {sends(raw(0x41, jsonPing[:9]), last(jsonPing[9:])), gets(closes(closeProtocol))},
		"RSV 4 on a ping between fragments": {sends(first(jsonPing[:9]), raw(0xc9, ""), last(jsonPing[9:])), gets(closes(closeProtocol))},
	}
}

func opcodeCases() map[string]exchange {
	cases := map[string]exchange{}
	for group, opcodes := range map[int][]byte{1: {3, 4, 5, 6, 7}, 2: {11, 12, 13, 14, 15}} {
		for i, op := range opcodes {
			name := fmt.Sprintf("4.%d.%d opcode %d", group, i+1, op)
			cases[name] = exchange{sends(raw(0x80|op, "")), gets(closes(closeProtocol))}
			cases[name+" with payload, after a text"] = exchange{sends(textFrame(jsonPing), raw(0x80|op, "x"), ping("")), gets(jsonPonged, closes(closeProtocol))}
			cases[name+" within a text"] = exchange{sends(first(jsonPing[:9]), raw(op, jsonPing[9:])), gets(closes(closeProtocol))}
		}
	}
	return cases
}

func fragmentationCases() map[string]exchange {
	head, tail := jsonPing[:9], jsonPing[9:]
	text := textFrame(jsonPing)
	cases := map[string]exchange{
		"5.1 a ping in fragments":                     {sends(frame(gobwas.OpPing, false, "fragment1"), last("fragment2")), gets(closes(closeProtocol))},
		"5.2 a pong in fragments":                     {sends(frame(gobwas.OpPong, false, "fragment1"), last("fragment2")), gets(closes(closeProtocol))},
		"a close in fragments":                        {sends(frame(gobwas.OpClose, false, closePayload(1000, "")), last("")), gets(closes(closeProtocol))},
		"5.3 a text in two":                           {sends(first(head), last(tail)), gets(jsonPonged)},
		"5.6 a ping between":                          {sends(first(head), ping("pongme"), last(tail)), gets(ponged("pongme"), jsonPonged)},
		"a pong between":                              {sends(first(head), pong("x"), last(tail)), gets(jsonPonged)},
		"5.9 the end of nothing, then a text":         {sends(last("non-continuation payload"), text), gets(closes(closeProtocol))},
		"5.12 a continuation of nothing, then a text": {sends(more("non-continuation payload"), text), gets(closes(closeProtocol))},
		"5.15 a continuation after the end":           {sends(first(head), last(tail), more("x"), text), gets(jsonPonged, closes(closeProtocol))},
		"5.16 a continuation of nothing, twice":       {sends(more("fragment1"), text, more("fragment3"), text), gets(closes(closeProtocol))},
		"5.17 the end of nothing, twice":              {sends(last("fragment1"), text, last("fragment3"), text), gets(closes(closeProtocol))},
		"5.18 both fragments are texts":               {sends(first(head), textFrame(tail)), gets(closes(closeProtocol))},
		"a binary within a text":                      {sends(first(head), frame(gobwas.OpBinary, true, tail)), gets(closes(closeProtocol))},
		"5.19 five fragments, pings between": {
			sends(first(jsonPing[:3]), more(jsonPing[3:6]), ping("pongme 1!"), more(jsonPing[6:9]), more(jsonPing[9:12]), ping("pongme 2!"), last(jsonPing[12:])),
			gets(ponged("pongme 1!"), ponged("pongme 2!"), jsonPonged),
		},
		"a ping after every byte": {},
		"binary in fragments":     {sends(frame(gobwas.OpBinary, false, "x"), last("x")), gets(closes(closeBinary))},
		"16 KiB in fragments":     {fragments(padded(16<<10), 100), gets(jsonPonged)},
		"one byte more":           {fragments(padded(16<<10+1), 100), gets(closes(closeTooBig))},
		// The length of a control frame does not count.
		"16 KiB with a ping in it": {sends(first(padded(16 << 10)[:16<<10-1]), ping(strings.Repeat("x", 125)), last("}")), gets(ponged(strings.Repeat("x", 125)), jsonPonged)},
		"messages do not add up":   {slices.Concat(fragments(padded(10<<10), 4<<10), fragments(padded(10<<10), 4<<10)), gets(jsonPonged, jsonPonged)},
	}
	var often exchange
	for _, f := range fragments(jsonPing, 1) {
		often.sends = append(often.sends, f, ping("x"))
		often.gets = append(often.gets, ponged("x"))
	}
	often.gets = slices.Insert(often.gets, len(often.gets)-1, jsonPonged) // The last ping comes after the text.
	cases["a ping after every byte"] = often
	return cases
}

func maskCases() map[string]exchange {
	zero := gobwas.MustCompileFrame(gobwas.MaskFrameWith(gobwas.NewTextFrame([]byte(jsonPing)), [4]byte{}))
	return map[string]exchange{
		"a text without":           {sends(unmasked(gobwas.OpText, jsonPing)), gets(closes(closeProtocol))},
		"an empty text without":    {sends(unmasked(gobwas.OpText, "")), gets(closes(closeProtocol))},
		"a ping without":           {sends(unmasked(gobwas.OpPing, "x")), gets(closes(closeProtocol))},
		"a close without":          {sends(unmasked(gobwas.OpClose, closePayload(1000, ""))), gets(closes(closeProtocol))},
		"a continuation without":   {sends(first(jsonPing[:9]), unmasked(gobwas.OpContinuation, jsonPing[9:])), gets(closes(closeProtocol))},
		"a mask of zeros":          {sends(zero), gets(jsonPonged)},
		"another mask every frame": {sends(zero, textFrame(jsonPing), zero), gets(jsonPonged, jsonPonged, jsonPonged)},
	}
}
