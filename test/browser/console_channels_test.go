package browser

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/driftsentry/driftsentry/client"
)

// TestConsole_channels: an admin makes a channel, tries it, sees why it fails and what it was sent. Mutations: the secret that is not
// shown; a test whose result is always good; messages of every channel alike.
func TestConsole_channels(t *testing.T) {
	came := make(chan struct{}, 10)
	var broken atomic.Bool
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if broken.Load() {
			http.Error(w, "closed", http.StatusTeapot)
			return
		}
		came <- struct{}{}
	}))
	t.Cleanup(hook.Close)
	d := startDesk(t, "NOTIFY_ALLOWED_NETWORKS=127.0.0.0/8")
	p := d.person()
	d.signIn(p, "admin")
	p.visit(d.API.URL() + "/settings/channels")
	p.await("there is none", `document.querySelector('.empty')?.innerText.includes('No channel yet')`)
	p.click(".page-head .button-primary")
	p.fill("dialog .field:nth-of-type(1) input", "network team")
	value[bool](p, `(() => { const s = document.querySelector('dialog select'); s.value = 'webhook'; return s.dispatchEvent(new Event('change', { bubbles: true })) })()`)
	p.fill("dialog .field:nth-of-type(3) input", "ftp://wrong.example.com/")
	p.click("dialog .button-primary")
	p.await("the URL is refused", `document.querySelector('dialog .error-box')?.innerText.includes('Url')`)
	value[bool](p, `(() => { const i = document.querySelector('dialog .field:nth-of-type(3) input'); i.value = ''; return i.dispatchEvent(new Event('input', { bubbles: true })) })()`)
	p.fill("dialog .field:nth-of-type(3) input", hook.URL+"/drifts")
	p.click("dialog .button-primary")
	p.await("the secret", `document.querySelector('dialog pre')?.textContent.startsWith('whsec_')`)
	p.press("\x1b")
	p.await("the channel", fmt.Sprintf(`document.querySelector('dialog') === null && document.querySelector('tbody tr')?.innerText.includes(%s)`, quoted(strings.TrimPrefix(hook.URL, "http://"))))

	test := `button[aria-label="Test network team"]`
	p.click(test)
	p.await("it has come", `document.querySelector('.toast')?.innerText.includes('A test message has reached network team')`)
	<-came
	broken.Store(true)
	p.click(test)
	p.await("it has not come", `document.querySelector('.toast-bad')?.innerText.includes('418')`)

	broken.Store(false)
	d.report("aws_instance.web", client.Critical)
	select {
	case <-came:
	case <-d.ctx.Done():
		t.Fatal("no message came")
	}
	p.click(`button[aria-label="Messages of network team"]`)
	// The hook has it before api knows that.
	p.await("the message", `document.querySelectorAll('dialog tbody tr').length === 1`)
}
