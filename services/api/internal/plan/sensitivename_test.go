package plan

import (
	"strconv"
	"strings"
	"testing"
)

// TestNames_do_not_grow_without_bound: a name that another one has taken the place of is looked at again, and costs no memory.
//
// Mutations: a place that is taken by the first name for ever; one that is not compared by its hash; a map of names.
func TestNames_do_not_grow_without_bound(t *testing.T) {
	m := newNames()
	many := func() {
		var name [16]byte
		for i := range 1 << 14 {
			if k := m.kind(strconv.AppendInt(append(name[:0], "made_up_"...), int64(i), 10)); k != nameKnown {
				t.Fatalf("made_up_%d is of kind %b", i, k)
			}
			if !m.sensitive([]byte("token")) || m.sensitive([]byte("port")) {
				t.Fatalf("a name means something else after %d others", i)
			}
		}
	}
	if allocations := testing.AllocsPerRun(1, many); allocations > 100 {
		t.Errorf("%.0f allocations", allocations)
	}
}

// TestRead_masks_what_a_type_keeps_secret: attributes that are secret by the type of their resource, under a name that tells nothing.
//
// Mutation: byKind without a type.
func TestRead_masks_what_a_type_keeps_secret(t *testing.T) {
	for typ, attributes := range secretAttributes {
		for _, attribute := range attributes {
			entry := strings.Replace(update("a", `{"`+attribute+`":"swordfishes","n":1}`, `{"`+attribute+`":"swordfishes","n":2}`), `"type":"aws_thing"`, `"type":"`+typ+`"`, 1)
			if c := one(t, drifted(entry)); strings.Contains(string(c.Expected)+string(c.Actual), "swordfishes") {
				t.Errorf("%s.%s: %s", typ, attribute, c.Expected)
			}
		}
	}
}
