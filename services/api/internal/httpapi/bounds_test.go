package httpapi

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/rest"
)

func TestErrorLog_bounded(t *testing.T) {
	l := newErrorLog("r")
	first := uuid.New()
	for i := range maxErrorAccounts + 1 {
		account := uuid.New()
		if i == 0 {
			account = first
		}
		l.add(account, errorEntry{Code: "X", Timestamp: rest.Time(time.Unix(int64(i), 0))})
	}
	if len(l.accounts) != maxErrorAccounts || l.summary(first).Total != 0 {
		t.Errorf("%d accounts, the oldest has %d", len(l.accounts), l.summary(first).Total)
	}
}
