package plan

import (
	"fmt"
	"slices"
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
				p, err := readUnpacked(strings.NewReader(raw), leftOutOptions)
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
				judgesTheRest(t, p, strings.Contains(name, "address") || strings.Contains(name, "key"))
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
// Mutations: an unreadable entry that is kept; before that is not looked into; a mask that cannot be read and covers nothing; no
// collectRaw; no isMasked, no errDuplicate, no secretAttributes in parse; full coverage although the entry
// may be about any resource; no standing marked; the old address of an entry that moved left alone.
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
		"a name twice":       {update("bad", `{"password":"correct-horse","a":1,"a":2}`, `{}`), resource, "has a duplicate name"},
		"a second mask":      {update("bad", `{"p":"correct-horse"}`, `{}`, `"before_sensitive":{"p":true}`, `"before_sensitive":false`), resource, "has a duplicate name"},
		"a second address":   {with(`"type"`, `"address":"aws_thing.other","type"`), resource, "has a duplicate name"},
		"many values":        {update("bad", `{"password":"correct-horse","l":[`+strings.Repeat(`7,`, maxValues)+`7]}`, `{}`), resource, "more than 131072 values"},
		"many values, masked": {update("bad", `{"p":"correct-horse","l":[`+strings.Repeat(`7,`, maxValues)+`7]}`, `{}`, `"before_sensitive":{"p":true}`), resource,
			"more than 131072 values"},
		"nested very deeply": {update("bad", strings.Repeat(`{"a":`, 9000)+`{"password":"correct-horse"}`+strings.Repeat("}", 9000), `{}`), resource, "nested too deeply"},
		"nested deeply, and masked": {update("bad", `{"p":"correct-horse","l":`+strings.Repeat("[", 200)+strings.Repeat("]", 200)+`}`, `{}`, `"after_sensitive":{"p":true}`), resource,
			"nested too deeply"},
		"nested deeply, and secret by kind": {strings.ReplaceAll(update("bad", `{"result":"correct-horse","l":`+strings.Repeat("[", 200)+strings.Repeat("]", 200)+`}`, `{}`),
			`"type":"aws_thing"`, `"type":"random_password"`), resource, "nested too deeply"},
	} {
		t.Run(name, func(t *testing.T) {
			for i, raw := range []string{drifted(good, tt.entry), drifted(tt.entry, good)} {
				p, err := readUnpacked(strings.NewReader(raw), leftOutOptions)
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
				judgesTheRest(t, p, tt.resource == "" || strings.Contains(tt.reason, "duplicate") || name == "previous no text")
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

// judgesTheRest checks that the drift of what the plan left out stays open, and every drift when it may be about any.
func judgesTheRest(t *testing.T, p *Plan, lost bool) {
	t.Helper()
	coverage, bad, gone := CoverageFull, Verdict{Reason: reasonLeftOut}, Verdict{Resolved: true, How: HowUnknown}
	if lost {
		coverage, bad, gone = CoveragePartial, Verdict{}, Verdict{}
	}
	if e := p.Evidence; e.Refreshed != RefreshProven || e.Coverage != coverage || slices.Contains(e.Reasons, reasonLost) != lost {
		t.Errorf("%+v", e)
	}
	if v := p.Judge(OriginDrift, "aws_thing.bad"); v != bad {
		t.Errorf("%+v", v)
	}
	if v := p.Judge(OriginDrift, "aws_thing.gone"); v != gone {
		t.Errorf("%+v", v)
	}
}

// leftOutOptions are those of a refresh-only plan of a whole root, with two open drifts.
var leftOutOptions = Options{Key: testKey, Mode: ModeRefreshOnly, Scope: ScopeFull, Open: map[Object]Open{
	{OriginDrift, "aws_thing.bad"}: {}, {OriginDrift, "aws_thing.gone"}: {},
}}

// TestRead_same_address_twice: the second entry is left out, its secrets are known, and what else the plan lists is read.
//
// Mutation: seen that is not asked.
func TestRead_same_address_twice(t *testing.T) {
	for _, list := range []string{"resource_drift", "resource_changes"} {
		raw := strings.Replace(drifted(update("a", `{"n":1}`, `{"n":"correct-horse"}`), update("b", `{"n":1}`, `{"n":2}`),
			update("a", `{"password":"correct-horse"}`, `{}`)), "resource_drift", list, 1)
		p, err := readUnpacked(strings.NewReader(raw), Options{Key: testKey, Mode: ModeRefreshOnly, Changes: true})
		if err != nil {
			t.Fatal(err)
		}
		if p.LeftOut.Count != 1 || p.LeftOut.Entries[0].Path != list+"[2]" || p.LeftOut.Entries[0].Resource != "aws_thing.a" ||
			!strings.Contains(p.LeftOut.Entries[0].Reason, "twice") || len(p.Changes) != 2 || p.Evidence.Coverage == CoveragePartial {
			t.Errorf("%+v %+v", p.LeftOut, p.Changes)
		}
		if out := shown(p, nil); strings.Contains(out, "correct-horse") {
			t.Error(out)
		}
	}
}

// TestRead_unreadable_elsewhere: a resource of the state, an output or a variable that cannot be read refuses nothing, and what
// it says to be secret is.
//
// Mutations: no collectRaw; all without secret, without sensitive in maskNames; an unreadable mask that covers nothing.
func TestRead_unreadable_elsewhere(t *testing.T) {
	many := `[` + strings.Repeat(`7,`, maxValues) + `7]`
	for name, part := range map[string]string{
		"a resource of many values": `"prior_state":{"values":{"root_module":{"resources":[{"address":"a.b","type":"a","values":{"p":"correct-horse","l":` + many +
			`},"sensitive_values":{"p":true}}]}}}`,
		"a resource with a name twice":   `"planned_values":{"root_module":{"resources":[{"address":"a.b","type":"a","values":{"p":"correct-horse","p":1}}]}}`,
		"a resource with a mask of text": `"prior_state":{"values":{"root_module":{"resources":[{"address":"a.b","type":"a","values":{"p":"correct-horse"},"sensitive_values":"x"}]}}}`,
		"an output of many values":       `"prior_state":{"values":{"outputs":{"o":{"sensitive":true,"value":["correct-horse",` + many + `]}}}}`,
		"an output by its name":          `"prior_state":{"values":{"outputs":{"password":{"value":["correct-horse",` + many + `]}}}}`,
		"an output with a mask of text":  `"planned_values":{"outputs":{"o":{"sensitive":"true","value":"correct-horse"}}}`,
		"a changed output":               `"output_changes":{"o":{"actions":["update"],"before":"correct-horse","before_sensitive":"x"}}`,
		"a deferred change":              `"deferred_changes":[{"resource_change":{"change":{"before":{"p":"correct-horse"},"before_sensitive":"x"}}}]`,
		"a variable of many values": `"configuration":{"root_module":{"variables":{"v":{"sensitive":true}}}},"variables":{"w":{"value":"x"},"v":{"value":["correct-horse",` +
			many + `]}}`,
		"a variable by its name": `"variables":{"w":{"value":"x"},"db_password":{"value":["correct-horse",` + many + `]}}`,
		"many variables":         `"variables":{"v":{"value":` + many + `},"w":{"value":` + many + `},"token":{"value":"correct-horse"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			raw := strings.TrimSuffix(drifted(update("a", `{"n":1}`, `{"n":"correct-horse"}`)), "}") + "," + part + "}"
			p, err := readUnpacked(strings.NewReader(raw), Options{Key: testKey})
			if out := shown(p, err); strings.Contains(out, "correct-horse") || err != nil || len(p.Changes) != 1 {
				t.Error(out, err)
			}
		})
	}
	t.Run("a resource of many values is still there", func(t *testing.T) {
		raw := strings.TrimSuffix(drifted(update("a", `{"n":1}`, `{"n":2}`)), "}") + `,"prior_state":{"values":{"root_module":{"resources":[` +
			`{"address":"aws_thing.b","mode":"managed","type":"aws_thing","values":{"l":` + many + `}}]}}}}`
		p := readWith(t, raw, Options{Open: map[Object]Open{{OriginDrift, "aws_thing.b"}: {}}})
		if v := p.Judge(OriginDrift, "aws_thing.b"); v != (Verdict{Resolved: true, How: HowUnknown}) {
			t.Errorf("%+v", v)
		}
	})
}
