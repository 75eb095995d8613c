package plan

import (
	"strings"
	"testing"
)

func TestNames_do_not_grow_without_bound(t *testing.T) {
	m := names{}
	for i := range 1 << 15 {
		m.sensitive([]byte(strings.Repeat("x", i%200) + string(rune('a'+i%26)) + string(rune(0x4e00+i%20000))))
	}
	if len(m) > 1<<14 || !m.sensitive([]byte("token")) {
		t.Errorf("%d names", len(m))
	}
}
