//go:build long && linux

package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// The memory of the api's container, and what its collector of garbage is told, as docker-compose.prod.yml has them.
const (
	containerMemory = 256 << 20
	containerGo     = "GOMEMLIMIT=230MiB"
)

// TestAttackMemory sends plans of 64 MiB that are made to take many times as much, each kind twice at the same moment,
// to an api that may have no more than its container. It must respond to all of them, survive, and write nothing.
//
// Mutations, each caught in the case named: jsontext's own check for duplicate names (names of what is skipped), no
// maxPending (one text), no maxResources (a million resources), secrets kept whole (long secrets). Without maxSecrets
// or maxChanges another bound refuses what is here: TestAttackPlan of package plan has what only these two refuse.
func TestAttackMemory(t *testing.T) {
	limitMemory(t)
	p := startPair(t, pgtest.DSN(t), append(slices.Clone(unlimited), "REQUEST_TIMEOUT=300s", containerGo)...)
	const (
		size  = 64<<20 - 4<<10
		plan  = `{"format_version":"1.2","timestamp":"2026-01-01T00:00:00Z","complete":true,`
		entry = `{"address":"a.a%d","type":"a","change":{"actions":["update"],"before":{"a":1%d},"after":{"a":null}}}`
	)
	// fill repeats an element with a number in it until the whole is as large as a plan may be.
	fill := func(before, element, after string) []byte {
		var b bytes.Buffer
		b.Grow(size)
		b.WriteString(plan + before)
		for i := 0; b.Len() < size-len(after)-len(element)-1<<10; i++ {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strings.ReplaceAll(element, "%d", fmt.Sprintf("%07d", i)))
		}
		b.WriteString(after)
		return b.Bytes()
	}
	drift := func(state string) (before, after string) {
		before, after, _ = strings.Cut(`"resource_drift":[{"address":"a.a","type":"a","change":{"actions":["update"],"after":{},"before":`+state+`}}]}`, "…")
		return before, after
	}
	oneArray, oneArrayEnd := drift(`{"l":[…]}`)
	oneText, oneTextEnd := drift(`{"t":"…"}`)
	for name, c := range map[string]struct {
		body   []byte
		status int
	}{
		"one array of a resource":       {fill(oneArray, `1%d`, oneArrayEnd), 413},
		"one text of a resource":        {fill(oneText, `%d`, oneTextEnd), 413},
		"one text that is not used":     {fill(`"checks":"`, `%d`, `"}`), 413},
		"one array that is not used":    {fill(`"checks":[`, `1%d`, `]}`), 200},
		"names of what is skipped":      {fill(`"checks":{`, `"n%d":0`, `}}`), 200},
		"names of outputs":              {fill(`"output_changes":{`, `"n%d":{}`, `}}`), 413},
		"a million resources":           {fill(`"resource_changes":[`, `{"address":"a.a%d","type":"a","change":{"actions":["no-op"]}}`, `]}`), 413},
		"a million resources of states": {fill(`"prior_state":{"values":{"root_module":{"resources":[`, `{"address":"a.a%d"}`, `]}}}}`), 413},
		"a million moves":               {fill(`"resource_changes":[`, `{"address":"a.a%d","previous_address":"a.b%d","type":"a","change":{"actions":["no-op"]}}`, `]}`), 413},
		"every tiny one has drifted":    {fill(`"resource_drift":[`, entry, `]}`), 413},
		"a million secrets":             {fill(`"prior_state":{"values":{"outputs":{"o":{"sensitive":true,"value":[`, `"secret-%d"`, `]}}}}}`), 413},
		"long secrets": {fill(`"prior_state":{"values":{"root_module":{"resources":[`,
			`{"address":"a.a","values":{"user_data":"`+strings.Repeat(`#!/bin/sh\necho \"%d\" && <b>\n`, 1000)+`"}}`, `]}}}}`), 200},
		"every resource has drifted": {driftingPlan(size, 3<<10), 200},
	} {
		t.Run(name, func(t *testing.T) {
			workspace := strings.ReplaceAll(name, " ", "-")
			var wg sync.WaitGroup
			for i := range 2 {
				wg.Go(func() {
					a, err := p.client(p.apiKey).try(t.Context(), http.MethodPost, fmt.Sprintf("%s/api/v1/ingest/plan?workspace=%s-%d", p.apiURL, workspace, i), c.body)
					if err != nil || a.status != c.status {
						t.Errorf("%d instead of %d: %.300s (%v)", a.status, c.status, a.body, err)
					}
				})
			}
			wg.Wait()
			// Without the pages of the program's file, some 30 MiB, which the kernel takes back before it kills a process.
			peak := p.memory(t, "VmHWM") - p.memory(t, "RssFile")
			t.Logf("tried: two of %d MiB at once; %d MiB of memory at most so far", len(c.body)>>20, peak>>20)
			if peak > containerMemory {
				t.Errorf("the process took %d MiB", peak>>20)
			}
			if c.status != http.StatusOK {
				p.expectCount(0, "select count(*) from workspace where name like '"+workspace+"-%'")
			}
		})
	}
	if events := p.sentry.Events(); len(events) > 0 {
		t.Errorf("%d unexpected errors; the first: %s", len(events), events[0].Raw)
	}
	p.stop()
}

// limitMemory has the kernel refuse the api more than twice the memory of its container. The limit is one of address
// space, of which a program in Go takes more than it uses, and in steps of 64 MiB.
func limitMemory(t *testing.T) {
	t.Helper()
	ship(t, "api", &programs.API)
	script := filepath.Join(t.TempDir(), "limited")
	text := fmt.Sprintf("#!/bin/sh\nulimit -d %d && exec '%s' \"$@\"\n", 2*containerMemory>>10, programs.API)
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	programs.API = script // ship's cleanup puts the right one back.
}
