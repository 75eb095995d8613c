package dial_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/pkg/dial"
)

// TestAttackAddress: what is not on the internet is refused in every form. Mutations: without Unmap; without nat64; without the list
// special; without IsPrivate.
func TestAttackAddress(t *testing.T) {
	var guard dial.Guard
	for _, address := range []string{
		"127.0.0.1", "127.8.9.10", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1",
		"192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "2001:db8::1", "2001::1", "2002:7f00:1::",
		"::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "3fff::1", "4000::1",
	} {
		if err := guard.Check(netip.MustParseAddr(address)); !errors.Is(err, dial.ErrRefused) {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{"140.82.112.3", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"} {
		if err := guard.Check(netip.MustParseAddr(address)); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	allowing := dial.Guard{Allowed: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8")}}
	for address, want := range map[string]bool{"10.1.2.3": true, "10.2.0.1": false, "fd00::1": true, "fc00::1": false, "::ffff:10.1.2.3": true} {
		if err := allowing.Check(netip.MustParseAddr(address)); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestAttackInnerAddress: neither a name nor a number leads to a server inside, a redirect is not followed, and what is allowed is
// reached. Mutations: a Dialer without Control; CheckRedirect left out; the body without its bound.
func TestAttackInnerAddress(t *testing.T) {
	reached := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached++
		if r.URL.Path == "/elsewhere" {
			http.Redirect(w, r, "/", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, strings.Repeat("x", 2000))
	}))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	get := func(guard dial.Guard, target string) (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		return guard.Client(time.Minute, 1000).Do(req)
	}
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"} {
		if res, err := get(dial.Guard{}, "http://"+host+":"+port); err == nil || !errors.Is(err, dial.ErrRefused) {
			t.Errorf("%s: %v", host, err)
			if err == nil {
				res.Body.Close()
			}
		}
	}
	if reached != 0 {
		t.Errorf("the server was reached %d times", reached)
	}
	local := dial.Guard{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	res, err := get(local, "http://127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err == nil || len(body) > 1000 {
		t.Errorf("%d bytes were read: %v", len(body), err)
	}
	moved, err := get(local, "http://127.0.0.1:"+port+"/elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	defer moved.Body.Close()
	if moved.StatusCode != http.StatusFound || reached != 2 {
		t.Errorf("status %d after %d requests", moved.StatusCode, reached)
	}
}

// TestAttackThroughProxy: with a proxy, which resolves names itself, what is an inner address in the URL is refused before, and the
// proxy's own address is not judged. Mutation: proxy without Check.
func TestAttackThroughProxy(t *testing.T) {
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Host)
		w.WriteHeader(http.StatusTeapot)
	}))
	defer proxy.Close()
	dial.UseProxy(t, proxy.URL)
	var guard dial.Guard
	for _, target := range []string{"http://10.0.0.1/", "http://169.254.169.254/", "http://[::ffff:10.0.0.1]/", "http://x.localhost/"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if res, err := guard.Client(time.Minute, 1000).Do(req); !errors.Is(err, dial.ErrRefused) {
			t.Errorf("%s: %v", target, err)
			if err == nil {
				res.Body.Close()
			}
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://hooks.example/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := guard.Client(time.Minute, 1000).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusTeapot || len(asked) != 1 || asked[0] != "hooks.example" {
		t.Errorf("status %d, asked for %v", res.StatusCode, asked)
	}
}
