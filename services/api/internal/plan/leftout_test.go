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

// TestRead_unreadable_entries: what is no entry of the format is left out, counted and named, its secrets are known, and a drift that
// it may be about stays open.
//
// Mutations: an unreadable entry that is kept; before that is not looked into; a mask that cannot be read and covers nothing; a
// nameless entry that leaves every drift alone; no parseDeep; an entry that is moved and leaves the drift of its old address alone.
func TestRead_unreadable_entries(t *testing.T) {
	good := update("good", `{"n":1,"copy":"correct-horse"}`, `{"n":2,"copy":"correct-horse"}`)
	bad := update("bad", `{"password":"correct-horse"}`, `{}`)
	const resource = "aws_thing.bad"
	with := func(old, now string) string {
		if !strings.Contains(bad, old) {
			t.Fatal(old, bad)
		}
		return strings.Replace(bad, old, now, 1)
	}
	states := `"before":{"password":"correct-horse"}`
	deep := strings.Repeat(`{"a":`, 600) + `{"password":"correct-horse"}` + strings.Repeat("}", 600)
	for name, tt := range map[string]struct{ entry, resource, reason string }{
		"null":               {`null`, "", "must be an object"},
		"a number":           {`7`, "", "must be an object"},
		"empty":              {`{}`, "", "address is required"},
		"no address":         {with(`"address"`, `"x"`), "", "address is required"},
		"address no text":    {with(`"address":"aws_thing.bad"`, `"address":7`), "", "address must be a string"},
		"previous no text":   {with(`"address"`, `"previous_address":7,"address"`), resource, "previous_address must be a string"},
		"no type":            {with(`"type"`, `"x"`), resource, "type is required"},
		"type no text":       {with(`"type":"aws_thing"`, `"type":7`), resource, "type must be a string"},
		"no change":          {with(`"change"`, `"x"`), resource, "change is required"},
		"null for a change":  {`{"address":"aws_thing.bad","type":"aws_thing","change":null}`, resource, "change is required"},
		"no actions":         {with(`"actions"`, `"x"`), resource, "change.actions is required"},
		"actions no list":    {with(`["update"]`, `"update"`), resource, "change.actions is required"},
		"before is a text":   {with(states, `"before":"x"`), resource, "change.before must be"},
		"after is a list":    {with(`"after":{}`, `"after":[{"password":"correct-horse"}]`), resource, "change.after must be"},
		"a mask is a text":   {update("bad", `{"p":"correct-horse"}`, `{}`, `"before_sensitive":{"p":"true"}`), resource, "change.before_sensitive"},
		"nested too deeply":  {update("bad", deep, `{}`), resource, "nested too deeply"},
		"moved, and no type": {with(`"type"`, `"previous_address":"aws_thing.old","x"`), resource, "type is required"},
	} {
		t.Run(name, func(t *testing.T) {
			open := Object{OriginDrift, "aws_thing.bad"}
			if strings.Contains(tt.entry, "old") {
				open.ID = "aws_thing.old"
			}
			for i, raw := range []string{drifted(good, tt.entry), drifted(tt.entry, good)} {
				p, err := readUnpacked(strings.NewReader(raw), Options{Key: testKey, Open: map[Object]Open{open: {}}})
				if err != nil {
					t.Fatal(err)
				}
				left := p.LeftOut
				if left.Count != 1 || left.Entries[0].Path != fmt.Sprintf("resource_drift[%d]", 1-i) || left.Entries[0].Resource != tt.resource ||
					!strings.Contains(left.Entries[0].Reason, tt.reason) {
					t.Errorf("%+v", left)
				}
				if len(p.Changes) != 1 || p.Changes[0].Address != "aws_thing.good" {
					t.Fatalf("%+v", p.Changes)
				}
				if strings.Contains(tt.entry, "correct-horse") == strings.Contains(string(p.Changes[0].Actual), "correct-horse") {
					t.Errorf("%s", p.Changes[0].Actual)
				}
				if v := p.Judge(open.Origin, open.ID); v != (Verdict{Reason: reasonLeftOut}) {
					t.Errorf("%+v", v)
				}
			}
		})
	}
	t.Run("it proves no refresh", func(t *testing.T) {
		raw := strings.TrimSuffix(drifted(`null`), "}") + `,"resource_changes":[{"address":"a.b","type":"a","change":{"actions":["no-op"]}}]}`
		if p := read(t, raw); p.Evidence.Refreshed != RefreshUnknown || p.LeftOut.Count != 1 {
			t.Errorf("%+v", p)
		}
	})
	t.Run("it makes no other plan of one that destroys", func(t *testing.T) {
		raw := strings.Replace(drifted(`{"address":"a.b","type":"a","change":{"actions":["delete"]}}`, `null`), "resource_drift", "resource_changes", 1)
		if p := read(t, raw); p.Evidence.Mode != ModeDestroy || p.LeftOut.Count != 1 {
			t.Errorf("%+v", p)
		}
	})
}
