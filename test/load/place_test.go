package load

import "testing"

// TestPlace: a skipped, repeated or swapped event is reported; events that are received again after a reconnect are
// not.
func TestPlace(t *testing.T) {
	for name, c := range map[string]struct {
		connections [][]int64
		told        int64 // a position up to which the server says that everything has come; 0 is none
		want        Broken
		repeated    int64
	}{
		"whole":                          {connections: [][]int64{{11, 12, 13}}, told: 13},
		"again after a reconnect":        {connections: [][]int64{{11, 12}, {11, 12, 13}}, repeated: 2},
		"a skipped event":                {connections: [][]int64{{11, 13}}, want: Broken{Lost: 1}},
		"skipped over a reconnect":       {connections: [][]int64{{11}, {14}}, want: Broken{Lost: 2}},
		"skipped at the beginning":       {connections: [][]int64{{12}}, want: Broken{Lost: 1}},
		"lacking at the end":             {connections: [][]int64{{11}}, told: 12, want: Broken{Lost: 1}},
		"twice":                          {connections: [][]int64{{11, 11, 12}}, want: Broken{Duplicated: 1}},
		"swapped: skipped, then too old": {connections: [][]int64{{12, 11, 13}}, want: Broken{Lost: 1, Reordered: 1}},
		"too old after a reconnect":      {connections: [][]int64{{11, 12, 13}, {13, 12}}, want: Broken{Reordered: 1}, repeated: 1},
	} {
		t.Run(name, func(t *testing.T) {
			var d deliveries
			p := place{has: 10}
			events := 0
			for _, connection := range c.connections {
				p.last = 0
				for _, position := range connection {
					p.event(position, &d)
					events++
				}
			}
			if c.told > 0 {
				p.reach(c.told, &d)
			}
			got := Broken{Lost: d.lost.Load(), Duplicated: d.duplicated.Load(), Reordered: d.reordered.Load()}
			if got != c.want || d.repeated.Load() != c.repeated || d.received.Load() != int64(events) {
				t.Errorf("%s; %d repeated, %d received", got, d.repeated.Load(), d.received.Load())
			}
		})
	}
}
