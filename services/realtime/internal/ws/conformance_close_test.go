package ws_test

import (
	"fmt"
	"slices"
	"strings"
)

func closeCases() map[string]exchange {
	normal := closeFrame(closePayload(1000, ""))
	reason := func(text string) [][]byte { return sends(closeFrame(closePayload(1000, text))) }
	cases := map[string]exchange{
		"7.1.1 a text, then a close":           {sends(textFrame(jsonPing), normal), gets(jsonPonged, closes(1000))},
		"7.1.2 two closes":                     {sends(normal, normal), gets(closes(1000))},
		"7.1.3 a ping after the close":         {sends(normal, ping("")), gets(closes(1000))},
		"7.1.4 a text after the close":         {sends(normal, textFrame(jsonPing)), gets(closes(1000))},
		"7.1.5 a close between fragments":      {sends(first(jsonPing[:9]), normal, last(jsonPing[9:])), gets(closes(1000))},
		"7.1.6 a large text, a close, a ping":  {sends(textFrame(padded(16<<10)), normal, ping("")), gets(jsonPonged, closes(1000))},
		"what is broken after the close":       {sends(normal, raw(0xff, "x")), gets(closes(1000))},
		"7.3.1 an empty payload":               {sends(closeFrame("")), gets(closes(closeEmpty))},
		"7.3.2 a payload of one byte":          {sends(closeFrame("a")), gets(closes(closeProtocol))},
		"7.3.3 a code":                         {sends(normal), gets(closes(1000))},
		"7.3.4 a code and a reason":            {reason("Hello World!"), gets(closes(1000))},
		"7.3.5 the longest reason":             {reason(strings.Repeat("*", 123)), gets(closes(1000))},
		"7.3.6 too long a reason":              {reason(strings.Repeat("*", 124)), gets(closes(closeProtocol))},
		"a reason in Greek":                    {reason("κόσμε"), gets(closes(1000))},
		"7.5.1 a reason that is not UTF-8":     {reason("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"), gets(closes(closeNotUTF8))},
		"a reason cut inside of a character":   {reason("\xce\xba\xe1"), gets(closes(closeNotUTF8))},
		"a bad reason and a bad code":          {sends(closeFrame(closePayload(999, "\xff"))), gets(closes(closeProtocol))},
		"after our close only theirs is heard": {sends(raw(0x83, ""), textFrame(jsonPing), ping("x"), normal), gets(closes(closeProtocol))},
	}
	// 1012 to 1014 were assigned later; Autobahn has them among the valid ones since.
	for i, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		cases[fmt.Sprintf("7.7.%d the valid code %d", i+1, code)] = exchange{sends(closeFrame(closePayload(code, ""))), gets(closes(int(code)))}
	}
	for i, code := range []uint16{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999} {
		cases[fmt.Sprintf("7.9.%d the invalid code %d", i+1, code)] = exchange{sends(closeFrame(closePayload(code, ""))), gets(closes(closeProtocol))}
	}
	for i, code := range []uint16{5000, 65535} {
		cases[fmt.Sprintf("7.13.%d the code %d", i+1, code)] = exchange{sends(closeFrame(closePayload(code, ""))), gets(closes(closeProtocol))}
	}
	return cases
}

func miscCases() map[string]exchange {
	return map[string]exchange{
		"10.1.1 a large text in fragments of 1,300": {fragments(padded(16<<10), 1300), gets(jsonPonged)},
		"10.1.1 of 64 KiB":                          {fragments(padded(64<<10), 1300), gets(closes(closeTooBig))},
		"whole texts after one in fragments": {
			slices.Concat(fragments(padded(4000), 1300), sends(textFrame(jsonPing)), fragments(jsonPing, 5)), gets(jsonPonged, jsonPonged, jsonPonged),
		},
	}
}
