package event_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
)

func TestParseCursor(t *testing.T) {
	for _, good := range []event.Cursor{{Epoch: "a1b2", Position: 0}, {Epoch: "0", Position: 1<<63 - 1}} {
		got, err := event.ParseCursor(good.String())
		if err != nil || got != good {
			t.Errorf("ParseCursor(%q) = %v, %v", good, got, err)
		}
	}
	for _, bad := range []string{"", ":", "a", "a:", ":1", "a:-1", "a:+1", "a:01", "a:9223372036854775808", "A:1", "a b:1", "a:1:2", "a:1\x00"} {
		if c, err := event.ParseCursor(bad); err == nil {
			t.Errorf("ParseCursor(%q) = %v, want an error", bad, c)
		}
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add("a1b2:17")
	f.Add("a:01")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := event.ParseCursor(s)
		if err == nil && c.String() != s {
			t.Errorf("%q was read as %q", s, c)
		}
	})
}

func TestWindow_Resumable(t *testing.T) {
	w := event.Window{Epoch: "e", Head: 20, TrimmedTo: 10}
	for name, c := range map[string]struct {
		cursor event.Cursor
		want   bool
	}{
		"at the head":             {event.Cursor{Epoch: "e", Position: 20}, true},
		"the oldest that is kept": {event.Cursor{Epoch: "e", Position: 10}, true},
		"older than what is kept": {event.Cursor{Epoch: "e", Position: 9}, false},
		"ahead":                   {event.Cursor{Epoch: "e", Position: 21}, false},
		"of another epoch":        {event.Cursor{Epoch: "f", Position: 15}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := w.Resumable(c.cursor); got != c.want {
				t.Errorf("Resumable(%v) = %v", c.cursor, got)
			}
		})
	}
}

func TestValidTopic(t *testing.T) {
	id := uuid.New()
	for topic, want := range map[string]bool{
		"drifts": true, "alerts": true, "checks": true, event.DriftTopic(id): true,
		"": false, "drift:": false, "drift:x": false, "users": false, "drift:{" + id.String() + "}": false,
	} {
		if event.ValidTopic(topic) != want {
			t.Errorf("ValidTopic(%q) = %v", topic, !want)
		}
	}
}

func TestTime_MarshalJSON(t *testing.T) {
	at := time.Date(2026, 1, 2, 4, 4, 5, 6_999_999, time.FixedZone("", 3600))
	got, err := json.Marshal(event.Time(at))
	if err != nil || string(got) != `"2026-01-02T03:04:05.006Z"` {
		t.Errorf("got %s, %v", got, err)
	}
}
