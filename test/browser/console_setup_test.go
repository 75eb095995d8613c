package browser

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/test/internal/replica"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// desk is the console of an installation, with a user of each role. Its sockets go over the link.
type desk struct {
	*replica.Pair
	t        *testing.T
	ctx      context.Context
	link     *Link
	password string
	dsn      string
	// engineer is the colleague who works without the console.
	engineer *client.Client
}

func address(role string) string { return role + "@acme.example" }

func startDesk(t *testing.T, settings ...string) *desk {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	d := &desk{Pair: &replica.Pair{}, t: t, ctx: ctx, password: rand.Text(), dsn: pgtest.DSN(t)}
	environ := replica.Environ(d.dsn, slices.Concat(replica.Unhurried, []string{"LOG_LEVEL=warn", "WEBSOCKET_HEARTBEAT=1s"}, settings)...)
	for _, role := range []string{"viewer", "engineer", "admin"} {
		if err := replica.CreateUser(ctx, programs.API, environ, "acme", address(role), role, d.password); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	var err error
	if d.Realtime, err = replica.New(dir, "realtime", programs.Realtime, environ); err != nil {
		t.Fatal(err)
	}
	if d.API, err = replica.New(dir, "api", programs.API, environ); err != nil {
		t.Fatal(err)
	}
	if d.link, err = NewLink(d.Realtime.Address()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.link.Close)
	d.API.Environ = append(d.API.Environ, "REALTIME_URL=ws://"+d.link.Address()+"/ws")
	d.Realtime.Environ = append(d.Realtime.Environ, "CORS_ORIGIN="+d.API.URL())
	for _, r := range d.Services() {
		replica.Run(t, r)
		if err := r.AwaitReady(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if d.engineer, err = client.New(d.API.URL(), client.WithPassword(address("engineer"), d.password)); err != nil {
		t.Fatal(err)
	}
	return d
}

// report makes a drift.
func (d *desk) report(resource string, severity client.Severity) client.Drift {
	d.t.Helper()
	made, err := d.engineer.ReportDrift(d.t.Context(), client.DriftReport{
		ResourceID: resource, ResourceType: "aws_instance", Region: "eu-central-1", Severity: severity,
		ExpectedState: map[string]string{"instance_type": "t3.micro"}, ActualState: map[string]string{"instance_type": "m5.4xlarge"},
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return made
}

// fail makes a workspace, whose next check fails.
func (d *desk) fail(workspace, reason string, from client.Source) client.Check {
	d.t.Helper()
	const plan = `{"format_version":"1.2","terraform_version":"1.11.4","timestamp":"2026-03-01T09:00:00Z","complete":true,"errored":false,"resource_drift":[]}`
	if _, err := d.engineer.SendPlan(d.t.Context(), workspace, strings.NewReader(plan), client.PlanOptions{Mode: "refresh-only", Scope: "full"}); err != nil {
		d.t.Fatal(err)
	}
	failed, err := d.engineer.SendFailure(d.t.Context(), workspace, reason, "", from)
	if err != nil {
		d.t.Fatal(err)
	}
	return failed
}

// tab is one tab of a browser in which a person uses the console.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex
	errors []string
}

// person opens the console in a browser of its own, without a session.
func (d *desk) person() *tab {
	d.t.Helper()
	return d.watch(startBrowser(d.ctx, d.t))
}

// another opens a second tab of the same browser.
func (d *desk) another(first *tab, path string) *tab {
	d.t.Helper()
	ctx, closeTab := chromedp.NewContext(first.ctx)
	d.t.Cleanup(closeTab)
	second := d.watch(ctx)
	second.visit(d.API.URL() + path)
	return second
}

// watch fails the test for every error that a page does not handle, and for what its policy stops.
func (d *desk) watch(ctx context.Context) *tab {
	d.t.Helper()
	p := &tab{t: d.t, ctx: ctx}
	err := chromedp.Listen(ctx, func(event any) {
		if thrown, ok := event.(*runtime.EventExceptionThrown); ok {
			p.mu.Lock()
			defer p.mu.Unlock()
			message := thrown.ExceptionDetails.Text
			if e := thrown.ExceptionDetails.Exception; e != nil {
				message += " " + e.Description
			}
			p.errors = append(p.errors, message)
		}
	})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, message := range p.errors {
			d.t.Errorf("the page did not handle: %s", message)
		}
	})
	return p
}

func (p *tab) visit(url string) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, chromedp.Navigate(url)); err != nil {
		p.t.Fatal(err)
	}
}

// signIn signs in as a person does, and waits for the inbox.
func (d *desk) signIn(p *tab, role string) {
	d.t.Helper()
	p.visit(d.API.URL() + "/")
	p.await("the form", `document.querySelector('input[type=email]') !== null`)
	p.fill("input[type=email]", address(role))
	p.fill("input[type=password]", d.password)
	p.press("\r")
	p.await("the inbox is live", `location.pathname === '/inbox' && document.querySelector('.live')?.textContent === 'live'`)
}

// moment bounds each wait, so that one that fails says where it is before the test ends. On a busy machine a page takes seconds.
const moment = 2 * time.Minute

// await waits until an expression holds in the page. It needs no eval, which the page's policy forbids.
func (p *tab) await(what, expression string) {
	p.t.Helper()
	wait := fmt.Sprintf(`new Promise((done) => { const look = () => { let holds = false; try { holds = %s } catch {} holds ? done(true) : setTimeout(look, 15) }; look() })`, expression)
	ctx, cancel := context.WithTimeout(p.ctx, moment)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](wait, chromedp.EvalAwaitPromise)); err != nil {
		p.t.Fatalf("%s: %v\n%s", what, err, value[string](p, "document.body.innerText"))
	}
}

// value is that of an expression in the page.
func value[T any](p *tab, expression string) T {
	p.t.Helper()
	result, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Errorf("%s: %v", expression, err)
	}
	return result
}

// fill types into a field.
func (p *tab) fill(selector, text string) {
	p.t.Helper()
	p.do("type into "+selector, func(ctx context.Context) error {
		return chromedp.Do(ctx, chromedp.SendKeys(chromedp.CSS(selector), text))
	})
}

// press presses keys, wherever the focus is.
func (p *tab) press(keys string, options ...chromedp.KeyOption) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, chromedp.KeyEvent(keys, append(options, rawDown)...)); err != nil {
		p.t.Fatalf("press %q: %v", keys, err)
	}
}

// rawDown makes a key go down as a keyboard does it: where the page prevents the default, no character follows. After a plain keyDown of
// the protocol, the character is typed anyway, into whatever has the focus by then.
func rawDown(p *input.DispatchKeyEventParams) {
	if p.Type == kb.KeyDown {
		p.Type = kb.KeyRawDown
	}
}

// click clicks with the mouse in the middle of an element.
func (p *tab) click(selector string) {
	p.t.Helper()
	p.do("click "+selector, func(ctx context.Context) error { return chromedp.Do(ctx, chromedp.Click(chromedp.CSS(selector))) })
}

// do does something in the page, which must work within a moment.
func (p *tab) do(what string, action func(context.Context) error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, moment)
	defer cancel()
	if err := action(ctx); err != nil {
		p.t.Fatalf("%s: %v\n%s", what, err, value[string](p, "document.body.innerText"))
	}
}

// choose chooses an option of a list.
func (p *tab) choose(selector, option string) {
	p.t.Helper()
	p.do("choose in "+selector, func(ctx context.Context) error {
		return chromedp.Do(ctx, chromedp.SetValue(chromedp.CSS(selector), option))
	})
	value[bool](p, fmt.Sprintf(`document.querySelector(%s).dispatchEvent(new Event('change', { bubbles: true }))`, quoted(selector)))
}

// row is an expression for the row of a drift.
func row(resource string) string {
	return fmt.Sprintf(`[...document.querySelectorAll('.row')].find((r) => r.querySelector('.address')?.textContent === %s)`, quoted(resource))
}

// shows waits until the row of a drift has a status; the row of one that waits for a look shows none.
func (p *tab) shows(resource, status string) {
	p.t.Helper()
	p.await(fmt.Sprintf("%s is %s", resource, status), fmt.Sprintf(`(%s).querySelector('.row-state').textContent === %s`, row(resource), quoted(status)))
}

func quoted(text string) string {
	encoded, err := json.Marshal(text)
	if err != nil {
		panic(err) // A string.
	}
	return string(encoded)
}

// status asks api for a drift.
func (d *desk) status(id string) client.DriftDetail {
	d.t.Helper()
	got, err := d.engineer.GetDrift(d.t.Context(), id)
	if err != nil {
		d.t.Fatal(err)
	}
	return got
}

// has reports whether the page's own text has all of these.
func (p *tab) has(texts ...string) bool {
	text := value[string](p, "document.body.innerText")
	return !slices.ContainsFunc(texts, func(t string) bool { return !strings.Contains(text, t) })
}

// get reads a path as a browser does that opens it.
func (d *desk) get(path, accept string) *http.Response {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.ctx, http.MethodGet, d.API.URL()+path, http.NoBody)
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	res, err := new(http.Client).Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = res.Body.Close() })
	return res
}
