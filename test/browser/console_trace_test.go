package browser

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/driftsentry/driftsentry/client"
	launcher "github.com/driftsentry/driftsentry/test/internal/pair"
	"github.com/driftsentry/driftsentry/testkit/otlpsink"
)

const consoleService = "driftsentry-console"

// TestConsole_one_trace: the click of one person, the request in api, its events through realtime, and the frames of both browsers are one
// trace, which the page draws. Mutations: request without the action; a receive without its parent; received that tells nothing; rowsOf
// that leaves children out; Spans for every caller.
func TestConsole_one_trace(t *testing.T) {
	sink, err := otlpsink.Start(otlpsink.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	var spans atomic.Value
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { spans.Load().(http.Handler).ServeHTTP(w, r) })) //nolint:forcetypeassert // see below
	t.Cleanup(source.Close)
	d := startDesk(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.Endpoint(), "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_BSP_SCHEDULE_DELAY=200",
		"TRACE_SOURCE_URL="+source.URL+launcher.SpansPath)
	spans.Store(launcher.Spans(sink.Store, d.API.URL(), moment))
	drift := d.report("aws_instance.web", client.Critical)
	one, other := d.person(), d.person()
	for p, role := range map[*tab]string{one: "engineer", other: "admin"} {
		d.signIn(p, role)
		p.shows("aws_instance.web", "")
		// What it measures has come to the collector, so it does measure.
		p.click("a[href='/checks']")
		p.await("the checks", `document.querySelector('h1')?.textContent === 'Checks'`)
		p.click("a[href='/inbox']:not(.brand)")
		p.shows("aws_instance.web", "")
	}
	d.awaitSpans(sink, "both browsers", func(all []otlpsink.Span) bool {
		users := map[any]bool{}
		for _, s := range all {
			if s.Service == consoleService && s.Name == "navigate /inbox" {
				users[s.Attributes["user.id"]] = true
			}
		}
		return len(users) == 2
	})

	one.press("ja")
	one.await("the dialog", `document.activeElement.tagName === 'TEXTAREA'`)
	one.press("agreed with the network team")
	one.press("\r", chromedp.KeyModifiers(chromedp.ModifierCtrl))
	one.shows("aws_instance.web", "approved")
	other.shows("aws_instance.web", "approved")

	var trace otlpsink.Trace
	d.awaitSpans(sink, "the click, and both frames", func(all []otlpsink.Span) bool {
		i := slices.IndexFunc(all, func(s otlpsink.Span) bool { return s.Service == consoleService && s.Name == "act approve" })
		if i < 0 {
			return false
		}
		trace, _ = sink.Trace(all[i].TraceID)
		return len(readers(trace)) == 2 && len(named(trace, "process events")) > 0
	})
	way := named(trace, "receive events")[0]
	for _, want := range []struct{ service, name string }{
		{"driftsentry-api", "publish events"}, {"driftsentry-api", "transaction drift.approve"}, {"driftsentry-api", "POST /api/v1/drifts/{id}/approve"},
		{consoleService, "POST /api/v1/drifts/{id}/approve"}, {consoleService, "act approve"},
	} {
		i := slices.IndexFunc(trace.Spans, func(s otlpsink.Span) bool { return s.SpanID == way.ParentID })
		if i < 0 || trace.Spans[i].Name != want.name || trace.Spans[i].Service != want.service {
			t.Fatalf("the parent of %s is not %s of %s, in %v", way.Name, want.name, want.service, names(trace))
		}
		way = trace.Spans[i]
	}
	if way.ParentID != "" {
		t.Errorf("the click has a parent: %s", way.ParentID)
	}
	for _, s := range named(trace, "receive events") {
		if s.Duration() < 0 || s.Duration() > time.Since(s.Start) {
			t.Errorf("an event was on the screen after %s", s.Duration())
		}
	}

	other.visit(d.API.URL() + "/drifts/" + drift.ID)
	other.await("the decision", `document.querySelectorAll('.timeline li').length === 2`)
	other.click(".timeline li:last-child .trace-link")
	other.await("the waterfall begins with the click", `document.querySelector('.waterfall .span-name bdi')?.textContent === 'act approve'`)
	if got := value[int](other, `[...document.querySelectorAll('.span-name bdi')].filter((n) => n.textContent === 'receive events').length`); got < 2 {
		t.Errorf("the waterfall has %d frames", got)
	}
	if got := value[int](other, `document.querySelectorAll('.span').length`); got < len(trace.Spans) {
		t.Errorf("the waterfall has %d spans of %d", got, len(trace.Spans))
	}
	other.press("j\r")
	other.await("the details", fmt.Sprintf(`document.querySelector('.span-details')?.innerText.includes(%s)`, quoted(consoleService)))
	other.visit(d.API.URL() + "/trace/" + "4bf92f3577b34da6a3ce929d0e0e4737")
	other.await("it waits", `document.querySelector('.skeleton') !== null`)
	if res := d.get("/api/v1/users/me", "*/*"); res.StatusCode != http.StatusUnauthorized {
		t.Error("a stranger may ask")
	}
	for _, token := range []string{"", "Bearer wrong"} {
		req, err := http.NewRequestWithContext(d.ctx, http.MethodGet, source.URL+"/spans/"+trace.ID, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", token)
		res, err := source.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("with %q: %d", token, res.StatusCode)
		}
	}
}

// awaitSpans waits until what the services sent satisfies a condition.
func (d *desk) awaitSpans(sink *otlpsink.Sink, what string, condition func([]otlpsink.Span) bool) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, moment)
	defer cancel()
	if err := sink.WaitFor(ctx, func(s *otlpsink.Store) bool { return condition(s.Spans()) }); err != nil {
		d.t.Fatalf("%s: %v", what, err)
	}
}

// readers are the users on whose screens the events of a trace were.
func readers(t otlpsink.Trace) map[any]bool {
	all := map[any]bool{}
	for _, s := range named(t, "receive events") {
		all[s.Attributes["user.id"]] = true
	}
	return all
}

func named(t otlpsink.Trace, name string) []otlpsink.Span {
	return slices.DeleteFunc(slices.Clone(t.Spans), func(s otlpsink.Span) bool { return s.Name != name })
}

func names(t otlpsink.Trace) []string {
	all := make([]string, len(t.Spans))
	for i, s := range t.Spans {
		all[i] = fmt.Sprintf("%s %s %s<%s", s.Service, s.Name, s.SpanID, s.ParentID)
	}
	return all
}

// TestConsole_telemetry_blocked: the page works the same when what measures it is blocked, or nothing takes what it measured. Mutations:
// the import without its second function; report that throws.
func TestConsole_telemetry_blocked(t *testing.T) {
	d := startDesk(t)
	for _, blocked := range []string{"*://*:*/assets/spans-*", "*://*:*/api/v1/telemetry"} {
		drift := d.report("aws_instance.web", client.Critical)
		p := d.person()
		p.block(blocked)
		d.signIn(p, "engineer")
		p.shows("aws_instance.web", "")
		p.press("ja")
		p.await("the dialog", `document.activeElement.tagName === 'TEXTAREA'`)
		p.press("agreed with the network team")
		p.press("\r", chromedp.KeyModifiers(chromedp.ModifierCtrl))
		p.shows("aws_instance.web", "approved")
		// A block that blocks nothing would prove nothing.
		p.await("it was blocked", fmt.Sprintf(`(document.dispatchEvent(new Event('visibilitychange')), performance.getEntriesByType('resource').some((e) => %s && e.responseStatus === 0))`,
			map[bool]string{true: `/spans-/.test(e.name)`, false: `/v1.telemetry$/.test(e.name)`}[blocked == "*://*:*/assets/spans-*"]))
		if got := d.status(drift.ID); got.Status != "approved" {
			t.Errorf("api has %s", got.Status)
		}
		if _, err := d.engineer.ResolveDrift(t.Context(), drift.ID, client.ManualFix, 0); err != nil {
			t.Fatal(err)
		}
	}
}

// block makes requests of a tab fail.
func (p *tab) block(pattern string) {
	p.t.Helper()
	err := chromedp.Do(p.ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if _, err := cdp.Call(ctx, target, network.Enable, network.EnableParams{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, target, network.SetBlockedURLs, network.SetBlockedURLsParams{URLPatterns: []*network.BlockPattern{{URLPattern: pattern, Block: true}}})
		return err
	}))
	if err != nil {
		p.t.Fatal(err)
	}
}

// TestConsole_young_trace: what comes of a trace after it was opened appears by itself, also where nothing had come. Mutations: Waterfall that
// reads once; one that stops at 404.
func TestConsole_young_trace(t *testing.T) {
	var asked atomic.Int32
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Headers", "Authorization")
		if r.Method == http.MethodOptions {
			return
		}
		spans := []string{}
		for i := range asked.Add(1) - 1 {
			spans = append(spans, fmt.Sprintf(`{"id":"%d","parentId":"","name":"span %d","kind":"internal","service":"api","start":%d,"duration":1,"failed":false,"message":"","attributes":null,"links":[]}`, i, i, i))
		}
		if len(spans) == 0 {
			http.Error(w, "not yet", http.StatusNotFound)
			return
		}
		_, _ = fmt.Fprintf(w, `{"startedAt":%q,"spans":[%s],"logs":[],"more":0}`, time.Now().UTC().Format(time.RFC3339Nano), strings.Join(spans, ","))
	}))
	t.Cleanup(source.Close)
	d := startDesk(t, "TRACE_SOURCE_URL="+source.URL+"/{traceId}")
	p := d.person()
	d.signIn(p, "viewer")
	p.visit(d.API.URL() + "/trace/4bf92f3577b34da6a3ce929d0e0e4736")
	p.await("three spans", `document.querySelectorAll('.waterfall .span').length === 3`)
}
