package ratelimit

import (
	"net/netip"
	"strconv"
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

func TestBuckets_bounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(2, time.Minute)
		for i := range maxBuckets {
			b.Take(strconv.Itoa(i))
		}
		<-time.After(time.Minute) // all but the one below are full again
		b.Take("busy")
		if len(b.all) > maxBuckets {
			t.Errorf("%d buckets", len(b.all))
		}
		b.Take("busy")
		for i := range 100 {
			b.Take("new" + strconv.Itoa(i))
		}
		if b.Take("busy") == 0 {
			t.Error("a bucket in use was forgotten")
		}
	})
}
