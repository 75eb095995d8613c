package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// pathsIn are the stored paths of the one change of a plan.
func pathsIn(t *testing.T, before, after string, more ...string) (Paths, *Change) {
	t.Helper()
	p, err := readUnpacked(strings.NewReader(drifted(update("a", before, after, more...))), Options{Key: testKey})
	if err != nil || len(p.Changes) != 1 {
		t.Fatalf("%d changes, %v", len(p.Changes), err)
	}
	c := &p.Changes[0]
	paths, ok := ReadPaths(c.Paths, c.Hash)
	if !ok {
		t.Fatal("the paths are not those of the difference")
	}
	return paths, c
}

// Mutations: show with the identity after the difference, the path of what was cut left out, paths that are alike not added up.
func TestPaths(t *testing.T) {
	nothing := func(string) bool { return false }
	t.Run("each has a hash of its values", func(t *testing.T) {
		one, _ := pathsIn(t, `{"a":1,"b":{"c":"x"}}`, `{"a":2,"b":{"c":"y"}}`)
		if got := one.Names(); !slices.Equal(got, []string{"a", "b.c"}) {
			t.Fatalf("paths %v", got)
		}
		same, _ := pathsIn(t, `{"a":1,"b":{"c":"x"},"z":1}`, `{"a":2,"b":{"c":"y"},"z":1}`)
		other, _ := pathsIn(t, `{"a":1,"b":{"c":"x"}}`, `{"a":2,"b":{"c":"z"}}`)
		gone, _ := pathsIn(t, `{"a":1}`, `{"a":2}`)
		switch {
		case same.DiffersFrom(one, nothing):
			t.Error("what is equal is none of it")
		case !other.DiffersFrom(one, nothing):
			t.Error("another value is no difference")
		case other.DiffersFrom(one, func(path string) bool { return path == "b.c" }):
			t.Error("an ignored path counts")
		case !gone.DiffersFrom(one, nothing) || !one.DiffersFrom(gone, nothing):
			t.Error("a path that is only on one side is no difference")
		}
	})
	t.Run("a masked value has one", func(t *testing.T) {
		masks := `"before_sensitive":{"s":true},"after_sensitive":{"s":true}`
		one, c := pathsIn(t, `{"s":{"k":"secret-one"}}`, `{"s":{"k":"secret-two"}}`, masks)
		other, _ := pathsIn(t, `{"s":{"k":"secret-one"}}`, `{"s":{"k":"secret-three"}}`, masks)
		if got := one.Names(); !slices.Equal(got, []string{"s"}) || !other.DiffersFrom(one, nothing) {
			t.Errorf("paths %v of %s", got, c.Difference)
		}
	})
	t.Run("of another difference they are not read", func(t *testing.T) {
		_, one := pathsIn(t, `{"a":1}`, `{"a":2}`)
		_, other := pathsIn(t, `{"a":1}`, `{"a":3}`)
		if _, ok := ReadPaths(one.Paths, other.Hash); ok {
			t.Error("they were read")
		}
		for i := range one.Paths {
			if _, ok := ReadPaths(one.Paths[:i], one.Hash); ok && i != headSize+ofDifference {
				t.Errorf("%d of %d bytes were read", i, len(one.Paths))
			}
		}
	})
	t.Run("what was cut is one path", func(t *testing.T) {
		long := func(last string) (before, after string) {
			var e, a strings.Builder
			for i := range 1200 {
				fmt.Fprintf(&e, `"k%04d":1,`, i)
				fmt.Fprintf(&a, `"k%04d":2,`, i)
			}
			return "{" + e.String() + `"z":1}`, "{" + a.String() + `"z":` + last + "}"
		}
		before, after := long("2")
		one, _ := pathsIn(t, before, after)
		before, after = long("3")
		other, _ := pathsIn(t, before, after)
		if names := one.Names(); names[len(names)-1] != cutPath || len(names) != 1001 {
			t.Errorf("%d paths, the last is %s", len(names), names[len(names)-1])
		}
		if !other.DiffersFrom(one, nothing) {
			t.Error("what is not shown does not count")
		}
	})
	t.Run("paths that are alike are one", func(t *testing.T) {
		one, c := pathsIn(t, `{"l":[{"name":"","v":1},{"name":"","v":1}]}`, `{"l":[{"name":"","v":2},{"name":"","v":3},{"name":"","v":3}]}`)
		other, _ := pathsIn(t, `{"l":[{"name":"","v":1},{"name":"","v":1}]}`, `{"l":[{"name":"","v":2},{"name":"","v":3}]}`)
		names := one.Names()
		if sorted := slices.Sorted(slices.Values(names)); len(slices.Compact(sorted)) != len(names) || !strings.Contains(string(c.Difference), " (2)") {
			t.Errorf("paths %q of %s", names, c.Difference)
		}
		if !one.DiffersFrom(other, nothing) {
			t.Error("the second of two does not count")
		}
		if got := PathName(names[0] + " (12)"); got != names[0] {
			t.Errorf("%q", got)
		}
	})
}
