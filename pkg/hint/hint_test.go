package hint_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/hint"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestParse(t *testing.T) {
	h := hint.Hint{AccountID: uuid.New(), Mark: event.Mark{Position: 42}}
	tagged := hint.Hint{AccountID: uuid.New(), Mark: event.Mark{Position: 42, Tag: 7}}
	for _, want := range []hint.Hint{h, tagged} {
		if got, err := hint.Parse(want.String()); err != nil || got != want {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
	for _, bad := range []string{"", "x", "x:1", h.AccountID.String(), h.AccountID.String() + ":-1", h.AccountID.String() + ":x"} {
		if _, err := hint.Parse(bad); err == nil {
			t.Errorf("Parse(%q) gave no error", bad)
		}
	}
}
