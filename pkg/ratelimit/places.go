package ratelimit

import (
	"net/netip"
	"time"
)

// networksPerSite is how many networks of a site, all at once, may do what each of them may do.
const networksPerSite = 10

// Places is a token bucket for each network, and a larger one for each site.
type Places struct{ networks, sites *Buckets }

// NewPlaces makes buckets with this number of tokens for each network. They are full again after the window.
func NewPlaces(size int, window time.Duration) *Places {
	return &Places{New(size, window), New(networksPerSite*size, window)}
}

// Take takes a token of the address's network, and of its site unless the network is refused; when one is empty, it says how
// long to wait.
func (p *Places) Take(address netip.Addr) time.Duration {
	network, site := Network(address), Site(address)
	if wait := p.networks.Take(network.String()); wait > 0 || site == network {
		return wait
	}
	return p.sites.Take(site.String())
}
