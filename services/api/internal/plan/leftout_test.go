package plan

import (
	"fmt"
	"strings"
	"testing"
)

// TestRead_left_out: one entry that cannot be stored is left out, counted and named; the others are read, its secrets are
// known, and a drift at its address stays open.
func TestRead_left_out(t *testing.T) {
	good := update("good", `{"n":1,"copy":"correct-horse"}`, `{"n":2,"copy":"correct-horse"}`)
	bad := func(before, after string) string {
		return update("bad", strings.Replace(before, "{", `{"p":"correct-horse",`, 1), after, `"before_sensitive":{"p":true}`)
	}
	long := strings.Repeat("a", 2049)
	for name, tt := range map[string]struct{ entry, resource, reason string }{
		"NUL in a value":             {bad(`{"a":"x\u0000y"}`, `{}`), "aws_thing.bad", "NUL"},
		"NUL in a name":              {bad(`{"a\u0000":"x"}`, `{}`), "aws_thing.bad", "NUL"},
		"NUL in an instance key":     {strings.Replace(bad(`{"b":1}`, `{}`), "aws_thing.bad", `aws_thing.bad[\"\u0000\"]`, 1), "aws_thing.bad", "NUL"},
		"a huge exponent":            {bad(`{"a":1e200000}`, `{}`), "aws_thing.bad", "number"},
		"a small exponent":           {bad(`{"a":1e-999999999}`, `{}`), "aws_thing.bad", "number"},
		"an exponent that overflows": {bad(`{"a":1e99999999999999999999}`, `{}`), "aws_thing.bad", "number"},
		"a number of many digits":    {bad(`{"a":1`+strings.Repeat("0", 1000)+`}`, `{}`), "aws_thing.bad", "number"},
		"a long address":             {strings.Replace(bad(`{"b":1}`, `{}`), "aws_thing.bad", long, 1), "", "more than 2048 bytes in address"},
		"a long previous address":    {strings.Replace(bad(`{"b":1}`, `{}`), `"mode"`, `"previous_address":"`+long+`","mode"`, 1), "aws_thing.bad", "previous_address"},
	} {
		t.Run(name, func(t *testing.T) {
			for i, raw := range []string{drifted(good, tt.entry), drifted(tt.entry, good)} {
				open := Object{OriginDrift, "aws_thing.bad"}
				p, err := readUnpacked(strings.NewReader(raw), Options{Key: testKey, Open: map[Object]Open{open: {}}})
				if err != nil {
					t.Fatal(err)
				}
				want := LeftOut{1, []Omission{{fmt.Sprintf("resource_drift[%d]", 1-i), tt.resource, ""}}}
				if len(p.LeftOut.Entries) == 1 {
					want.Entries[0].Reason = p.LeftOut.Entries[0].Reason
				}
				if fmt.Sprint(p.LeftOut) != fmt.Sprint(want) || !strings.Contains(want.Entries[0].Reason, tt.reason) {
					t.Errorf("%+v", p.LeftOut)
				}
				if len(p.Changes) != 1 || p.Changes[0].Address != "aws_thing.good" || strings.Contains(string(p.Changes[0].Actual), "correct-horse") {
					t.Errorf("%+v", p.Changes)
				}
				if v := p.Judge(open.Origin, open.ID); tt.resource == "aws_thing.bad" && !strings.Contains(name, "address") && !strings.Contains(name, "key") && v != (Verdict{Reason: reasonLeftOut}) {
					t.Errorf("%+v", v)
				}
			}
		})
	}
	t.Run("an entry without a change is not left out", func(t *testing.T) {
		raw := drifted(good, strings.Replace(bad(`{"a":"\u0000"}`, `{}`), "update", "no-op", 1))
		if p := read(t, raw); p.LeftOut.Count != 0 || len(p.Changes) != 1 {
			t.Errorf("%+v", p)
		}
	})
	t.Run("a resource of the state", func(t *testing.T) {
		raw := strings.TrimSuffix(drifted(good), "}") + `,"prior_state":{"values":{"root_module":{"resources":[{"address":"a.b","values":{"a":"\u0000"}}]}}}}`
		if p := read(t, raw); p.LeftOut.Count != 0 || len(p.Changes) != 1 {
			t.Errorf("%+v", p)
		}
	})
	t.Run("many", func(t *testing.T) {
		var entries []string
		for i := range 100 {
			entries = append(entries, update(fmt.Sprint("a", i), `{"a":"\u0000"}`, `{}`))
		}
		if p := read(t, drifted(entries...)); p.LeftOut.Count != 100 || len(p.LeftOut.Entries) != maxLeftOut {
			t.Errorf("%+v", p.LeftOut)
		}
	})
	t.Run("the report", func(t *testing.T) {
		p := read(t, field(t, "case17a"))
		if len(p.Changes) != 1 || p.LeftOut.Count != 1 || p.LeftOut.Entries[0].Resource != "aws_instance.nul" {
			t.Errorf("%+v", p)
		}
		if p := read(t, field(t, "case18a")); len(p.Changes) != 2 || !strings.Contains(string(p.Changes[1].Actual), "1e400") {
			t.Errorf("%+v", p)
		}
	})
}
