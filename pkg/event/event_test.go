package event_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
)

func TestParseCursor(t *testing.T) {
	for _, good := range []event.Cursor{
		{Epoch: "a1b2"}, {Epoch: "0", Mark: event.Mark{Position: 1<<63 - 1}}, {Epoch: "0", Mark: event.Mark{Position: 7, Tag: 0xab}},
	} {
		got, err := event.ParseCursor(good.String())
		if err != nil || got != good {
			t.Errorf("ParseCursor(%q) = %v, %v", good, got, err)
		}
	}
	for _, bad := range []string{"", ":", "a", "a:", ":1", "a:-1", "a:+1", "a:01", "a:9223372036854775808", "A:1", "a b:1", "a:1:2", "a:1:", "a:1:00000000", "a:1:000000AB", "a:1:000000ab:", "a:1\x00"} {
		if c, err := event.ParseCursor(bad); err == nil {
			t.Errorf("ParseCursor(%q) = %v, want an error", bad, c)
		}
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add("a1b2:17")
	f.Add("a1b2:17:000000ab")
	f.Add("a:01")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := event.ParseCursor(s)
		if err == nil && c.String() != s {
			t.Errorf("%q was read as %q", s, c)
		}
	})
}

func TestWindow_Resumable(t *testing.T) {
	w := event.Window{Epoch: "e", Head: 20, TrimmedTo: 10, At: 7}
	at := func(epoch string, position int64, tag event.Tag) event.Cursor {
		return event.Cursor{Epoch: epoch, Mark: event.Mark{Position: position, Tag: tag}}
	}
	for name, c := range map[string]struct {
		cursor event.Cursor
		want   bool
	}{
		"at the head":                    {at("e", 20, 7), true},
		"another event at the head":      {at("e", 20, 8), false},
		"another event at that position": {at("e", 15, 8), false},
		"of a version without tags":      {at("e", 20, 0), true},
		"the oldest that is kept":        {at("e", 10, 0), true},
		"older than what is kept":        {at("e", 9, 7), false},
		"ahead":                          {at("e", 21, 7), false},
		"of another epoch":               {at("f", 15, 7), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := w.Resumable(c.cursor); got != c.want {
				t.Errorf("Resumable(%v) = %v", c.cursor, got)
			}
		})
	}
	if w.At = 0; w.Resumable(at("e", 15, 7)) {
		t.Error("a position was taken that nothing proves")
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
