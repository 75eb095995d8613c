package ws_test

import (
	"fmt"
	"strings"
)

// What is UTF-8 and what is not, by Autobahn's numbers: after Markus Kuhn's stress test of decoders.
var (
	validUTF8 = map[string][]string{
		"6.2 text":                     {"Hello-µ@ßöäüàá-UTF-8!!", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"},
		"6.5 whole characters":         {"κ", "κό", "κόσ", "κόσμ", "κόσμε"},
		"6.7 the first of each length": {"\xc2\x80", "\xe0\xa0\x80", "\xf0\x90\x80\x80"},
		"6.9 the last of each length":  {"\x7f", "\xdf\xbf", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf"},
		"6.11 at the boundaries":       {"\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbd", "\xf4\x8f\xbf\xbf"},
		"6.22 no characters, and yet valid": {
			"\xef\xbf\xbe", "\xf0\x9f\xbf\xbe", "\xf0\x9f\xbf\xbf", "\xf0\xaf\xbf\xbe", "\xf0\xbf\xbf\xbf", "\xf1\x8f\xbf\xbe", "\xf1\xbf\xbf\xbf",
			"\xf2\x8f\xbf\xbe", "\xf2\xbf\xbf\xbf", "\xf3\x8f\xbf\xbe", "\xf3\xbf\xbf\xbf", "\xf4\x8f\xbf\xbe",
		},
		"6.23 specials": {"\xef\xbf\xb9", "\xef\xbf\xba", "\xef\xbf\xbb", "\xef\xbf\xbc", "\xef\xbf\xbd"},
	}
	invalidUTF8 = map[string][]string{
		"6.3 a surrogate within a text":          {"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"},
		"6.4 above the last character in a text": {"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80edited"},
		"6.6 cut inside of a character":          {"\xce", "\xce\xba\xe1", "\xce\xba\xe1\xbd", "\xce\xba\xe1\xbd\xb9\xcf", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce"},
		"6.8 the first of five and six bytes":    {"\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80"},
		"6.10 the last of more than four bytes":  {"\xf7\xbf\xbf\xbf", "\xfb\xbf\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf\xbf"},
		"6.11 beyond the boundary":               {"\xf4\x90\x80\x80"},
		"6.12 unexpected continuations":          {"\x80", "\xbf", "\x80\xbf", "\x80\xbf\x80", "\x80\xbf\x80\xbf", "\x80\xbf\x80\xbf\x80", "\x80\xbf\x80\xbf\x80\xbf", "\x80\x81\x82\x83\x9e\x9f\xa0\xbe"},
		"6.13 lonely starts":                     {"\xc0 \xc1 \xdf ", "\xe0 \xe1 \xef ", "\xf0 \xf1 \xf7 ", "\xf8 \xf9 \xfa \xfb ", "\xfc \xfd "},
		"6.14 without the last byte": {
			"\xc0", "\xe0\x80", "\xf0\x80\x80", "\xf8\x80\x80\x80", "\xfc\x80\x80\x80\x80", "\xdf", "\xef\xbf", "\xf7\xbf\xbf", "\xfb\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf",
		},
		"6.15 all of these in a row": {"\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80\xfc\x80\x80\x80\x80\xdf\xef\xbf\xf7\xbf\xbf\xfb\xbf\xbf\xbf\xfd\xbf\xbf\xbf\xbf"},
		"6.16 impossible bytes":      {"\xfe", "\xff", "\xfe\xfe\xff\xff"},
		"6.17 an overlong slash":     {"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xfc\x80\x80\x80\x80\xaf"},
		"6.18 the largest overlong":  {"\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x87\xbf\xbf\xbf", "\xfc\x83\xbf\xbf\xbf\xbf"},
		"6.19 an overlong NUL":       {"\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf8\x80\x80\x80\x80", "\xfc\x80\x80\x80\x80\x80"},
		"6.20 a surrogate":           {"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf", "\xed\xb0\x80", "\xed\xbe\x80", "\xed\xbf\xbf"},
		"6.21 surrogates in pairs":   {"\xed\xa0\x80\xed\xb0\x80", "\xed\xa0\x80\xed\xbf\xbf", "\xed\xad\xbf\xed\xb0\x80", "\xed\xad\xbf\xed\xbf\xbf", "\xed\xae\x80\xed\xb0\x80", "\xed\xae\x80\xed\xbf\xbf", "\xed\xaf\xbf\xed\xb0\x80", "\xed\xaf\xbf\xed\xbf\xbf"},
	}
)

// utf8Cases sends each text as the id of a ping, whole and in fragments of one byte, so that a character is cut between
// any of its bytes. A text is judged when it is complete; Autobahn calls that non-strict in 6.4, where it would like to
// see the end with the first byte that is wrong.
func utf8Cases() map[string]exchange {
	cases := map[string]exchange{
		"6.1.1 an empty text":                       {sends(textFrame("")), gets(refused)},
		"6.1.2 three empty fragments":               {sends(first(""), more(""), last("")), gets(refused)},
		"6.1.3 three fragments, one of them filled": {sends(first(""), more(jsonPing), last("")), gets(jsonPonged)},
		"6.7.1 NUL":                              {sends(textFrame("\x00")), gets(refused)},
		"invalid, and nothing after it is heard": {sends(textFrame("\xff"), textFrame(jsonPing)), gets(closes(closeNotUTF8))},
		"a fragment each for the halves of a character": {
			sends(first(`{"type":"ping","id":"`+"\xce"), ping("x"), last("\xba"+`"}`)), gets(ponged("x"), jsonPongedID("κ")),
		},
		"a character that never ends, before another text": {
			sends(textFrame(strings.Repeat("x", 10)+"\xce"), textFrame("\xba")), gets(closes(closeNotUTF8)),
		},
	}
	add := func(name, id string, wanted expectation) {
		text := `{"type":"ping","id":"` + id + `"}`
		cases[name] = exchange{sends(textFrame(text)), gets(wanted)}
		cases[name+", byte by byte"] = exchange{fragments(text, 1), gets(wanted)}
	}
	for name, ids := range validUTF8 {
		for i, id := range ids {
			add(fmt.Sprintf("%s %d, valid", name, i+1), id, jsonPongedID(id))
		}
	}
	for name, ids := range invalidUTF8 {
		for i, id := range ids {
			add(fmt.Sprintf("%s %d, invalid", name, i+1), id, closes(closeNotUTF8))
			// The text ends with it, where a decoder may think that more is to come.
			cases[fmt.Sprintf("%s %d, invalid, at the end", name, i+1)] = exchange{sends(textFrame(id)), gets(closes(closeNotUTF8))}
		}
	}
	return cases
}
