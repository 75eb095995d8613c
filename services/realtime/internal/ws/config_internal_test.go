package ws

import (
	"testing"
	"time"
)

// A socket whose session is revoked is closed within twice the time between two looks, which the contract bounds by 10 s.
func TestConfig_session_check(t *testing.T) {
	if every := (Config{}).withDefaults().SessionCheck; every <= 0 || 2*every > 10*time.Second {
		t.Errorf("sessions are looked up every %s", every)
	}
}
