package browser

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/coder/websocket"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/testkit/otlpsink"
	"github.com/driftsentry/driftsentry/testkit/sentrytest"
)

// TestConsole_expired_token: a token that ends in the middle of a session, while the page believes that it holds, ends nothing: a
// decision that is refused is sent again with a new one, once, and the stream comes back with that. Mutations: attempt that does not repeat;
// accessToken that ignores what was refused.
func TestConsole_expired_token(t *testing.T) {
	d := startDesk(t, "JWT_EXPIRY=1s")
	drift := d.report("aws_instance.web", client.Critical)
	p := d.person()
	d.signIn(p, "engineer")
	p.shows("aws_instance.web", "")
	// By this clock no token ever ends.
	value[bool](p, `(window.begun = performance.now(), Date.now = () => 0, true)`)
	p.press("ja")
	p.await("the dialog", `document.activeElement.tagName === 'TEXTAREA'`)
	p.press("agreed with the network team")
	d.link.Cut() // The stream must not bring a new token first.
	p.await("the stream is away", `document.querySelector('.live').textContent === 'offline'`)
	d.awaitExpiry()
	p.press("\r", chromedp.KeyModifiers(chromedp.ModifierCtrl))
	p.shows("aws_instance.web", "approved")
	const since = `performance.getEntriesByType('resource').filter((e) => e.startTime > window.begun && `
	if got := value[[]int](p, since+`e.name.endsWith('/approve')).map((e) => e.responseStatus)`); len(got) != 2 || got[0] != http.StatusUnauthorized || got[1] != http.StatusOK {
		t.Errorf("the decision had the responses %v", got)
	}
	if got := d.status(drift.ID); got.Status != client.Approved {
		t.Errorf("api has %s", got.Status)
	}
	if strings.Count(d.said(drift.ID), "drift.approved") != 1 {
		t.Errorf("it was decided more than once: %s", d.said(drift.ID))
	}
	d.link.Restore()
	p.click(".lost button")
	p.await("the stream is back", `document.querySelector('.live').textContent === 'live'`)
}

// awaitExpiry waits until a token that is made now has ended, which realtime says; those that were made before have then, too.
func (d *desk) awaitExpiry() {
	d.t.Helper()
	res, err := new(http.Client).Post(d.API.URL()+"/api/v1/auth/login", "application/json",
		strings.NewReader(fmt.Sprintf(`{"email":%q,"password":%q}`, address("viewer"), d.password)))
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var body struct {
		Data struct{ AccessToken string }
	}
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		d.t.Fatal(err)
	}
	for code := websocket.StatusCode(0); code != 4401; {
		// On a busy machine a socket may be closed for its silence: then another one is.
		socket, _, err := websocket.Dial(d.ctx, "ws://"+d.Realtime.Address()+"/ws", &websocket.DialOptions{
			Subprotocols: []string{"driftsentry.v1"}, HTTPHeader: http.Header{"Authorization": {"Bearer " + body.Data.AccessToken}},
		})
		if err != nil {
			d.t.Fatal(err)
		}
		for err == nil {
			_, _, err = socket.Read(d.ctx)
		}
		_ = socket.CloseNow()
		if d.ctx.Err() != nil {
			d.t.Fatal(err)
		}
		code = websocket.CloseStatus(err)
	}
}

// TestConsole_errors: an error that the page does not handle reaches Sentry once, however often it happens, with the place in the page's
// files, in the trace of the page; and api's log. A refusal of the API is none. Mutations: told that forgets; ApiError that is told; the
// listener of `error` left out.
func TestConsole_errors(t *testing.T) {
	sentry := sentrytest.Start(t)
	d := startDesk(t, "SENTRY_DSN="+sentry.DSN())
	p := &tab{t: t, ctx: startBrowser(d.ctx, t)} // Its errors are wanted.
	d.signIn(p, "engineer")
	p.await("it measures", `performance.getEntriesByType('resource').some((e) => /assets.spans-/.test(e.name) && e.responseEnd > 0)`)
	p.visitInside("/checks")
	value[bool](p, `(Element.prototype.scrollTo = () => { throw new TypeError('broken in the test') }, true)`)
	for range 3 {
		p.visitInside("/alerts")
		p.visitInside("/checks")
	}
	value[bool](p, `(Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true }), document.dispatchEvent(new Event('visibilitychange')))`)
	p.await("it was told", `performance.getEntriesByType('resource').some((e) => e.name.endsWith('/telemetry') && e.responseStatus === 200)`)
	if err := d.API.Stop(d.ctx); err != nil { // What it has for Sentry is sent first.
		t.Fatal(err)
	}
	events := sentry.Events()
	if len(events) != 1 {
		t.Fatalf("%d events in Sentry: %v", len(events), events)
	}
	e := events[0]
	if len(e.Exception) != 1 || e.Exception[0].Type != "TypeError" || e.Exception[0].Value != "broken in the test" || e.Exception[0].Stacktrace == nil {
		t.Errorf("the event: %s", e.Raw)
	}
	if e.Tags["service"] != consoleService || e.Release == "" || len(e.TraceID()) != 32 {
		t.Errorf("the event is of %v, release %q, trace %q", e.Tags, e.Release, e.TraceID())
	}
}

// visitInside goes to a screen as a link of the frame does.
func (p *tab) visitInside(path string) {
	p.t.Helper()
	value[bool](p, fmt.Sprintf(`(document.querySelector('.nav a[href=%q]').click(), true)`, path))
	p.await(path, fmt.Sprintf(`location.pathname === %s`, quoted(path)))
}

// TestConsole_collector_away: where the collector stops taking anything, and when it is not there, people decide as before, and the page
// sees no error. Mutation: Take that waits for the export.
func TestConsole_collector_away(t *testing.T) {
	sink, err := otlpsink.Start(otlpsink.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := startDesk(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.Endpoint(), "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_BSP_SCHEDULE_DELAY=200")
	p := d.person()
	d.signIn(p, "engineer")
	sink.Close()
	for i := range 3 {
		drift := d.report(fmt.Sprintf("aws_instance.web%d", i), client.Critical)
		p.visit(d.API.URL() + "/inbox")
		p.shows(drift.ResourceID, "")
		p.await("it measures", `performance.getEntriesByType('resource').some((e) => /assets.spans-/.test(e.name) && e.responseEnd > 0)`)
		p.press("ja")
		p.await("the dialog", `document.activeElement.tagName === 'TEXTAREA'`)
		p.press("agreed with the network team")
		p.press("\r", chromedp.KeyModifiers(chromedp.ModifierCtrl))
		p.shows(drift.ResourceID, "approved")
		value[bool](p, `(Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true }), document.dispatchEvent(new Event('visibilitychange')))`)
		p.await("what it measured is taken", `performance.getEntriesByType('resource').some((e) => e.name.endsWith('/telemetry') && e.responseStatus === 200)`)
	}
}

// TestConsole_audit_export: what an admin exports is what the filters of the screen show, all of it; while another export is written, the
// page says so. Mutations: download without the filters; a response that is no success saved as a file.
func TestConsole_audit_export(t *testing.T) {
	d := startDesk(t)
	d.report("aws_instance.first", client.Critical)
	d.report("aws_instance.second", client.Critical)
	p := d.person()
	d.signIn(p, "admin")
	p.visit(d.API.URL() + "/audit?action=drift.created")
	p.await("the rows", `document.querySelectorAll('tbody tr').length === 2`)
	value[bool](p, `(() => { const make = URL.createObjectURL; URL.createObjectURL = (b) => (window.saved = b, make.call(URL, b)); return true })()`)
	p.click(`button[aria-label="Export these rows as CSV"]`)
	p.await("the file", `window.saved !== undefined`)
	lines := strings.Split(strings.TrimSpace(value[string](p, `window.saved.text()`)), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "id,timestamp,action") || !strings.Contains(lines[1], "aws_instance.second") {
		t.Errorf("the file has %q", lines)
	}
	value[bool](p, `(window.saved = undefined, window.fetch = async () => new Response(
		JSON.stringify({ success: false, error: { code: 'SERVICE_UNAVAILABLE', message: 'another export is being written', traceId: '', details: null } }), { status: 503 }), true)`)
	p.click(`button[aria-label="Export these rows as CSV"]`)
	p.await("why not", `document.querySelector('.toast-bad')?.innerText.includes('Another export is being written')`)
	if value[bool](p, `window.saved !== undefined`) {
		t.Error("a refusal was saved")
	}
}
