package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// units reads a plan and returns what it cost of its budget.
func units(t *testing.T, raw string) (spent int, err error) {
	t.Helper()
	s := newScan(jsontext.NewDecoder(strings.NewReader(raw), jsontext.AllowDuplicateNames(true)), Options{Key: testKey})
	if err := s.plan(); err != nil {
		return s.units, err
	}
	_, err = s.finish(t.Context())
	return s.units, err
}

// TestRead_budget: a plan of small values is refused before it costs many times as much as a real plan of its size.
//
// Mutations: spend without the limit; without the entries that are read again; without differences; without secrets.
func TestRead_budget(t *testing.T) {
	const size = 4 << 20
	// numbers makes entries of lists of numbers, until they have the size.
	entries := func(size int, entry func(i string) string) string {
		var all []string
		for n := 0; n < size; {
			e := entry(strconv.Itoa(len(all)))
			all = append(all, e)
			n += len(e)
		}
		return drifted(all...)
	}
	list := func(element string) string { return `{"l":[` + repeated(20_000, element) + `]}` }
	for name, raw := range map[string]string{
		"small values": strings.Replace(entries(size, func(i string) string { return update("a"+i, list("7"), list("7")) }), "resource_drift", "resource_changes", 1),
		"differences":  entries(size, func(i string) string { return update("a"+i, list("1%d"), list("2%d")) }),
		"documents": entries(size, func(i string) string {
			return update("a"+i, `{"d":`+quoted(list("7"))+`}`, `{"d":`+quoted(list("7.0"))+`}`)
		}),
		"sensitive outputs": strings.TrimSuffix(drifted(update("a", `{"v":1}`, `{"v":2}`)), "}") + `,"prior_state":{"values":{"outputs":{` +
			repeated(100_000, `"o%d":{"sensitive":true,"value":"a-secret-%d"}`) + `}}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(t.Context(), strings.NewReader(raw), Options{Key: testKey})
			if !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "root modules of their own") {
				t.Errorf("%d bytes: %v", len(raw), err)
			}
			if spent, _ := units(t, raw); spent > freeUnits+len(raw)/bytesPerUnit+4*maxValues {
				t.Errorf("%d units before it was refused", spent)
			}
		})
	}
}

// TestRead_budget_of_real_plans: plans that Terraform and OpenTofu wrote come to less than half of what is allowed, even without
// what is free.
func TestRead_budget_of_real_plans(t *testing.T) {
	files, err := filepath.Glob("testdata/plans/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	plans := map[string]string{"generated": string(generate(1<<20, 1))}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, raw); err != nil {
			continue // not a plan alone
		}
		plans[filepath.Base(file)] = compact.String()
	}
	for name, raw := range plans {
		if len(raw) < 4<<10 { // hardly more than a single resource
			continue
		}
		spent, err := units(t, raw)
		if err != nil {
			continue // What else is wrong with it has tests of its own.
		}
		if perByte := float64(spent) / float64(len(raw)); perByte > 0.6/bytesPerUnit {
			t.Errorf("%s costs %.2f units for each byte", name, perByte)
		} else {
			t.Logf("%s: %.2f", name, perByte)
		}
	}
}

// TestRead_budget_counts_documents: each string that is searched as a document costs more than another one.
//
// Mutation: look that does not count them.
func TestRead_budget_counts_documents(t *testing.T) {
	const n = 1000
	plan := func(text string) string {
		return strings.Replace(drifted(update("a", `{"l":[`+repeated(n, text)+`]}`, `{}`)), "resource_drift", "resource_changes", 1)
	}
	documents, err := units(t, plan(`"{\"abcdef\":%d}"`))
	if err != nil {
		t.Fatal(err)
	}
	texts, err := units(t, plan(`"(\"abcdef\":%d)"`))
	if err != nil {
		t.Fatal(err)
	}
	if more := documents - texts; more != unitsSearch*n {
		t.Errorf("%d documents cost %d units more than texts", n, more)
	}
}

// TestRead_budget_counts_failed_documents: a document that has too many values to be compared as one has been read as far as that.
//
// Mutation: count in place of tried.
func TestRead_budget_counts_failed_documents(t *testing.T) {
	list := func(element string) string { return quoted(`{"l":[` + repeated(maxValues, element) + `]}`) }
	spent, err := units(t, drifted(update("a", `{"d":`+list("1")+`}`, `{"d":`+list("2")+`}`)))
	if err != nil || spent < unitsDocument*maxValues/2 {
		t.Error(spent, err)
	}
}

// TestCover_merge_makes_each_mask_once: merging the masks of a list allocates no more than three blocks for each of them.
//
// Mutations: a map of the members of each object; masks that are merged for each element.
func TestCover_merge_makes_each_mask_once(t *testing.T) {
	const n = 10_000
	tr := tree{maxDepth: DefaultMaxDepth}
	mask, err := tr.parse(jsontext.Value(`[` + repeated(n, `{"a%d":[{"b":true}]}`) + `]`))
	if err != nil {
		t.Fatal(err)
	}
	short := &node{kind: '[', kids: make([]node, 1)}
	long := &node{kind: '[', kids: make([]node, 2)}
	if allocations := testing.AllocsPerRun(1, func() { cover{mask}.elements(short, long) }); allocations > 3.5*n {
		t.Errorf("%.1f allocations for each mask", allocations/n)
	}
}

// TestRead_escapes_are_copied_a_few_times: a text of nothing but escapes is looked at behind three layers of them, for copies and for
// what has the shape of a secret, and written.
//
// Mutations: a text that grows by and by while it is written; escapes that are taken off into one more copy.
func TestRead_escapes_are_copied_a_few_times(t *testing.T) {
	raw := worstCases["escapes"](1 << 20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Read(t.Context(), strings.NewReader(raw), Options{Key: testKey}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if perByte := float64(after.TotalAlloc-before.TotalAlloc) / float64(len(raw)); perByte > maxEscapesAllocated {
		t.Errorf("%.1f bytes were allocated for each byte", perByte)
	} else {
		t.Logf("%.1f", perByte)
	}
}

// maxEscapesAllocated is how many bytes may be allocated for each byte of escapes; 18.8 were measured.
const maxEscapesAllocated = 20 + detectorAllocates

// TestNames_of_a_member_are_looked_up_once: a name may be long, and is asked for by each walk.
//
// Mutation: of without what the node remembers.
func TestNames_of_a_member_are_looked_up_once(t *testing.T) {
	m := newNames()
	n := &node{kind: '"', name: bytes.Repeat([]byte("k"), 200<<10)}
	m.of(n)
	clear(m.known[:])
	m.of(n)
	for i := range m.known {
		if m.known[i].kind != 0 {
			t.Fatal("it was looked up again")
		}
	}
}

// TestCover_member_allocates_nothing_for_what_is_masked_whole: one resource may have a hundred thousand secrets.
//
// Mutation: with that appends a mask that is true.
func TestCover_member_allocates_nothing_for_what_is_masked_whole(t *testing.T) {
	tr := tree{maxDepth: DefaultMaxDepth}
	mask, err := tr.parse(jsontext.Value(`{"a":true,"b":{},"c":false,"d":true}`))
	if err != nil {
		t.Fatal(err)
	}
	masks := cover{mask, mask}
	names := bytes.Split([]byte("a b c d e"), []byte(" "))
	allocations := testing.AllocsPerRun(10, func() {
		for _, name := range names {
			masks.member(name)
		}
	})
	if allocations > 0 {
		t.Errorf("%.0f allocations", allocations)
	}
}

// TestTree_sort: names are in order, however they came.
//
// Mutations: a byte that is left out; names with the same start that are not compared further.
func TestTree_sort(t *testing.T) {
	for _, form := range []string{`"k%d":1`, `"a long start of a name %d":1`, `"%d and a long end":1`, `"é%d\u0001":1`} {
		tr := tree{maxDepth: DefaultMaxDepth}
		for _, n := range []int{2, 63, 64, 1000, 70_000} {
			root, err := tr.parse(jsontext.Value(`{` + repeated(n, form) + `}`))
			if err != nil || len(root.kids) != n {
				t.Fatal(form, n, err)
			}
			for i := 1; i < n; i++ {
				if bytes.Compare(root.kids[i-1].name, root.kids[i].name) >= 0 {
					t.Fatalf("%q comes before %q", root.kids[i-1].name, root.kids[i].name)
				}
			}
		}
	}
}
