// Package dial makes connections to places that an admin of an account named, such as a webhook or an issuer of tokens. Such a
// name must not lead into the network that the service stands in: to the addresses from which a cloud gives out credentials, to
// Postgres, or to an admin's page. So the address is judged when the connection is made, after the name was resolved, and a name
// that resolves differently a moment later gains nothing.
//
// The operator can allow networks. A proxy is the operator's, too, and judges by itself what it lets pass.
package dial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// ErrRefused is the error of an address that is not on the internet, and is not allowed.
var ErrRefused = errors.New("the address is not public, and no network that the operator allows")

// connectTimeout bounds the making of a connection, and again its TLS handshake.
const connectTimeout = 5 * time.Second

// Guard judges addresses. The zero Guard allows public addresses only.
type Guard struct {
	// Allowed are networks that are allowed although they are not public.
	Allowed []netip.Prefix
	// Roots are the certificate authorities; nil is those of the system.
	Roots *x509.CertPool
}

// special are the networks among the global unicast addresses that are not the internet, by the registries of IANA.
var special = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	// IPv4 in IPv6 is judged as IPv4; what only some networks translate is refused.
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)

var (
	internet6 = netip.MustParsePrefix("2000::/3")
	nat64     = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052
)

func prefixes(list ...string) []netip.Prefix {
	parsed := make([]netip.Prefix, len(list))
	for i, text := range list {
		parsed[i] = netip.MustParsePrefix(text)
	}
	return parsed
}

// Check says why an address is refused; nil when it is not.
func (g *Guard) Check(address netip.Addr) error {
	address = address.Unmap().WithZone("")
	if slices.ContainsFunc(g.Allowed, func(p netip.Prefix) bool { return p.Contains(address) }) || public(address) {
		return nil
	}
	return fmt.Errorf("%s: %w", address, ErrRefused)
}

func public(address netip.Addr) bool {
	if nat64.Contains(address) {
		raw := address.As16()
		return public(netip.AddrFrom4([4]byte(raw[12:])))
	}
	return address.IsGlobalUnicast() && !address.IsPrivate() && (address.Is4() || internet6.Contains(address)) &&
		!slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(address) })
}

// Dialer makes connections to allowed addresses alone.
func (g *Guard) Dialer() *net.Dialer {
	return &net.Dialer{Timeout: connectTimeout, Control: func(_, address string, _ syscall.RawConn) error {
		target, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%q: %w", address, ErrRefused)
		}
		return g.Check(target.Addr())
	}}
}

// Client makes requests to allowed addresses alone. It follows no redirect: the response is the one that names it. A request with
// its response takes no longer than timeout, and of a response no more than maxBytes is read.
func (g *Guard) Client(timeout time.Duration, maxBytes int64) *http.Client {
	return client(g.Dialer().DialContext, g.proxy, g.Roots, timeout, maxBytes)
}

// Trusted is such a client for a place that the operator named: every address is allowed.
func Trusted(roots *x509.CertPool, timeout time.Duration, maxBytes int64) *http.Client {
	return client((&net.Dialer{Timeout: connectTimeout}).DialContext, fromEnvironment, roots, timeout, maxBytes)
}

type (
	dialFunc  = func(ctx context.Context, network, address string) (net.Conn, error)
	proxyFunc = func(*http.Request) (*url.URL, error)
)

func client(dial dialFunc, proxy proxyFunc, roots *x509.CertPool, timeout time.Duration, maxBytes int64) *http.Client {
	direct := &net.Dialer{Timeout: connectTimeout}
	transport := &http.Transport{
		Proxy: proxy,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if proxied, _ := ctx.Value(proxyKey{}).(string); proxied == address {
				return direct.DialContext(ctx, network, address)
			}
			return dial(ctx, network, address)
		},
		TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: connectTimeout, MaxIdleConnsPerHost: 1, MaxIdleConns: 20, IdleConnTimeout: 30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
	return &http.Client{
		Transport: bounded{transport, proxy, maxBytes}, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// proxy is the operator's proxy for a request, whose own address is not judged. What is an address already, is.
func (g *Guard) proxy(r *http.Request) (*url.URL, error) {
	through, err := fromEnvironment(r)
	if through == nil || err != nil {
		return nil, err //nolint:wrapcheck // The transport's caller gets it with the URL.
	}
	if address, err := netip.ParseAddr(r.URL.Hostname()); err == nil {
		if err := g.Check(address); err != nil {
			return nil, err
		}
	}
	if name := strings.TrimSuffix(strings.ToLower(r.URL.Hostname()), "."); name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return nil, fmt.Errorf("%s: %w", name, ErrRefused)
	}
	return through, nil
}

// fromEnvironment is the operator's proxy. Tests have another: the library reads the environment once, and never uses a proxy for
// this machine.
var fromEnvironment = http.ProxyFromEnvironment

type proxyKey struct{}

// bounded bounds the bodies of responses, and lets the connection to a proxy pass.
type bounded struct {
	*http.Transport
	proxy    proxyFunc
	maxBytes int64
}

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	through, err := b.proxy(r)
	if err != nil {
		return nil, err
	}
	if through != nil {
		r = r.WithContext(context.WithValue(r.Context(), proxyKey{}, proxyAddress(through)))
	}
	res, err := b.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{http.MaxBytesReader(nil, res.Body, b.maxBytes), res.Body}
	return res, nil
}

// proxyAddress is what the transport dials for a proxy.
func proxyAddress(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}
