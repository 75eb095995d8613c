package httpapi

import (
	"net/http"
	"time"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// In cookie mode a page of our own origin never sees the refresh token: it comes and goes as a cookie that scripts can't read,
// and that the browser sends to the paths under /auth alone. The header that asks for the mode is what a page of another origin
// can't send: no CORS response allows it. The cookie alone is therefore worth nothing to such a page.
const (
	modeHeader = "X-Session-Mode"
	cookieMode = "cookie"
	cookiePath = prefix + "/auth"
)

var errNoCookie = apierror.New(apierror.Unauthenticated, "there is no cookie with a refresh token; sign in")

// refreshCookies writes and reads the cookie. insecure is for plain HTTP in development, where some browsers keep no secure ones.
type refreshCookies struct {
	insecure bool
	// foreign refuses what a browser says comes from a page of another origin, whatever its headers are.
	foreign *http.CrossOriginProtection
}

func newRefreshCookies(insecure bool) *refreshCookies {
	return &refreshCookies{insecure, http.NewCrossOriginProtection()}
}

// asked reports whether the request is in cookie mode.
func (c *refreshCookies) asked(r *http.Request) (bool, error) {
	switch modes := r.Header.Values(modeHeader); {
	case len(modes) == 0:
		return false, nil
	case len(modes) > 1 || modes[0] != cookieMode:
		return false, apierror.InvalidField(modeHeader, "must be %s; leave it out to get the refresh token in the response", cookieMode)
	}
	if err := c.foreign.Check(r); err != nil {
		return false, apierror.Wrap(apierror.Forbidden, err, "cookie mode is for pages of this origin")
	}
	return true, nil
}

func (c *refreshCookies) name() string {
	if c.insecure {
		return "driftsentry-refresh"
	}
	return "__Secure-driftsentry-refresh"
}

// token is the refresh token of a request in cookie mode, whose body has none.
func (c *refreshCookies) token(w http.ResponseWriter, r *http.Request) (string, error) {
	if err := decodeNothing(w, r); err != nil {
		return "", err
	}
	cookie, err := r.Cookie(c.name())
	if err != nil || cookie.Value == "" {
		return "", errNoCookie
	}
	return cookie.Value, nil
}

// set keeps a refresh token as long as it holds.
func (c *refreshCookies) set(w http.ResponseWriter, t identity.Tokens) {
	http.SetCookie(w, c.cookie(t.Refresh, max(1, int(time.Until(t.RefreshExpiresAt).Seconds()))))
}

func (c *refreshCookies) clear(w http.ResponseWriter) { http.SetCookie(w, c.cookie("", -1)) }

// pendingName is the name of the cookie of a sign-in with the identity provider that has begun. With the prefix, no other host of the
// domain can set one.
func (c *refreshCookies) pendingName() string {
	if c.insecure {
		return "driftsentry-sign-in"
	}
	return "__Host-driftsentry-sign-in"
}

// pending keeps a sign-in that has begun. The browser must send it when the provider sends it back, so it is Lax: it goes with
// navigations from other sites, and with nothing else from there. The prefix demands the path.
func (c *refreshCookies) pending(w http.ResponseWriter, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure everywhere but on plain HTTP in development.
		Name: c.pendingName(), Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, Secure: !c.insecure, SameSite: http.SameSiteLaxMode,
	})
}

func (c *refreshCookies) cookie(value string, maxAge int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure everywhere but on plain HTTP in development.
		Name: c.name(), Value: value, Path: cookiePath, MaxAge: maxAge,
		HttpOnly: true, Secure: !c.insecure, SameSite: http.SameSiteStrictMode,
	}
}
