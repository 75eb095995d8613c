package ratelimit

import (
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7": "192.0.2.7/32", "::ffff:192.0.2.7": "192.0.2.7/32", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := Network(netip.MustParseAddr(address)); got.String() != want {
			t.Errorf("%s is of %s, want %s", address, got, want)
		}
	}
	for address, want := range map[string]string{"192.0.2.7": "192.0.2.7/32", "::ffff:192.0.2.7": "192.0.2.7/32", "2001:db8:1:2:3:4:5:6": "2001:db8:1::/48"} {
		if got := Site(netip.MustParseAddr(address)); got.String() != want {
			t.Errorf("the site of %s is %s, want %s", address, got, want)
		}
	}
	if got := Site(netip.Addr{}); got.IsValid() {
		t.Errorf("the zero address is at %s", got)
	}
	if got := Network(netip.Addr{}); got.IsValid() {
		t.Errorf("the zero address is of %s", got)
	}
}

func TestBuckets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(3, time.Minute)
		for range 3 {
			if wait := b.Take("a"); wait != 0 {
				t.Fatalf("wait %v", wait)
			}
		}
		if wait := b.Take("a"); wait != 20*time.Second {
			t.Errorf("wait %v, want a third of the window", wait)
		}
		if wait := b.Take("b"); wait != 0 {
			t.Errorf("another key waits %v", wait)
		}
		<-time.After(20 * time.Second)
		if wait := b.Take("a"); wait != 0 {
			t.Errorf("after the wait: %v", wait)
		}
	})
}

// Mutations that it finds: the name as the key, so that a stranger chooses its size; full buckets that stay.
func TestBuckets_memory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(2, time.Minute)
		before := heap()
		for i := range 100 {
			b.Take(strconv.Itoa(i) + strings.Repeat("x", 1<<20))
		}
		if after := heap(); after > before+10<<20 {
			t.Errorf("100 names of 1 MiB leave %d KiB", (after-before)>>10)
		}
		if len(b.all) != 100 {
			t.Errorf("%d buckets", len(b.all))
		}
		<-time.After(time.Minute)
		b.Take("one")
		if len(b.all) != 1 {
			t.Errorf("%d buckets when all but one are full again", len(b.all))
		}
	})
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestAttackManyNetworks: a caller with more networks than there are buckets does not clear the bucket that limits a guesser.
// Mutation: all buckets are forgotten when most are in use.
func TestAttackManyNetworks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(2, time.Minute)
		b.Take("guesser")
		b.Take("guesser")
		for i := range 4 * maxBuckets {
			b.Take(strconv.Itoa(i))
			if len(b.all) > maxBuckets {
				t.Fatalf("%d buckets", len(b.all))
			}
		}
		if b.Take("guesser") == 0 {
			t.Error("the guesser is forgotten")
		}
		b.Reset("guesser")
		if b.Take("guesser") != 0 {
			t.Error("it is limited after a reset")
		}
	})
}
