package plan

import (
	"fmt"
	"strings"
	"testing"
)

// rooted is a plan whose state has these addresses.
func rooted(move string, addresses ...string) string {
	resources := make([]string, len(addresses))
	for i, a := range addresses {
		mode := "managed"
		if strings.HasPrefix(a, "data.") {
			mode = "data"
		}
		resources[i] = fmt.Sprintf(`{"address":%q,"mode":%q,"type":"a","values":{}}`, a, mode)
	}
	drift := ""
	if from, to, ok := strings.Cut(move, ">"); ok {
		drift = fmt.Sprintf(`"resource_drift":[{"address":%q,"previous_address":%q,"type":"a","change":{"actions":["no-op"]}}],`, to, from)
	}
	return `{"format_version":"1.2","errored":false,` + drift + `"prior_state":{"values":{"root_module":{"resources":[` + strings.Join(resources, ",") + `]}}}}`
}

// TestRoot: two roots are others when they have no managed address in common, and both have some.
func TestRoot(t *testing.T) {
	many := func(from, to int) []string {
		var list []string
		for i := from; i < to; i++ {
			list = append(list, fmt.Sprintf("a.r[%d]", i))
		}
		return list
	}
	for name, tt := range map[string]struct {
		before, now []string
		move        string
		want        bool
	}{
		"the same":                      {[]string{"a.a", "a.b"}, []string{"a.a", "a.b"}, "", false},
		"one in common":                 {[]string{"a.a", "a.b"}, []string{"a.b", "a.c"}, "", false},
		"none in common":                {[]string{"a.a", "a.b"}, []string{"a.c"}, "", true},
		"only a data source in common":  {[]string{"a.a", "data.a.x"}, []string{"a.c", "data.a.x"}, "", true},
		"all moved":                     {[]string{"a.a"}, []string{"module.m.a.a"}, "a.a>module.m.a.a", false},
		"all moved, and known by it":    {[]string{"module.m.a.a"}, []string{"module.m.a.a"}, "a.a>module.m.a.a", false},
		"moved from elsewhere":          {[]string{"a.a"}, []string{"a.b"}, "a.x>a.b", true},
		"nothing before":                {nil, []string{"a.b"}, "", false},
		"nothing now":                   {[]string{"a.a"}, nil, "", false},
		"only data sources now":         {[]string{"a.a"}, []string{"data.a.b"}, "", false},
		"large ones, most in common":    {many(0, 9000), many(1000, 10000), "", false},
		"large ones, some in common":    {many(0, 9000), many(8500, 17500), "", false},
		"large ones, none in common":    {many(0, 9000), many(9000, 18000), "", true},
		"a large one, and a part of it": {many(0, 9000), many(0, 900), "", false},
	} {
		t.Run(name, func(t *testing.T) {
			before := readWith(t, rooted("", tt.before...), Options{})
			stored := before.Root()
			if len(stored) > headSize+8*maxRoot || (stored == nil) != (len(tt.before) == 0) {
				t.Errorf("%d bytes", len(stored))
			}
			now := readWith(t, rooted(tt.move, tt.now...), Options{})
			if got := now.AnotherRoot(stored); got != tt.want {
				t.Errorf("differs is %t", got)
			}
			for rotated, want := range map[*Options]bool{{Key: []byte("new"), PreviousKey: testKey}: tt.want, {Key: []byte("new")}: false} {
				p, err := Read(t.Context(), strings.NewReader(rooted(tt.move, tt.now...)), *rotated)
				if err != nil || p.AnotherRoot(stored) != want {
					t.Errorf("%s: differs is %t, %v", rotated.PreviousKey, !want, err)
				}
			}
		})
	}
	t.Run("without a state", func(t *testing.T) {
		stored := readWith(t, rooted("", "a.a", "a.b"), Options{}).Root()
		redacted := func(action, address string) string {
			return fmt.Sprintf(`{"format_version":"1.2","resource_changes":[{"address":"a.new","type":"a","change":{"actions":["create"]}},`+
				`{"address":%q,"previous_address":"a.x","type":"a","change":{"actions":[%q]}}]}`, address, action)
		}
		for _, tt := range []struct {
			raw  string
			opt  Options
			want bool
		}{
			{redacted("no-op", "a.a"), Options{}, false},
			{redacted("no-op", "a.c"), Options{}, true},
			{redacted("update", "a.c"), Options{}, false}, // only what changes may have been sent
			{strings.Replace(redacted("no-op", "a.c"), "a.x", "a.b", 1), Options{}, false},
			{redacted("create", "a.c"), Options{}, false},                   // its state may be empty
			{redacted("no-op", "a.c"), Options{Scope: ScopePartial}, false}, // a part of the same root, with a new resource
			{strings.TrimSuffix(redacted("no-op", "a.a"), "}") + "," + strings.TrimPrefix(rooted("", "a.z"), `{"format_version":"1.2",`), Options{}, true},
		} {
			if got := readWith(t, tt.raw, tt.opt).AnotherRoot(stored); got != tt.want {
				t.Errorf("%s: differs is %t", tt.raw, got)
			}
		}
		if p := readWith(t, rooted("", "a.c"), Options{}); !p.AnotherRoot(readWith(t, redacted("no-op", "a.a"), Options{}).Root()) {
			t.Error("what such a plan leaves is not compared")
		}
	})
	a, b := readWith(t, field(t, "case10x-a"), Options{}), readWith(t, field(t, "case10x-b"), Options{})
	if !b.AnotherRoot(a.Root()) || a.AnotherRoot(a.Root()) {
		t.Error("two units of a report are not told apart")
	}
}
