package shipped

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/loopback"
)

// dynamic is how the edge finds replicas by a name that only the compose file's network knows.
var dynamic = regexp.MustCompile(`dynamic a [^{}\n]*(\{[^{}\n]*\} \{[^{}\n]*\} )?\{[^{}]*\}\n`)

// Edge is the shipped Caddyfile for a Caddy on this machine: it asks these addresses, where the shipped one asks the names api and
// realtime; it has no administration, no port 80, writes its access log to a folder of the test, and puts nothing into this machine's certificates.
// Everything else is unchanged.
func Edge(t *testing.T, api, realtime []string) string {
	t.Helper()
	text := dynamic.ReplaceAllString(Text(t, filepath.Join(Deploy, "caddy/Caddyfile")), "")
	for service, addresses := range map[string][]string{"api 3001": api, "realtime 3002": realtime} {
		list := strings.Join(addresses, " ")
		text = strings.NewReplacer(
			"import replicas "+service, "to "+list+"\n\t\t\timport replicas "+service,
			"reverse_proxy "+strings.Replace(service, " ", ":", 1), "reverse_proxy "+list,
		).Replace(text)
		if !strings.Contains(text, list) {
			t.Fatalf("the Caddyfile does not reach %s in a known way", service)
		}
	}
	return strings.NewReplacer(
		"/var/log/caddy", t.TempDir(),
		":2020", ":"+strconv.Itoa(loopback.Port(t)),
		"{$GRAFANA_SITE::3000}", "http://:"+strconv.Itoa(loopback.Port(t)),
		"\n{\n", "\n{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n",
	).Replace(text)
}
