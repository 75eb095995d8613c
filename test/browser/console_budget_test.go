package browser

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"

	"github.com/driftsentry/driftsentry/client"
)

// TestConsole_budgets measures the budgets on this machine, and logs them: how long the inbox takes until it can be used, on a CPU that is
// slowed down four times; the frames while 10,000 drifts are scrolled; and the longest task while 500 events come at once. A time depends on
// what else the machine does, so the test asserts what does not: how many rows are in the page. Mutation: VirtualList that draws every row.
func TestConsole_budgets(t *testing.T) {
	const many = 10_000
	d := startDesk(t)
	if _, err := d.engineer.SendPlan(t.Context(), "huge", bytes.NewReader(planOf(t, many)), client.PlanOptions{Mode: "refresh-only", Scope: "full"}); err != nil {
		t.Fatal(err)
	}
	p := d.person()
	d.signIn(p, "engineer")
	p.slow(4)
	p.visit(d.API.URL() + "/inbox")
	p.await("the rows", `document.querySelectorAll('.row[data-row]').length > 10 && document.querySelector('.live').textContent === 'live'`)
	usable := value[float64](p, `(performance.mark('usable'), document.activeElement.blur(), performance.getEntriesByName('usable')[0].startTime)`)
	t.Logf("tried: the inbox of %d drifts can be used after %.0f ms on a CPU that is four times slower", many, usable)
	p.slow(1)

	p.await("all rows are known", fmt.Sprintf(`(document.querySelector('.virtual').scrollTop = 1e9, document.querySelector('.row[aria-posinset="%d"]') !== null)`, many))
	before := p.worked()
	frames := value[[]float64](p, `(async () => {
		const list = document.querySelector('.virtual');
		list.scrollTop = 0;
		const gaps = [];
		let rows = 0, before = 0;
		for (let i = 0; i < 240; i++) {
			const now = await new Promise(requestAnimationFrame);
			if (i > 5) gaps.push(now - before);
			before = now;
			list.scrollTop += 900;
			rows = Math.max(rows, document.querySelectorAll('.row[data-row]').length);
		}
		gaps.sort((a, b) => a - b);
		return [gaps[gaps.length >> 1], gaps[gaps.length - 1], gaps.filter((g) => g > 1.5 * gaps[gaps.length >> 1]).length, rows];
	})()`)
	if len(frames) != 4 {
		t.Fatal("the frames were not counted")
	}
	t.Logf("tried: while %d drifts are scrolled by 900 pixels in each of 240 frames, the page works %.1f ms for a frame; a frame took %.1f ms, %.0f took longer than one and a half",
		many, (p.worked()-before)*1000/240, frames[0], frames[2])
	if frames[3] == 0 || frames[3] > 100 {
		t.Errorf("%.0f rows were in the page at a time", frames[3])
	}

	value[bool](p, `(() => {
		window.tasks = [];
		new PerformanceObserver((l) => l.getEntries().forEach((e) => window.tasks.push(e.duration))).observe({ type: 'longtask' });
		return document.querySelector('.virtual').scrollTop = 0, true;
	})()`)
	page, err := d.engineer.ListDrifts(t.Context(), client.DriftQuery{}, client.Page{Size: 100})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		ids := make([]string, len(page.Items))
		for i, drift := range page.Items {
			ids[i] = drift.ID
		}
		if _, err := d.engineer.DecideDrifts(t.Context(), client.BulkDecision{Action: "approve", Reason: "the autoscaler owns these", IDs: ids}); err != nil {
			t.Fatal(err)
		}
		if page, err = d.engineer.ListDrifts(t.Context(), client.DriftQuery{Status: "detected"}, client.Page{Size: 100}); err != nil {
			t.Fatal(err)
		}
	}
	p.await("all came", `document.querySelector('.nav-count').textContent === '999+' && document.querySelector('.live').textContent === 'live'
		&& document.querySelectorAll('.row .pill-approved').length > 5`)
	t.Logf("tried: 500 events came at once: the longest task took %.0f ms", value[float64](p, `Math.max(0, ...window.tasks)`))
}

// worked is how long the page's main thread has worked, in seconds.
func (p *tab) worked() float64 {
	p.t.Helper()
	var total float64
	err := chromedp.Do(p.ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if _, err := cdp.Call(ctx, target, performance.Enable, performance.EnableParams{}); err != nil {
			return err
		}
		got, err := cdp.Call(ctx, target, performance.GetMetrics, cdp.Empty{})
		if err != nil {
			return err
		}
		for _, m := range got.Metrics {
			if m.Name == "TaskDuration" {
				total = m.Value
			}
		}
		return nil
	}))
	if err != nil {
		p.t.Fatal(err)
	}
	return total
}

// slow makes the page's CPU so many times slower.
func (p *tab) slow(times float64) {
	p.t.Helper()
	err := chromedp.Do(p.ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: times})
		return err
	}))
	if err != nil {
		p.t.Fatal(err)
	}
}
