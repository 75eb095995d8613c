package security

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/testkit/doctable"
)

// sections are those of ASVS 5.0.0, with the number of their requirements of the levels 1 and 2, which come first in each.
var sections = map[string]int{
	"V1.1": 2, "V1.2": 9, "V1.3": 11, "V1.4": 3, "V1.5": 2, "V2.1": 3, "V2.2": 3, "V2.3": 4, "V2.4": 1, "V3.2": 2, "V3.3": 4, "V3.4": 6,
	"V3.5": 5, "V3.7": 2, "V4.1": 3, "V4.2": 1, "V4.3": 2, "V4.4": 4, "V5.1": 1, "V5.2": 3, "V5.3": 2, "V5.4": 3, "V6.1": 3, "V6.2": 12,
	"V6.3": 4, "V6.4": 4, "V6.5": 5, "V6.6": 3, "V6.8": 4, "V7.1": 3, "V7.2": 4, "V7.3": 2, "V7.4": 5, "V7.5": 2, "V7.6": 2, "V8.1": 2,
	"V8.2": 3, "V8.3": 1, "V8.4": 1, "V9.1": 3, "V9.2": 4, "V10.1": 2, "V10.2": 2, "V10.3": 4, "V10.4": 11, "V10.5": 5, "V10.6": 2,
	"V10.7": 3, "V11.1": 2, "V11.2": 3, "V11.3": 3, "V11.4": 4, "V11.5": 1, "V11.6": 1, "V12.1": 3, "V12.2": 2, "V12.3": 4, "V13.1": 1,
	"V13.2": 5, "V13.3": 2, "V13.4": 5, "V14.1": 2, "V14.2": 4, "V14.3": 3, "V15.1": 3, "V15.2": 3, "V15.3": 7, "V16.1": 1, "V16.2": 5,
	"V16.3": 4, "V16.4": 3, "V16.5": 3, "V17.1": 1, "V17.2": 4, "V17.3": 2,
}

// requirement is an id of ASVS in a text.
var requirement = regexp.MustCompile(`\bV\d+\.\d+\.\d+\b`)

// TestSecurityASVS: docs/asvs.md has a row for each requirement; one that is met names a test that exists, or says that there is
// none; those that are not met are the ones of docs/security.md; the counts are right. Mutations: a test's name misspelt; a row left
// out, and one twice; a met row without its test; a row not met that was met; an id left out of docs/security.md.
func TestSecurityASVS(t *testing.T) {
	all := tests(t)
	count, untested := map[string]int{}, 0
	rows := map[string]bool{}
	var unmet []string
	for line := range strings.Lines(doctable.Block(t, "docs/asvs.md", "asvs")) {
		if !strings.HasPrefix(line, "| V") {
			continue
		}
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if len(cells) != 5 {
			t.Errorf("this row has not five cells: %s", line)
			continue
		}
		id, state, why := strings.TrimPrefix(cells[0], "| "), cells[3], cells[4]
		if rows[id] {
			t.Errorf("%s has two rows", id)
		}
		rows[id] = true
		count[state]++
		proofs := testsOf(t, all, "docs/asvs.md", why)
		switch state {
		case "met":
			if none := strings.Contains(why, "No test"); none {
				untested++
			} else if len(proofs) == 0 {
				t.Errorf("%s is met, but its row names no test and does not say «No test»", id)
			}
		case "**not met**":
			unmet = append(unmet, id)
		case "n/a":
		default:
			t.Errorf("%s: the state is %q", id, state)
		}
	}
	for section, n := range sections {
		for i := range n {
			if id := fmt.Sprintf("%s.%d", section, i+1); !rows[id] {
				t.Errorf("%s has no row", id)
			} else {
				delete(rows, id)
			}
		}
	}
	for id := range rows {
		t.Errorf("%s is no requirement of level 1 or 2", id)
	}
	_, open, _ := strings.Cut(read(t, filepath.Join(doctable.Root(t), "docs", "security.md")), "\n## What is open\n")
	listed := requirement.FindAllString(open, -1)
	slices.Sort(unmet)
	slices.Sort(listed)
	if listed = slices.Compact(listed); !slices.Equal(listed, unmet) {
		t.Errorf("docs/security.md lists as open\n%v, and docs/asvs.md as not met\n%v", listed, unmet)
	}
	if want := fmt.Sprintf("%d are met (%d of these without a test), %d are not met, and %d are not applicable", count["met"], untested,
		count["**not met**"], count["n/a"]); !strings.Contains(read(t, filepath.Join(doctable.Root(t), "docs", "asvs.md")), want) {
		t.Errorf("docs/asvs.md does not say: %s", want)
	}
}
