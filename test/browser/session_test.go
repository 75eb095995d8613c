package browser

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/driftsentry/driftsentry/test/internal/replica"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

const (
	email    = "viewer@acme.example"
	password = "correct horse battery"
)

// script is the whole client: a page of the API's origin, in cookie mode or with the refresh token in the browser's storage.
const script = `<!doctype html><title>page</title><script>
const post = (path, body, headers) => fetch('/api/v1' + path, {method: 'POST', headers: {'Content-Type': 'application/json', ...headers},
	body: body && JSON.stringify(body)}).then(async r => ({status: r.status, ...(await r.json()).data}))
const me = async access => (await fetch('/api/v1/users/me', {headers: {Authorization: 'Bearer ' + access}})).status
const modes = {
	cookie: {
		signIn: () => post('/auth/login', credentials, {'X-Session-Mode': 'cookie'}),
		refresh: () => post('/auth/refresh', null, {'X-Session-Mode': 'cookie'}),
	},
	bearer: {
		signIn: () => post('/auth/login', credentials).then(keep),
		refresh: () => post('/auth/refresh', {refreshToken: localStorage.refresh}).then(keep),
	},
}
const keep = data => { if (data.refreshToken) localStorage.refresh = data.refreshToken; return data }
const credentials = {email: '` + email + `', password: '` + password + `'}
// use refreshes and uses what it got: two statuses.
const use = async mode => { const got = await modes[mode].refresh(); return [got.status, await me(got.accessToken)] }
</script>`

// front is the edge: TLS, the page, and the two replicas in turn. A test can stand between it and them.
type front struct {
	*httptest.Server

	replicas []*httputil.ReverseProxy
	turn     atomic.Int64

	mu      sync.Mutex
	between func(w http.ResponseWriter, r *http.Request, pass http.Handler)
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/":
		_, _ = w.Write([]byte(script))
	case !strings.HasPrefix(r.URL.Path, "/api/"):
		http.NotFound(w, r)
	default:
		pass := f.replicas[int(f.turn.Add(1))%len(f.replicas)]
		f.mu.Lock()
		between := f.between
		f.mu.Unlock()
		if between != nil && r.URL.Path == "/api/v1/auth/refresh" {
			between(w, r, pass)
			return
		}
		pass.ServeHTTP(w, r)
	}
}

// stand puts something between the browser and the refreshes; nil takes it away.
func (f *front) stand(between func(w http.ResponseWriter, r *http.Request, pass http.Handler)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.between = between
}

// together lets the refreshes pass when so many are there, all at once.
func together(n int) func(http.ResponseWriter, *http.Request, http.Handler) {
	var all sync.WaitGroup
	all.Add(n)
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		all.Done()
		all.Wait()
		pass.ServeHTTP(w, r)
	}
}

// startFront also lets pages of another origin call, by CORS.
func startFront(ctx context.Context, t *testing.T, other string) *front {
	t.Helper()
	f := &front{}
	f.Server = httptest.NewUnstartedServer(f)
	f.EnableHTTP2 = true
	f.StartTLS()
	t.Cleanup(f.Close)
	environ := replica.Environ(pgtest.DSN(t), append(replica.Unhurried, "APP_ENV=staging", "ENABLE_METRICS=false", "LOG_LEVEL=warn",
		"CORS_ORIGIN="+other)...)
	if err := replica.CreateUser(ctx, programs.API, environ, "acme", email, "viewer", password); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"api-1", "api-2"} {
		r, err := replica.New(dir, name, programs.API, environ)
		if err != nil {
			t.Fatal(err)
		}
		replica.Run(t, r)
		if err := r.AwaitReady(ctx); err != nil {
			t.Fatal(err)
		}
		target, err := url.Parse(r.URL())
		if err != nil {
			t.Fatal(err)
		}
		f.replicas = append(f.replicas, &httputil.ReverseProxy{Rewrite: func(pr *httputil.ProxyRequest) {
			pr.SetURL(target)
			pr.Out.Host = pr.In.Host
		}})
	}
	return f
}

// open opens the page in another tab of the same browser.
func open(t *testing.T, browser context.Context, address string) context.Context {
	t.Helper()
	tab, closeTab := chromedp.NewContext(browser)
	t.Cleanup(closeTab)
	if err := chromedp.Do(tab, chromedp.Navigate(address)); err != nil {
		t.Fatal(err)
	}
	return tab
}

// run gives what the script's promise becomes.
func run[T any](tab context.Context, expression string) (T, error) {
	return chromedp.Run(tab, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

func must[T any](t *testing.T, tab context.Context, expression string) T {
	t.Helper()
	result, err := run[T](tab, expression)
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return result
}

type data struct {
	Status       int
	AccessToken  string
	RefreshToken string
}

// TestAttackBrowserSession: a person who uses several tabs, or reloads a page, stays signed in, in both modes; and a page of
// another origin can use neither the cookie nor the header, although it may call us. Mutations: refreshGrace of 0 signs all tabs but
// one out, and loses the page that was reloaded; X-Session-Mode in AllowedHeaders of CORS with AllowCredentials, and asked without
// Check, let the other page refresh; the cookie without HttpOnly is read by the script.
func TestAttackBrowserSession(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	browser := startBrowser(ctx, t)
	other := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<!doctype html>")) }))
	t.Cleanup(other.Close)
	f := startFront(ctx, t, other.URL)
	for _, mode := range []string{"cookie", "bearer"} {
		tabs := []context.Context{open(t, browser, f.URL)}
		if in := must[data](t, tabs[0], "modes."+mode+".signIn()"); in.Status != http.StatusOK || (in.RefreshToken == "") != (mode == "cookie") {
			t.Fatalf("%s: signed in: %+v", mode, in)
		}
		for range 3 {
			tabs = append(tabs, open(t, browser, f.URL))
		}
		t.Run(mode+": four tabs refresh at once", func(t *testing.T) {
			for round := range 3 {
				f.stand(together(len(tabs)))
				results := make([][]int, len(tabs))
				var wg sync.WaitGroup
				for i, tab := range tabs {
					wg.Go(func() {
						var err error
						if results[i], err = run[[]int](tab, "use('"+mode+"')"); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				for i, result := range results {
					if len(result) != 2 || result[0] != http.StatusOK || result[1] != http.StatusOK {
						t.Errorf("round %d: tab %d got %v", round, i+1, result)
					}
				}
			}
			f.stand(nil)
			for i, tab := range tabs {
				if got := must[[]int](t, tab, "use('"+mode+"')"); got[0] != http.StatusOK || got[1] != http.StatusOK {
					t.Errorf("later, tab %d got %v", i+1, got)
				}
			}
		})
		t.Run(mode+": a page is reloaded in mid-refresh", func(t *testing.T) {
			spent, gone := make(chan struct{}), make(chan struct{})
			f.stand(func(_ http.ResponseWriter, r *http.Request, pass http.Handler) {
				// The token is spent, and the browser never gets the response.
				lost := httptest.NewRecorder()
				pass.ServeHTTP(lost, r.WithContext(context.WithoutCancel(r.Context())))
				if lost.Code != http.StatusOK {
					t.Errorf("the refresh that is lost: %d", lost.Code)
				}
				close(spent)
				<-r.Context().Done()
				close(gone)
				panic(http.ErrAbortHandler)
			})
			must[bool](t, tabs[0], "modes."+mode+".refresh(), true")
			<-spent
			if err := chromedp.Do(tabs[0], chromedp.Reload()); err != nil {
				t.Fatal(err)
			}
			<-gone
			f.stand(nil)
			if got := must[[]int](t, tabs[0], "use('"+mode+"')"); got[0] != http.StatusOK || got[1] != http.StatusOK {
				t.Errorf("after the reload: %v", got)
			}
		})
	}
	t.Run("a script does not see the cookie", func(t *testing.T) {
		tab := open(t, browser, f.URL+"/api/v1/auth/nothing") // The cookie is for this path.
		if cookies := must[string](t, tab, "document.cookie"); cookies != "" {
			t.Errorf("%q", cookies)
		}
	})
	t.Run("a page of another origin", func(t *testing.T) {
		// Another port of the same host: the same site, so that SameSite alone would let it through. And it may call us, with tokens.
		allowed := fmt.Sprintf("fetch('%s/api/v1/users/me', {headers: {Authorization: 'Bearer x'}}).then(r => r.type + r.status)", f.URL)
		tab := open(t, browser, other.URL)
		if got := must[string](t, tab, allowed); got != "cors401" {
			t.Errorf("a call with a token: %s", got)
		}
		for name, init := range map[string]string{
			"with the header":    "{headers: {'X-Session-Mode': 'cookie'}}",
			"without the header": "{headers: {'Content-Type': 'application/json'}, body: '{}'}",
			"as a form":          "{mode: 'no-cors', body: new URLSearchParams()}",
		} {
			for _, path := range []string{"refresh", "logout"} {
				expression := fmt.Sprintf("fetch('%s/api/v1/auth/%s', {method: 'POST', credentials: 'include', ...%s}).then(r => r.type + r.status, e => 'refused')", f.URL, path, init)
				if got := must[string](t, tab, expression); got != "refused" && got != "opaque0" {
					t.Errorf("%s, %s: %s", path, name, got)
				}
			}
		}
		if got := must[[]int](t, open(t, browser, f.URL), "use('cookie')"); got[0] != http.StatusOK || got[1] != http.StatusOK {
			t.Errorf("afterwards: %v", got)
		}
	})
}
