package hint_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/hint"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestParse(t *testing.T) {
	h := hint.Hint{AccountID: uuid.New(), Position: 42}
	if got, err := hint.Parse(h.String()); err != nil || got != h {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", "x", "x:1", h.AccountID.String(), h.AccountID.String() + ":-1", h.AccountID.String() + ":x"} {
		if _, err := hint.Parse(bad); err == nil {
			t.Errorf("Parse(%q) gave no error", bad)
		}
	}
}
