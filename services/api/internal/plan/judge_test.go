package plan

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// opened are the changes of a plan as the open drifts of a later one.
func opened(t *testing.T, raw string, opt Options) map[Object]Open {
	t.Helper()
	p := readWith(t, raw, opt)
	open := map[Object]Open{}
	for i := range p.Changes {
		c := &p.Changes[i]
		open[Object{c.Origin, c.ResourceID()}] = Open{Hash: c.Hash, Sides: p.Unpack(c).Sides}
	}
	return open
}

// clean is a refresh-only plan without drift, in whose state aws_thing.a has these values.
func clean(values string) string {
	const resource = `"address":"aws_thing.a","mode":"managed","type":"aws_thing","name":"a"`
	state := ""
	if values != "" {
		state = `,"prior_state":{"values":{"root_module":{"resources":[{` + resource + `,"values":` + values + `}]}}}`
	}
	return `{"format_version":"1.2","complete":true` + state + `,"configuration":{"root_module":{"resources":[{` + resource + `}]}}}`
}

// TestPlan_Judge_how: how a drift was resolved is what the state has now, also where values are masked.
func TestPlan_Judge_how(t *testing.T) {
	policy := func(actions string) string { return quoted(`{"Statement":{"Sid":"a","Action":[` + actions + `]}}`) }
	for _, tt := range []struct {
		name, before, after string
		values              string
		want                How
	}{
		{"reverted", `{"v":1,"x":1}`, `{"v":2,"x":1}`, `{"v":1.0,"x":5}`, HowReverted},
		{"accepted", `{"v":1}`, `{"v":2}`, `{"v":2}`, HowAccepted},
		{"a third value", `{"v":1}`, `{"v":2}`, `{"v":3}`, HowSuperseded},
		{"one of each", `{"v":1,"w":1}`, `{"v":2,"w":2}`, `{"v":1,"w":2}`, HowSuperseded},
		{"a secret", `{"password":"old"}`, `{"password":"new"}`, `{"password":"old"}`, HowReverted},
		{"a secret that was kept", `{"password":"old"}`, `{"password":"new"}`, `{"password":"new"}`, HowAccepted},
		{"a name that is gone again", `{"tags":{}}`, `{"tags":{"a":"x"}}`, `{"tags":{"b":"y"}}`, HowReverted},
		{"a name that was kept", `{"tags":{}}`, `{"tags":{"a":"x"}}`, `{"tags":{"a":"x","b":"y"}}`, HowAccepted},
		{"a name that was lost and is back", `{"tags":{"a":"x"}}`, `{"tags":null}`, `{"tags":{"a":"x"}}`, HowReverted},
		{"a name of one tag", `{"tags":{"a":"x"}}`, `{"tags":{"a":"y"}}`, `{"tags":{"a":"z"}}`, HowSuperseded},
		{"a member that is gone again", `{"l":["a"]}`, `{"l":["b","a"]}`, `{"l":["c","a"]}`, HowReverted},
		{"a member that was kept", `{"l":["a"]}`, `{"l":["b","a"]}`, `{"l":["c","b"]}`, HowAccepted},
		{"a member that was lost and is back", `{"l":["a","b"]}`, `{"l":["a"]}`, `{"l":["b"]}`, HowReverted},
		{"a member that stays away", `{"l":["a","b"]}`, `{"l":["a"]}`, `{"l":[]}`, HowAccepted},
		{"a member that was there twice", `{"l":["a","a"]}`, `{"l":["a"]}`, `{"l":["a"]}`, HowUnknown},
		{"a member that came twice", `{"l":["a"]}`, `{"l":["a","a"]}`, `{"l":["a"]}`, HowUnknown},
		{"two new ones that are equal", `{"l":["a"]}`, `{"l":["b","b"]}`, `{"l":["b","b"]}`, HowAccepted},
		{"a changed block", `{"l":[{"name":"x","n":1},{"name":"y"}]}`, `{"l":[{"name":"y"},{"name":"x","n":2}]}`, `{"l":[{"name":"z"},{"name":"x","n":1}]}`, HowReverted},
		{"a block changed again", `{"l":[{"name":"x","n":1},{"name":"y"}]}`, `{"l":[{"name":"y"},{"name":"x","n":2}]}`, `{"l":[{"name":"x","n":3}]}`, HowSuperseded},
		{"in a block in a block", `{"l":[{"m":[{"n":1}]}]}`, `{"l":[{"m":[{"n":2}]}]}`, `{"l":[{"m":[{"n":2}]}]}`, HowAccepted},
		{"an order that is back", `{"l":["a","b"]}`, `{"l":["b","a"]}`, `{"l":["a","b"]}`, HowReverted},
		{"an order that was kept", `{"l":["a","b"]}`, `{"l":["b","a"]}`, `{"l":["b","a"]}`, HowAccepted},
		{"in a document", `{"d":` + quoted(`{"a":{"b":1},"c":1}`) + `}`, `{"d":` + quoted(`{"a":{"b":2},"c":1}`) + `}`, `{"d":` + quoted(`{"c":7,"a":{"b":1}}`) + `}`, HowReverted},
		{"a document that is a list", `{"d":` + quoted(`[{"name":"a","n":1},{"name":"b"}]`) + `}`, `{"d":` + quoted(`[{"name":"a","n":2},{"name":"b"}]`) + `}`, `{"d":` + quoted(`[{"name":"a","n":2}]`) + `}`, HowAccepted},
		{"a document that is a list with an empty member", `{"d":` + quoted(`["b","a"]`) + `}`, `{"d":` + quoted(`["b",{}]`) + `}`, `{"d":` + quoted(`["b",{}]`) + `}`, HowAccepted},
		{"in a policy", `{"p":` + policy(`"a"`) + `}`, `{"p":` + policy(`"b","a"`) + `}`, `{"p":` + quoted(`{"Statement":[{"Sid":"a","Action":"a"}]}`) + `}`, HowReverted},
		{"in a policy, kept", `{"p":` + policy(`"a"`) + `}`, `{"p":` + policy(`"b","a"`) + `}`, `{"p":` + policy(`"a","b"`) + `}`, HowAccepted},
		{"deleted, and there again", `{"v":1}`, `null`, `{"v":2}`, HowReverted},
		{"created, and still there", `null`, `{"v":1}`, `{"v":2}`, HowAccepted},
		{"no state", `{"v":1}`, `{"v":2}`, ``, HowUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			open := opened(t, drifted(update("a", tt.before, tt.after)), Options{})
			want := Verdict{Resolved: true, How: tt.want}
			if v := readWith(t, clean(tt.values), Options{Open: open, Mode: ModeRefreshOnly}).Judge(OriginDrift, "aws_thing.a"); v != want {
				t.Errorf("got %+v, want %+v", v, want)
			}
			rotated := Options{Open: open, PreviousKey: testKey, Mode: ModeRefreshOnly}
			rotated.Key = []byte("another key")
			p, err := Read(t.Context(), strings.NewReader(clean(tt.values)), rotated)
			if err != nil {
				t.Fatal(err)
			}
			if v := p.Judge(OriginDrift, "aws_thing.a"); v != want {
				t.Errorf("after the key changed: got %+v, want %+v", v, want)
			}
			rotated.PreviousKey = nil
			if p, err = Read(t.Context(), strings.NewReader(clean(tt.values)), rotated); err != nil {
				t.Fatal(err)
			}
			if v := p.Judge(OriginDrift, "aws_thing.a"); v != (Verdict{Resolved: true, How: HowUnknown}) {
				t.Errorf("with an unknown key: %+v", v)
			}
		})
	}
	t.Run("both origins of a resource", func(t *testing.T) {
		open := opened(t, drifted(update("a", `{"v":1}`, `{"v":2}`)), Options{})
		open[Object{OriginChange, "aws_thing.a"}] = open[Object{OriginDrift, "aws_thing.a"}]
		if v := readWith(t, clean(`{"v":2}`), Options{Open: open}).Judge(OriginDrift, "aws_thing.a"); v.How != HowAccepted {
			t.Errorf("%+v", v)
		}
	})
	t.Run("very many differences", func(t *testing.T) {
		open := opened(t, drifted(update("a", `{`+repeated(500, `"k%d":1`)+`}`, `{}`)), Options{})
		if n := len(open[Object{OriginDrift, "aws_thing.a"}].Sides); n > headSize+1+maxSides*sideSize+8 {
			t.Errorf("%d bytes", n)
		}
		if v := readWith(t, clean(`{"v":2}`), Options{Open: open}).Judge(OriginDrift, "aws_thing.a"); v.How != HowUnknown {
			t.Errorf("%+v", v)
		}
	})
}

// TestPlan_Judge_field: the state after an apply, by real Terraform, tells how each of four drifts was resolved.
func TestPlan_Judge_field(t *testing.T) {
	p := readWith(t, field(t, "case26b"), Options{Open: opened(t, field(t, "case26a"), Options{})})
	for id, how := range map[string]How{
		"aws_instance.plain": HowAccepted, "aws_instance.web": HowAccepted, "aws_security_group.core": HowReverted,
	} {
		if v := p.Judge(OriginDrift, id); v != (Verdict{Resolved: true, How: how}) {
			t.Errorf("%s: %+v, want %s", id, v, how)
		}
	}
	for _, later := range []string{"case27b", "case01b"} {
		p := readWith(t, field(t, later), Options{Scope: ScopeFull, Open: opened(t, field(t, "case27a"), Options{})})
		if v := p.Judge(OriginDrift, "aws_db_instance.main"); v != (Verdict{}) {
			t.Errorf("%s: %+v", later, v)
		}
	}
}

// TestChange_Matches: the first plan after an upgrade, or after the key changed, finds the same differences.
func TestChange_Matches(t *testing.T) {
	const before, after = `{"l":["a","b"],"d":{"x":1},"p":"old"}`, `{"l":["a","c"],"d":{"x":2},"p":"new"}`
	raw, mask := drifted(update("a", before, after)), drifted(update("a", before, after, `"before_sensitive":{"d":true,"p":true}`))
	first := func(hash []byte) []byte { // the hash by version 1
		p := readWith(t, raw, Options{Open: map[Object]Open{{OriginDrift, "aws_thing.a"}: {Hash: hash}}})
		if len(p.Changes[0].older) == 0 {
			return nil
		}
		return p.Changes[0].older[0]
	}
	old := first(bytes.Repeat([]byte{7}, 32))
	// What the release before this one stored for this plan.
	if want := "f939ef210d58"; !strings.HasPrefix(fmt.Sprintf("%x", old), want) {
		t.Errorf("version 1 is %x", old)
	}
	present := readWith(t, raw, Options{}).Changes[0].Hash
	another := []byte("another key")
	for name, tt := range map[string]struct {
		stored []byte
		opt    Options
		raw    string
		want   bool
	}{
		"the same":                             {present, Options{Key: testKey}, raw, true},
		"masked by now":                        {present, Options{Key: testKey}, mask, true},
		"of version 1":                         {old, Options{Key: testKey}, raw, true},
		"of version 1, masked by now":          {old, Options{Key: testKey}, mask, true},
		"of version 1, another difference":     {old, Options{Key: testKey}, strings.Replace(raw, "new", "newer", 1), false},
		"of version 1, another key":            {old, Options{Key: another}, raw, false},
		"of version 1, the previous key":       {old, Options{Key: another, PreviousKey: testKey}, raw, true},
		"another key":                          {present, Options{Key: another}, raw, false},
		"the previous key":                     {present, Options{Key: another, PreviousKey: testKey}, raw, true},
		"the previous key, masked by now":      {present, Options{Key: another, PreviousKey: testKey}, mask, true},
		"the previous key, another difference": {present, Options{Key: another, PreviousKey: testKey}, strings.Replace(raw, "new", "newer", 1), false},
	} {
		t.Run(name, func(t *testing.T) {
			tt.opt.Open = map[Object]Open{{OriginDrift, "aws_thing.a"}: {Hash: tt.stored}}
			p, err := Read(t.Context(), strings.NewReader(tt.raw), tt.opt)
			if err != nil {
				t.Fatal(err)
			}
			c := &p.Changes[0]
			if c.Matches(tt.stored) != tt.want || !c.Matches(c.Hash) {
				t.Errorf("%x, stored %x", c.Hash, tt.stored)
			}
		})
	}
	if first(present) != nil {
		t.Error("the hash of version 1 is made though nothing has it")
	}
}
