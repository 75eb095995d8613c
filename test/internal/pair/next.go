package pair

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/test/internal/console"
)

// nextSteps is the text that a user needs now, with lines to paste into another terminal.
func (r *run) nextSteps(c Credentials, fresh bool, s sample) string {
	var b strings.Builder
	title := func(text string) { fmt.Fprintf(&b, "\n%s\n", r.Console.Paint(console.Bold, text)) }
	dim := func(text string) string { return r.Console.Paint(console.Dim, text) }
	file := filepath.Join(r.Dir, "credentials.json")

	rule := strings.Repeat("─", 100)
	if w := r.Console.Width(); w > 0 {
		rule = strings.Repeat("─", min(w, 100))
	}
	fmt.Fprintf(&b, "%s\n%s\n", dim(rule), r.Console.Paint(console.Green, "DriftSentry runs."))
	fmt.Fprintf(&b, "  console   %s   (sign in with a user below)\n", r.Console.Paint(console.Bold, r.apiURL()))
	fmt.Fprintf(&b, "  api       %s/api/v1\n", r.apiURL())
	fmt.Fprintf(&b, "  realtime  %s\n", r.socketURL())
	fmt.Fprintf(&b, "  documents %s/docs\n", r.apiURL())
	fmt.Fprintf(&b, "  health    %s/health/detailed and %s/health/detailed; the metrics are at /metrics\n", r.apiURL(), r.realtimeURL())
	fmt.Fprintf(&b, "  The sample plan: %d new, %d changed, %d unchanged. Of its events a viewer's socket got %d, the last after %d ms.\n",
		s.counts.New, s.counts.Changed, s.counts.Unchanged, s.events, s.live.Milliseconds())

	if fresh {
		title("Users of the account " + account + " (shown once; kept in " + file + ")")
		for _, p := range []Person{c.Admin, c.Engineer, c.Viewer} {
			fmt.Fprintf(&b, "  %-22s %s\n", p.Email, p.Password)
		}
	} else {
		title("Users and API key are those of earlier runs, in " + file)
	}

	title("Try this in another terminal")
	fmt.Fprintf(&b, "  %s\n", dim("# sign in as the engineer, list what is critical, decide"))
	fmt.Fprintf(&b, "TOKEN=$(sed 's/.*\"engineer\":\\({[^}]*}\\).*/\\1/' %s | curl -s %s/api/v1/auth/login -H 'Content-Type: application/json' -d @- | sed 's/.*\"accessToken\":\"\\([^\"]*\\)\".*/\\1/')\n",
		quote(file), r.apiURL())
	fmt.Fprintf(&b, "curl -s -w '\\n' '%s/api/v1/drifts?severity=critical' -H \"Authorization: Bearer $TOKEN\"\n", r.apiURL())
	if id := undecided(s.drifts); id != "" {
		fmt.Fprintf(&b, "curl -si -w '\\n' %s/api/v1/drifts/%s/approve -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' -d '{\"reason\":\"agreed with the network team\"}'\n",
			r.apiURL(), id)
	} else {
		fmt.Fprintf(&b, "curl -s -w '\\n' %s/api/v1/metrics/summary -H \"Authorization: Bearer $TOKEN\"\n", r.apiURL())
	}
	fmt.Fprintf(&b, "  %s\n", dim("# the key for plans of your own; README.md shows how to send one"))
	fmt.Fprintf(&b, "API_KEY=$(sed 's/.*\"apiKey\":\"\\([^\"]*\\)\".*/\\1/' %s)\n", quote(file))
	fmt.Fprintf(&b, "\n  %-52s %s\n", "make watch", dim("# events as they come, over the WebSocket"))
	fmt.Fprintf(&b, "  %-52s %s\n", "make demo", dim("# plans and decisions that keep coming, to watch in the console"))
	fmt.Fprintf(&b, "  %-52s %s\n", "make trace ID="+s.traceID, dim("# the sample plan, from the CI job to the socket"))
	fmt.Fprintf(&b, "\nCtrl-C stops everything. The database and the users are kept; `make clean` removes them.\n%s\n", dim(rule))
	return b.String()
}

// undecided is the first drift that can still be approved.
func undecided(drifts []client.Drift) string {
	for _, d := range drifts {
		if d.Status == "detected" || d.Status == "triaged" {
			return d.ID
		}
	}
	return ""
}

// quote makes a path one word for the shell.
func quote(path string) string {
	if !strings.ContainsFunc(path, func(r rune) bool {
		return !strings.ContainsRune("/._-+@%:,=", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
