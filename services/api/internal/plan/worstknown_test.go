package plan

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// knownWorst are the inputs that were once found to take long, at the sizes at which they were found.
var knownWorst = map[string]struct {
	raw func() string
	// how it ends: with changes, left out, or refused as too large
	changes, leftOut int
	refused          bool
}{
	"nested lists against a list of masks": {raw: func() string {
		return drifted(update("a", `{"l":[`+repeated(15_000, `[[%d],[1,2]]`)+`]}`, `{"l":[`+repeated(14_999, `[[%d],[1]]`)+`]}`,
			`"before_sensitive":{"l":[`+repeated(8_000, `{"a%d":[{"b":true}]}`)+`]}`))
	}, leftOut: 1},
	"nested lists against a list of masks, as many as are read": {raw: func() string {
		return drifted(update("a", `{"l":[`+repeated(8_000, `[[%d],[1,2]]`)+`]}`, `{"l":[`+repeated(7_999, `[[%d],[1]]`)+`]}`,
			`"before_sensitive":{"l":[`+repeated(8_000, `{"a%d":[{"b":true}]}`)+`]}`))
	}, changes: 1},
	"8,000 world-open CIDRs with a port of 400 KB": {raw: func() string {
		world := func(port string) string {
			return `{"ingress":[{"port":"` + strings.Repeat(port, 400<<10) + `","cidr_blocks":[` + repeatedWith("@", 8000, `"0.0.0.0/0"`) + `]}]}`
		}
		return drifted(update("a", world("1"), world("2")))
	}, changes: 1},
	"a key of 200 KB over 1,000 members": {raw: func() string {
		members := func(v string) string {
			return `{"` + strings.Repeat("k", 200<<10) + `":{` + repeated(1000, `"m%d":`+v) + `}}`
		}
		return drifted(update("a", members("1"), members("2")))
	}, changes: 1},
	"a module name of 300 KB over 1,000 resources": {raw: func() string {
		return strings.TrimSuffix(drifted(update("a", `{"n":1}`, `{"n":2}`)), "}") + `,"configuration":{"root_module":{"module_calls":{"` +
			strings.Repeat("m", 300<<10) + `":{"module":{"resources":[` + repeated(1000, `{"mode":"managed","type":"a","name":"b%d"}`) + `]}}}}}}`
	}, changes: 1},
	"160,000 sensitive outputs": {raw: func() string {
		return strings.TrimSuffix(drifted(update("a", `{"v":1}`, `{"v":2}`)), "}") + `,"prior_state":{"values":{"outputs":{` +
			repeated(160_000, `"o%d":{"sensitive":true,"value":"a-secret-of-its-own-%d"}`) + `}}}}`
	}, refused: true},
	"120,000 secrets of two characters in a resource": {raw: func() string {
		return drifted(update("a", `{"m":{`+repeated(120_000, `"k%d":"ab"`)+`}}`, `{"m":{}}`, `"before_sensitive":{"m":{`+repeated(120_000, `"k%d":true`)+`}}`))
	}, leftOut: 1},
	"60,000 secrets of two characters in a resource, as many as are read": {raw: func() string {
		return drifted(update("a", `{"m":{`+repeated(60_000, `"k%d":"ab"`)+`}}`, `{"m":{}}`, `"before_sensitive":{"m":{`+repeated(60_000, `"k%d":true`)+`}}`))
	}, changes: 1},
}

// TestRead_known_worst: what each known worst input costs is counted: values and bytes that comparing looks at, units of the
// budget, and bytes allocated.
//
// Mutations: merge that merges masks again for each element; ports that are summed for each CIDR; a path that is hashed or written
// again for each member; a module's path that is put together for each resource; spend without secrets; a mask that is appended for
// each secret.
func TestRead_known_worst(t *testing.T) {
	for name, tt := range knownWorst {
		t.Run(name, func(t *testing.T) {
			raw := tt.raw()
			s := newScan(jsontext.NewDecoder(strings.NewReader(raw), jsontext.AllowDuplicateNames(true)), Options{Key: testKey})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := s.plan()
			if err == nil {
				_, err = s.finish(t.Context())
			}
			runtime.ReadMemStats(&after)
			if errors.Is(err, ErrTooLarge) != tt.refused || err != nil && !tt.refused {
				t.Fatal(err)
			}
			if got := len(s.out.Changes); got != tt.changes || s.out.LeftOut.Count != tt.leftOut {
				t.Errorf("%d changes, %+v", got, s.out.LeftOut)
			}
			units := s.units
			if s.secrets != nil { // It was refused before they were counted.
				units += unitsSecret * len(s.secrets.texts)
			}
			work := float64(s.out.work) / float64(len(raw))
			allocated := float64(after.TotalAlloc-before.TotalAlloc) / float64(len(raw)+1<<20) // the tree of a small one is of some size, too
			t.Logf("%d bytes: %.1f looked at, %d units, %.1f allocated for each", len(raw), work, units, allocated)
			if work > 12 || allocated > 40 || units > freeUnits+len(raw)/bytesPerUnit+unitsSecret {
				t.Error("that is too much")
			}
		})
	}
}

// BenchmarkRead_known_worst is the same in time.
func BenchmarkRead_known_worst(b *testing.B) {
	for name, tt := range knownWorst {
		b.Run(name, func(b *testing.B) {
			raw := tt.raw()
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Read(b.Context(), strings.NewReader(raw), Options{Key: testKey}); err != nil && !tt.refused {
					b.Fatal(err)
				}
			}
		})
	}
}
