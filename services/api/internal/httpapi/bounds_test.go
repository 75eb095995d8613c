package httpapi

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/rest"
)

func TestBuckets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBuckets(3, time.Minute)
		for range 3 {
			if wait := b.take("a"); wait != 0 {
				t.Fatalf("wait %v", wait)
			}
		}
		if wait := b.take("a"); wait != 20*time.Second {
			t.Errorf("wait %v, want a third of the window", wait)
		}
		if wait := b.take("b"); wait != 0 {
			t.Errorf("another key waits %v", wait)
		}
		<-time.After(20 * time.Second)
		if wait := b.take("a"); wait != 0 {
			t.Errorf("after the wait: %v", wait)
		}
	})
}

func TestBuckets_bounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBuckets(2, time.Minute)
		for i := range maxBuckets {
			b.take(strconv.Itoa(i))
		}
		<-time.After(time.Minute) // all but the one below are full again
		b.take("busy")
		if len(b.all) > maxBuckets {
			t.Errorf("%d buckets", len(b.all))
		}
		b.take("busy")
		for i := range 100 {
			b.take("new" + strconv.Itoa(i))
		}
		if b.take("busy") == 0 {
			t.Error("a bucket in use was forgotten")
		}
	})
}

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
	if len(l.accounts) != maxErrorAccounts || l.report(first).Total != 0 {
		t.Errorf("%d accounts, the oldest has %d", len(l.accounts), l.report(first).Total)
	}
}
