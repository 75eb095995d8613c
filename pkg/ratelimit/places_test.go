package ratelimit

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// TestAttackSite: 65,536 networks of one site have no more than ten of them, and take nothing from another site, nor does one
// network take the share of its neighbours. Mutations: no bucket for the site; the site's token is taken before the network's.
func TestAttackSite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPlaces(2, time.Minute)
		take := func(address string) bool { return p.Take(netip.MustParseAddr(address)) == 0 }
		for range 100 {
			take("2001:db8:1:9999::1")
		}
		allowed := 0
		for i := range 1000 {
			if take(fmt.Sprintf("2001:db8:1:%x::1", i)) {
				allowed++
			}
		}
		if want := networksPerSite*2 - 2; allowed != want {
			t.Errorf("%d attempts of a site are allowed after those of one network, want %d", allowed, want)
		}
		if !take("2001:db8:2:1::1") || !take("192.0.2.1") {
			t.Error("another site is refused")
		}
	})
}
