package logging

import (
	"log/slog"
	"testing"
	"time"
)

func TestJSONAttr_TimeIsUTC(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	if got := jsonAttr(nil, slog.Time(slog.TimeKey, at)).Value.Time(); got.Location() != time.UTC || !got.Equal(at) {
		t.Errorf("got %v", got)
	}
	if got := jsonAttr([]string{"g"}, slog.Time(slog.TimeKey, at)).Value.Time(); got.Location() == time.UTC {
		t.Error("a field named time within a group was changed")
	}
}
