package history

import (
	"slices"
	"strings"
	"testing"
)

// whole is a history in which every promise was kept: a drift made and approved by client 1, a second decision refused,
// a missing response to a write that was not done, and a listener that was disconnected in the middle.
func whole() ([]Call, []Listener, State) {
	calls := []Call{
		{Client: 1, Kind: Create, Token: "r1", Attempts: []int{NoResponse, 201}, Keyed: true, ID: "d1", Version: 1, Status: "detected"},
		{Client: 1, Kind: Decide, Token: "because one", Attempts: []int{200}, ID: "d1", Action: "approved", Version: 2, Status: "approved"},
		{Client: 2, Kind: Decide, Token: "because two", Attempts: []int{409}, ID: "d1", Action: "rejected"},
		{Client: 2, Kind: Create, Token: "r2", Attempts: []int{503}},
		{Client: 1, Kind: Read, Attempts: []int{200}, ID: "d1", Version: 2, Status: "approved"},
		{Client: 3, Kind: Ingest, Attempts: []int{200}, ID: "c1"},
	}
	listeners := []Listener{{Name: "l", From: 0, Connections: [][]Seen{{{1, "e1"}, {2, "e2"}}, {{2, "e2"}, {3, "e3"}}}}}
	state := State{
		Head:   3,
		Drifts: map[string]Drift{"d1": {"d1", "r1", "approved", 2, "because one"}},
		Events: []Event{
			{1, "e1", "drift.created", "d1", 1, "detected", ""},
			{2, "e2", "drift.approved", "d1", 2, "approved", "because one"},
			{3, "e3", "check.completed", "", 0, "ok", ""},
		},
		Audit:  []Audit{{"drift.created", "d1", 1, ""}, {"drift.approved", "d1", 2, "because one"}},
		Checks: []string{"c1"},
	}
	return calls, listeners, state
}

func TestCheck(t *testing.T) {
	if broken := Check(whole()); len(broken) > 0 {
		t.Fatalf("a complete history is reported as broken: %q", broken)
	}
	for name, c := range map[string]struct {
		spoil func([]Call, []Listener, *State)
		want  string
	}{
		"an acknowledged write that is lost": {func(c []Call, _ []Listener, _ *State) {
			c[3].Attempts = []int{503, 201}
		}, "was acknowledged"},
		"a refused write that is there": {func(c []Call, _ []Listener, _ *State) { c[1].Attempts = []int{409} }, "was refused"},
		"a write that is there twice": {func(_ []Call, _ []Listener, s *State) {
			s.Drifts["d2"] = Drift{"d2", "r1", "detected", 0, ""}
		}, "exists 2 times"},
		"two decisions": {func(_ []Call, _ []Listener, s *State) {
			s.Events[2] = Event{3, "e3", "drift.rejected", "d1", 3, "rejected", "because two"}
			s.Audit = append(s.Audit, Audit{"drift.rejected", "d1", 3, "because two"})
			s.Drifts["d1"] = Drift{"d1", "r1", "rejected", 3, "because two"}
		}, "decided twice"},
		"a hole in the stream":     {func(_ []Call, _ []Listener, s *State) { s.Events = slices.Delete(s.Events, 1, 2) }, "has position 3 where 2"},
		"a counter that ran ahead": {func(_ []Call, _ []Listener, s *State) { s.Head = 4 }, "head is 4"},
		"an event twice":           {func(_ []Call, _ []Listener, s *State) { s.Events[2].ID = "e1" }, "has the positions 1 and 3"},
		"a change without audit":   {func(_ []Call, _ []Listener, s *State) { s.Audit = s.Audit[:1] }, "1 events and 0 audit rows"},
		"an audit row without event": {func(_ []Call, _ []Listener, s *State) {
			s.Audit = append(s.Audit, Audit{"drift.resolved", "d1", 3, ""})
		}, "no event"},
		"a row that is not as its last event says": {func(_ []Call, _ []Listener, s *State) {
			s.Drifts["d1"] = Drift{"d1", "r1", "rejected", 2, ""}
		}, "its last event says"},
		"a read that goes back in time": {func(c []Call, _ []Listener, _ *State) { c[4].Version = 1 }, "after version 2"},
		"a check that is not there":     {func(_ []Call, _ []Listener, s *State) { s.Checks = nil }, "which does not exist"},
		"a listener that skips": {func(_ []Call, l []Listener, _ *State) {
			l[0].Connections[1] = []Seen{{3, "e3"}}
			l[0].Connections[0] = []Seen{{1, "e1"}}
		}, "skips from position 1 to 3"},
		"a listener that goes back": {func(_ []Call, l []Listener, _ *State) { l[0].Connections[0] = []Seen{{1, "e1"}, {2, "e2"}, {1, "e1"}} }, "goes back"},
		"a listener that sees a wrong event": {func(_ []Call, l []Listener, _ *State) {
			l[0].Connections[1][1].ID = "e9"
		}, "saw event e9"},
		"a listener without the end": {func(_ []Call, l []Listener, _ *State) { l[0].Connections = l[0].Connections[:1] }, "ended at position 2"},
	} {
		t.Run(name, func(t *testing.T) {
			calls, listeners, state := whole()
			c.spoil(calls, listeners, &state)
			broken := Check(calls, listeners, state)
			if !slices.ContainsFunc(broken, func(s string) bool { return strings.Contains(s, c.want) }) {
				t.Errorf("it is not told: %q", broken)
			}
		})
	}
}
