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
	a, b := readWith(t, field(t, "case10x-a"), Options{}), readWith(t, field(t, "case10x-b"), Options{})
	if !b.AnotherRoot(a.Root()) || a.AnotherRoot(a.Root()) {
		t.Error("two units of a report are not told apart")
	}
}
