package browser

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/evanw/esbuild/pkg/api"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/test/internal/replica"
	"github.com/driftsentry/driftsentry/testkit/doctable"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// setup is a page of another origin beside both services. Its sockets go over the link.
type setup struct {
	*replica.Pair
	t        *testing.T
	ctx      context.Context // of the page
	origin   string
	link     *Link
	password string
	engineer *client.Client
}

const engineer = "engineer@acme.example"

func start(t *testing.T) *setup {
	t.Helper()
	script := compile(t)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			fmt.Fprint(w, `<!DOCTYPE html><title>A front end</title><script src="/page.js"></script>`)
		case "/page.js":
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write(script)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(site.Close)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	s := &setup{t: t, origin: site.URL, password: rand.Text()}
	// The page's own heartbeats are as quick as they may be, so that it notices a silent connection soon.
	environ := replica.Environ(pgtest.DSN(t), slices.Concat(replica.Unhurried, []string{"LOG_LEVEL=warn", "CORS_ORIGIN=" + site.URL, "WEBSOCKET_HEARTBEAT=1s"})...)
	if err := replica.CreateUser(ctx, programs.API, environ, "acme", engineer, "engineer", s.password); err != nil {
		t.Fatal(err)
	}
	s.Pair = replica.StartPair(ctx, t, programs, environ)
	var err error
	if s.engineer, err = client.New(s.API.URL(), client.WithPassword(engineer, s.password)); err != nil {
		t.Fatal(err)
	}
	if s.link, err = NewLink(strings.TrimPrefix(s.Realtime.URL(), "http://")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.link.Close)
	s.ctx = startBrowser(ctx, t)
	if err := chromedp.Do(s.ctx, chromedp.Navigate(site.URL)); err != nil {
		t.Fatal(err)
	}
	return s
}

var snippet = regexp.MustCompile("(?s)\n```ts\n// (\\S+)\n(.*?)\n```\n")

// compile makes a script of the page and of the code in docs/frontend.md.
func compile(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	document, err := os.ReadFile(filepath.Join(doctable.Root(t), "docs/frontend.md"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("page.ts")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"page.ts": page}
	for _, found := range snippet.FindAllSubmatch(document, -1) {
		files[string(found[1])] = found[2]
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	made := api.Build(api.BuildOptions{EntryPoints: []string{filepath.Join(dir, "page.ts")}, Bundle: true, Target: api.ES2022})
	if len(made.Errors) > 0 || len(made.OutputFiles) != 1 {
		t.Fatalf("%+v", made.Errors)
	}
	return made.OutputFiles[0].Contents
}

// call calls a function of the page, waits for its end, and returns its result.
func call[T any](s *setup, function string, args ...any) T {
	s.t.Helper()
	texts := make([]string, len(args))
	for i, arg := range args {
		text, err := json.Marshal(arg)
		if err != nil {
			s.t.Fatal(err)
		}
		texts[i] = string(text)
	}
	result, err := chromedp.Run(s.ctx, chromedp.Evaluate[T](fmt.Sprintf("page.%s(%s)", function, strings.Join(texts, ", ")), chromedp.EvalAwaitPromise))
	if err != nil {
		s.t.Fatalf("%s: %v", function, err)
	}
	return result
}

// await waits until an expression holds in the page.
func (s *setup) await(what, expression string) {
	s.t.Helper()
	if _, err := chromedp.Run(s.ctx, chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingTimeout(0))); err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

// sdkHeaders are what Sentry's SDK adds to the requests of a page. A browser sends a request only if all its headers are allowed.
var sdkHeaders = map[string]string{
	"baggage":      "sentry-environment=production,sentry-trace_id=4bf92f3577b34da6a3ce929d0e0e4736",
	"sentry-trace": "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
}

// report makes an event, and a drift with this name.
func (s *setup) report(name string) client.Drift {
	s.t.Helper()
	d, err := s.engineer.ReportDrift(s.t.Context(), client.DriftReport{
		ResourceID: name, ResourceType: "aws_instance", Region: "eu-central-1", Severity: client.Critical,
		ExpectedState: map[string]string{"size": "small"}, ActualState: map[string]string{"size": "large"},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

func (s *setup) approve(d client.Drift) {
	s.t.Helper()
	if _, err := s.engineer.ApproveDrift(s.t.Context(), d.ID, client.Decision{Reason: "agreed with the network team"}); err != nil {
		s.t.Fatal(err)
	}
}

// shows waits until the page's list has these names with these states, and nothing else.
func (s *setup) shows(want ...string) {
	s.t.Helper()
	s.await("the page shows "+strings.Join(want, ", "), fmt.Sprintf("page.rows.map((r) => r.resourceId + ' ' + r.status).join(', ') === %q", strings.Join(want, ", ")))
}

// TestPage does what docs/frontend.md and the AsyncAPI document say, with their own code: it reads a list and then follows the
// stream, over connections that are refused, cut and silent while things happen. Nothing may be missing, and nothing may come twice.
//
// Mutations of docs/frontend.md: welcome sets the cursor, or nothing is sent as `after` (drifts are missing); no timer for
// silence (the last connection never comes back); add reads the list before it subscribes (an alert is missing), or does not
// keep the position of the list (an alert is there twice).
func TestPage(t *testing.T) {
	s := start(t)
	old := s.report("old")
	s.link.Cut()
	head := call[string](s, "begin", s.API.URL(), "ws://"+s.link.Address()+"/ws", engineer, s.password, sdkHeaders)
	s.shows("old detected")

	// Between the list and the first connection.
	s.report("gap")
	s.link.Restore()
	s.shows("old detected", "gap detected")

	// On a live connection.
	s.report("live")
	s.shows("old detected", "gap detected", "live detected")

	// While there is no connection. The next welcome has the cursor of all this.
	s.link.Cut()
	s.approve(old)
	s.report("away")
	s.link.Restore()
	s.shows("old approved", "gap detected", "live detected", "away detected")

	// While a connection is there and says nothing.
	s.link.Stall()
	silent := s.report("silent")
	s.approve(silent)
	s.link.Restore()
	s.shows("old approved", "gap detected", "live detected", "away detected", "silent approved")

	var want []string
	for e, err := range s.engineer.Events(t.Context(), head) {
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(e.Topics, client.TopicDrifts) {
			want = append(want, strconv.FormatInt(e.Position, 10))
		}
	}
	s.await("the other stream has as many events", fmt.Sprintf("page.positions.length >= %d", len(want)))
	got, err := chromedp.Run(s.ctx, chromedp.Evaluate[string]("page.positions.join(' ')"))
	if err != nil || got != strings.Join(want, " ") {
		t.Errorf("the page handled the positions %s, %v; want %s", got, err, strings.Join(want, " "))
	}

	// A topic that is added to a live connection, while alerts are raised: none is missing, and none is there twice.
	call[any](s, "addAlerts", s.API.URL(), engineer, s.password)
	s.report("alerting")
	alerts, err := s.engineer.ListAlerts(t.Context(), client.AlertQuery{}, client.Page{Size: 100})
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]string, len(alerts.Items))
	for i, alert := range alerts.Items {
		ids[i] = alert.ID
	}
	slices.Sort(ids)
	s.await("all alerts, once", fmt.Sprintf("page.alerts.toSorted().join(' ') === %q", strings.Join(ids, " ")))
}

// TestDocuments: the page of the documents looks as it should under its own policy, which stops every other style and script.
// Mutation: style-src 'none'.
func TestDocuments(t *testing.T) {
	s := start(t)
	if err := chromedp.Do(s.ctx, chromedp.Navigate(s.API.URL()+"/docs")); err != nil {
		t.Fatal(err)
	}
	got, err := chromedp.Run(s.ctx, chromedp.Evaluate[string](`document.title + ", " + getComputedStyle(document.body).display + ", " +
		(document.querySelectorAll("section").length > 100) + ", " + document.querySelectorAll("a[href^='#']").values().every((a) => document.getElementById(a.hash.slice(1)))`))
	if err != nil || got != "DriftSentry API, grid, true, true" {
		t.Errorf("the page: %s, %v", got, err)
	}
}
