package plan

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestAttackMasks: a mask that does not match the values hides too much, never too little; what is no mask is refused.
// Mutations, each caught in the case named: elements without the comparison of lengths (shorter, longer), hides without
// its comparison of kinds (an object over a list, a list over a text), isMask that takes texts (a text) or numbers (a number),
// one side's mask not read (that side).
func TestAttackMasks(t *testing.T) {
	const before, after = `{"l":["pin-1","pin-2","pin-3"],"o":{"a":"pin-4"},"s":"pin-5","x":1}`, `{"l":["pin-1","pin-2","pin-3"],"o":{"a":"pin-4"},"s":"pin-5","x":2}`
	for _, tt := range []struct{ name, mask, hidden string }{
		{"shorter", `{"l":[true]}`, "pin-1 pin-2 pin-3"},
		{"shorter, and another element", `{"l":[false,true]}`, "pin-1 pin-2 pin-3"},
		{"longer", `{"l":[false,false,false,true]}`, "pin-1 pin-2 pin-3"},
		{"shorter, of a set of objects", `{"l":[{"a":true}]}`, "pin-1 pin-2 pin-3"},
		{"an object over a list", `{"l":{"0":true}}`, "pin-1 pin-2 pin-3"},
		{"a list over an object", `{"o":[true]}`, "pin-4"},
		{"a list over a text", `{"s":[true]}`, "pin-5"},
		{"an object over a text, deep", `{"s":{"a":[{"b":[true]}]}}`, "pin-5"},
		{"a list over all", `[true]`, "pin-1 pin-2 pin-3 pin-4 pin-5"},
		{"nothing of another shape", `{"s":[false],"l":[]}`, ""},
		{"a name that is not there", `{"password":true}`, ""},
	} {
		for _, side := range []string{"before_sensitive", "after_sensitive"} {
			t.Run(tt.name+"/"+side, func(t *testing.T) {
				out := shown(readUnpacked(strings.NewReader(drifted(update("a", before, after, `"`+side+`":`+tt.mask))), Options{Key: testKey}))
				for i := 1; i <= 5; i++ {
					pin := fmt.Sprintf("pin-%d", i)
					if strings.Contains(out, pin) == strings.Contains(tt.hidden, pin) {
						t.Errorf("%s: want these hidden and no others: %q\n%s", pin, tt.hidden, out)
					}
				}
			})
		}
	}
	for name, mask := range map[string]string{
		"a text": `{"s":"true"}`, "a number": `{"s":1}`, "a text, deep": `{"l":[[[{"a":"yes"}]]]}`,
		"very deep": strings.Repeat("[", 1_000_000) + strings.Repeat("]", 1_000_000), "twice": `true,"before_sensitive":false`,
		"twice in it": `{"s":true,"s":false}`,
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Read(t.Context(), strings.NewReader(drifted(update("a", before, after, `"before_sensitive":`+mask))), Options{Key: testKey})
			_, refused := errors.AsType[*Error](err)
			if !refused && (p == nil || p.LeftOut.Count != 1 || len(p.Changes) > 0) {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
}

// TestAttackPlan: a plan that is made to take long, or much, or to mean two things is refused with an error that says so, and
// what it repeats of the plan is nothing.
//
// Mutations, each caught in the case named: no known names in object (a name
// twice, at the top), no maxPending (a long text, skipped), no maxSecrets, no maxChanges (too many). Without MaxDepth the decoder's own bound refuses what is here;
// TestRead_errors has a nesting between the two.
func TestAttackPlan(t *testing.T) {
	const million = 1_000_000
	top := func(members string) string { return `{"format_version":"1.2","complete":true,` + members + `}` }
	for _, tt := range []struct {
		name, raw, says string
		large           bool
	}{
		{"deep", drifted(update("a", strings.Repeat(`{"a":`, million)+"1"+strings.Repeat("}", million), `{}`)), "nest", false},
		{"deep lists", drifted(update("a", `{"a":`+strings.Repeat("[", million)+strings.Repeat("]", million)+`}`, `{}`)), "nest", false},
		{"deep, skipped", top(`"checks":` + strings.Repeat("[", million) + strings.Repeat("]", million)), "nest", false},
		{"deep, never closed", top(`"checks":` + strings.Repeat(`{"a":`, million)), "nest", false},
		{"a name twice, at the top", top(`"errored":true,"errored":false`), "duplicate", false},
		{"a name twice, escaped", top(`"errored":true,"err\u006fred":false`), "duplicate", false},
		{"a name twice, in a state", top(`"prior_state":{"values":{"root_module":{}},"values":{}}`), "duplicate", false},
		{"invalid UTF-8 in a name", drifted(update("a", "{\"\xc3\x28\":1}", `{}`)), "UTF-8", false},
		{"an overlong NUL", drifted(update("a", "{\"a\":\"\xc0\x80\"}", `{}`)), "UTF-8", false},
		{"a surrogate in UTF-8", top("\"checks\":\"\xed\xa0\x80\""), "UTF-8", false},
		{"a long text, skipped", top(`"checks":"` + strings.Repeat("x", maxPending+1<<16) + `"`), "16777216 bytes", true},
		{"a long number, skipped", top(`"checks":` + strings.Repeat("7", maxPending+1<<16)), "16777216 bytes", true},
		{"a long name", top(`"` + strings.Repeat("x", maxPending+1<<16) + `":1`), "16777216 bytes", true},
		{"a large resource", drifted(update("a", `{"a":"`+strings.Repeat("x", maxPending)+`"}`, `{}`)), "16777216 bytes", true},
		{"too many that differ", drifted(repeated(maxChanges+1, `{"address":"a.a%d","type":"a","change":{"actions":["update"],"before":{"a":1},"after":{}}}`)), "25000", true},
		{"too many", top(`"resource_changes":[` + repeated(maxResources+1, `{"address":"a.a%d","type":"a","change":{"actions":["no-op"]}}`) + `]`), "150000", true},
		{"too many names", top(`"output_changes":{` + repeated(maxValues+1, `"n%d":{}`) + `}`), "131072 names", true},
		{"too many secrets", top(`"prior_state":{"values":{"root_module":{"resources":[` + repeatedWith("@", 4, strings.Replace(
			`{"address":"a.a","sensitive_values":true,"values":{"a":[#]}}`, "#", repeated(50_000, `"`+strings.Repeat("s", 200)+`-%d-@"`), 1)) + `]}}}`), "sensitive", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Read(t.Context(), strings.NewReader(tt.raw), Options{Key: testKey})
			e, ok := errors.AsType[*Error](err)
			if !ok || !strings.Contains(e.Message, tt.says) || errors.Is(err, ErrTooLarge) != tt.large || len(e.Error()) > 200 {
				t.Errorf("%+v, %.300v", p, err)
			}
		})
	}
	t.Run("a plan at the limit is taken", func(t *testing.T) {
		p, err := Read(t.Context(), strings.NewReader(drifted(repeated(maxChanges, `{"address":"a.a%d","type":"a","change":{"actions":["update"],"before":{"a":1},"after":{}}}`))), Options{Key: testKey})
		if err != nil || len(p.Changes) != maxChanges {
			t.Fatal(err)
		}
		for i := range p.Changes {
			if c := &p.Changes[i]; string(p.Unpack(c).Difference) != `{"a":{"expected":1,"actual":null}}` || c.Address != fmt.Sprintf("a.a%d", i) {
				t.Fatalf("%d: %+v %s", i, c, p.Unpack(c))
			}
		}
	})
}

// repeated is a list of n elements, each with its number in it.
func repeated(n int, element string) string { return repeatedWith("%d", n, element) }

func repeatedWith(mark string, n int, element string) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strings.ReplaceAll(element, mark, fmt.Sprint(i)))
	}
	return b.String()
}
