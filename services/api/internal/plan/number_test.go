package plan

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// writtenOut is how many bytes a document takes with its numbers written out, as the database does.
func writtenOut(t *testing.T, doc json.RawMessage) int {
	t.Helper()
	size := len(doc)
	dec := json.NewDecoder(strings.NewReader(string(doc)))
	dec.UseNumber()
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		if n, ok := token.(json.Number); ok {
			if _, power, found := strings.Cut(n.String(), "e"); found {
				zeros, err := strconv.Atoi(power)
				if err != nil {
					t.Fatal(err)
				}
				size += max(zeros, -zeros)
			}
		}
	}
	return size
}

// TestRead_numbers_take_what_they_are_sent_with: a number that the database would write out at length is stored as a text, the
// others as they are.
//
// Mutations: isLongWritten always false; without the negative limit.
func TestRead_numbers_take_what_they_are_sent_with(t *testing.T) {
	list := func(form string) string {
		all := make([]string, 0, 10_000)
		for i := range cap(all) {
			all = append(all, fmt.Sprintf(form, 100+i%900))
		}
		return `{"l":[` + strings.Join(all, ",") + `],"d":` + quoted(`{"n":`+all[0]+`}`) + `}`
	}
	for _, form := range []string{"1e%d", "1E-%d", "-1.5e%d"} {
		before, after := strings.ToLower(list(form)), strings.ToLower(list("2"+form[strings.IndexAny(form, "eE"):]))
		manual, err := ReadManual(Manual{Expected: json.RawMessage(before), Actual: json.RawMessage(after)}, Options{Key: testKey})
		if err != nil {
			t.Fatal(err)
		}
		for origin, c := range map[string]Change{"plan": one(t, drifted(update("a", before, after))), "manual": *manual} {
			stored := writtenOut(t, c.Expected) + writtenOut(t, c.Actual) + writtenOut(t, c.Difference)
			if sent := len(before) + len(after); stored > 4*sent {
				t.Errorf("%s, %s: %d bytes are stored of %d", form, origin, stored, sent)
			}
		}
	}
	c := one(t, drifted(update("a", `{"big":9223372036854775808,"x":1e32,"y":1e-32,"z":1e33}`, `{"big":9223372036854775809,"x":1e32,"y":1e-32,"z":1e33}`)))
	if string(c.Expected) != `{"big":9223372036854775808,"x":1e32,"y":1e-32,"z":"1e33"}` ||
		string(c.Difference) != `{"big":{"expected":9223372036854775808,"actual":9223372036854775809}}` {
		t.Errorf("%s %s", c.Expected, c.Difference)
	}
}
