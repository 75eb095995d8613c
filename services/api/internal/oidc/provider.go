package oidc

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"go.opentelemetry.io/otel/metric"
	"golang.org/x/oauth2"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/driftconv"
	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// Config is how this service is known to the identity provider.
type Config struct {
	Issuer, ClientID, ClientSecret string
	Scopes                         []string
	// RoleClaim is the claim with the roles: its name, or the names on the way to it with dots between.
	RoleClaim string
	// Redirect is where the provider sends people back, and SignedOut where it sends them after a sign-out.
	Redirect, SignedOut string
	// MaxAge is how long ago people may have proved to the provider who they are; zero is any time.
	MaxAge time.Duration
	// Key seals what a sign-in needs to go on.
	Key string
}

// Provider signs people in with an identity provider: authorization code with PKCE. What a sign-in needs to go on is in a sealed
// cookie of the browser that began it, so that each replica can end it, and no other browser.
type Provider struct {
	config Config
	issuer *issuer
	seal   *seal
}

// Pending is a sign-in that has begun.
type Pending struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
	// Return is the local path to go to afterwards.
	Return string `json:"r"`
	// Refresh is the refresh token of the session that the browser has, which the new one replaces.
	Refresh string    `json:"t,omitempty"`
	Until   time.Time `json:"u"`
}

// PendingFor is how long a person has to sign in at the provider.
const PendingFor = 10 * time.Minute

// Why a sign-in is refused, for people.
var (
	ErrNoPending = apierror.Refuse(apierror.Unknown, "this browser has begun no sign-in, or more than ten minutes ago; begin again at /api/v1/auth/oidc/login")
	ErrState     = apierror.Refuse(apierror.Unknown, "this is not the sign-in that this browser began; begin again at /api/v1/auth/oidc/login")
	ErrMixUp     = apierror.Refuse(apierror.Unknown, "the response comes from another identity provider; begin again at /api/v1/auth/oidc/login")
	errExchange  = apierror.Refuse(apierror.WrongCredentials, "the identity provider did not confirm the sign-in; begin again at /api/v1/auth/oidc/login")
)

// NewProvider makes the client of the provider. Nothing is asked before someone signs in.
func NewProvider(c Config, client *http.Client, meter metric.Meter) (*Provider, error) {
	sealing, err := newSeal(c.Key)
	if err != nil {
		return nil, err
	}
	in := instrument.From(meter)
	return &Provider{c, newIssuer(c.Issuer, client, in.Counter(driftconv.AuthKeyFetches)), sealing}, in.Err()
}

// Begin says where to send the browser, and what to keep in its cookie.
func (p *Provider) Begin(ctx context.Context, returnTo, refresh string) (address, cookie string, err error) {
	k, err := p.known(ctx)
	if err != nil {
		return "", "", err
	}
	pending := Pending{
		State: token.NewOpaque(""), Nonce: token.NewOpaque(""), Verifier: oauth2.GenerateVerifier(), Return: returnTo, Refresh: refresh,
		Until: p.issuer.clock().Add(PendingFor),
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(pending.Nonce), oauth2.S256ChallengeOption(pending.Verifier)}
	if p.config.MaxAge > 0 {
		options = append(options, oauth2.SetAuthURLParam("max_age", fmt.Sprint(int(p.config.MaxAge.Seconds()))))
	}
	return p.oauth(k).AuthCodeURL(pending.State, options...), p.seal.close(pending), nil
}

// Finish proves who came back from the provider, with the query of the callback and the cookie of Begin. The
// pending sign-in is there as soon as it is known to be that of the browser.
func (p *Provider) Finish(ctx context.Context, query url.Values, cookie string) (*identity.Person, *Pending, error) {
	pending, err := p.seal.open(cookie)
	if err != nil || p.issuer.clock().After(pending.Until) {
		return nil, nil, ErrNoPending
	}
	if subtle.ConstantTimeCompare([]byte(pending.State), []byte(query.Get("state"))) != 1 {
		return nil, nil, ErrState
	}
	k, err := p.known(ctx)
	if err != nil {
		return nil, pending, err
	}
	if from := query.Get("iss"); from != "" && from != p.config.Issuer || from == "" && k.document.ResponseIssuer { // RFC 9207
		return nil, pending, ErrMixUp
	}
	if code := query.Get("error"); code != "" {
		return nil, pending, refusal(code, query.Get("error_description"))
	}
	if query.Get("code") == "" {
		return nil, pending, apierror.InvalidField("code", "is required, from the identity provider")
	}
	ctx = oidc.ClientContext(ctx, p.issuer.client)
	tokens, err := p.oauth(k).Exchange(ctx, query.Get("code"), oauth2.VerifierOption(pending.Verifier))
	if err != nil {
		return nil, pending, exchangeError(ctx, err)
	}
	person, err := p.person(ctx, k, tokens, pending)
	return person, pending, err
}

// Host is the host of the provider's issuer: people know it by that.
func (p *Provider) Host() string {
	if u, err := url.Parse(p.config.Issuer); err == nil {
		return u.Host
	}
	return "" // The configuration is checked.
}

// EndSession is where the browser of a person goes to sign out at the provider as well; empty when there is no such place, or another
// provider opened the session. Nothing is asked for it: who is not known yet cannot have opened one.
func (p *Provider) EndSession(issuer string) string {
	k := p.issuer.known.Load()
	end, err := url.Parse(k.document.EndSession)
	if k.document.EndSession == "" || err != nil || issuer != p.config.Issuer {
		return ""
	}
	query := end.Query()
	query.Set("client_id", p.config.ClientID)
	query.Set("post_logout_redirect_uri", p.config.SignedOut)
	end.RawQuery = query.Encode()
	return end.String()
}

func (p *Provider) known(ctx context.Context) (*known, error) {
	return p.issuer.get(ctx, func(*known) bool { return true })
}

func (p *Provider) oauth(k *known) *oauth2.Config {
	endpoint := k.provider.Endpoint()
	// Not by trying: the code is spent with the first request.
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if p.config.ClientSecret == "" || len(k.document.TokenAuth) > 0 && !slices.Contains(k.document.TokenAuth, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{ClientID: p.config.ClientID, ClientSecret: p.config.ClientSecret, Endpoint: endpoint, RedirectURL: p.config.Redirect, Scopes: p.config.Scopes}
}

// refusal is what the provider responds in the place of a code. Its words come through the browser, so they are not repeated.
func refusal(code, description string) error {
	cause := fmt.Errorf("the identity provider responds with %.100q: %.300q", code, description)
	switch code {
	case "access_denied":
		return &apierror.Error{Kind: apierror.Forbidden, Message: "the identity provider did not let you in", Err: cause}
	case "server_error", "temporarily_unavailable":
		return &apierror.Error{Kind: apierror.Unavailable, Message: "the identity provider is not available; try again", Err: cause}
	}
	return &apierror.Error{Kind: apierror.Unauthenticated, Reason: apierror.WrongCredentials, Message: "the identity provider refused the sign-in; begin again", Err: cause}
}

// exchangeError tells a code that is refused from a provider that does not work.
func exchangeError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("exchange the code: %w", err)
	}
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.Response != nil && refused.Response.StatusCode < http.StatusInternalServerError {
		refusal := *errExchange
		refusal.Err = fmt.Errorf("exchange the code: status %d, %.100q: %.300q", refused.Response.StatusCode, refused.ErrorCode, refused.ErrorDescription)
		if refused.ErrorCode == "invalid_client" || refused.ErrorCode == "unauthorized_client" {
			return apierror.Wrap(apierror.Unavailable, refusal.Err, "the identity provider does not accept this service; the operator has to look at OIDC_CLIENT_ID and OIDC_CLIENT_SECRET")
		}
		return &refusal
	}
	return apierror.Wrap(apierror.Unavailable, fmt.Errorf("exchange the code: %.300w", err), "the identity provider does not respond; try again")
}

// claims are those of an ID token or of the user info.
type claims map[string]any

// person verifies the ID token, and asks for the rest if the token does not have it.
func (p *Provider) person(ctx context.Context, k *known, tokens *oauth2.Token, pending *Pending) (*identity.Person, error) {
	raw, _ := tokens.Extra("id_token").(string)
	if raw == "" || len(raw) > maxToken {
		return nil, refuse(errors.New("the response has no ID token, or one that is too long"))
	}
	verifier := oidc.NewVerifier(p.config.Issuer, p.issuer, &oidc.Config{ClientID: p.config.ClientID, SupportedSigningAlgs: methods, Now: func() time.Time { return p.issuer.clock().Add(-token.Leeway) }})
	// The verifier does not tell a wrong signature from keys that can't be fetched.
	if _, err := p.issuer.VerifySignature(ctx, raw); err != nil {
		if unavailable, ok := errors.AsType[*apierror.Error](err); ok {
			return nil, unavailable
		}
		return nil, refuse(err)
	}
	id, err := verifier.Verify(ctx, raw)
	if err != nil {
		return nil, refuse(err)
	}
	var said struct {
		AuthorizedParty string `json:"azp"`
		AuthTime        int64  `json:"auth_time"`
	}
	all := claims{}
	if err := errors.Join(id.Claims(&said), id.Claims(&all)); err != nil {
		return nil, refuse(err)
	}
	signedIn := time.Time{}
	if said.AuthTime > 0 {
		signedIn = time.Unix(said.AuthTime, 0)
	}
	now := p.issuer.clock()
	switch {
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(pending.Nonce)) != 1:
		return nil, refuse(errors.New("the ID token has another nonce"))
	case id.IssuedAt.After(now.Add(token.Leeway)):
		return nil, refuse(errors.New("the ID token was issued in the future"))
	case len(id.Audience) > 1 && said.AuthorizedParty == "", said.AuthorizedParty != "" && said.AuthorizedParty != p.config.ClientID:
		return nil, refuse(errors.New("the ID token is for another client"))
	case id.AccessTokenHash != "" && id.VerifyAccessToken(tokens.AccessToken) != nil:
		return nil, refuse(errors.New("the ID token is not that of the access token"))
	case p.config.MaxAge > 0 && (signedIn.IsZero() || now.Sub(signedIn) > p.config.MaxAge+token.Leeway):
		return nil, refuse(errors.New("the person did not sign in at the provider again"))
	case p.config.MaxAge == 0:
		signedIn = time.Time{}
	}
	if err := p.complete(ctx, k, tokens, id.Subject, all); err != nil {
		return nil, err
	}
	name := cmp.Or(all.text("name"), strings.TrimSpace(all.text("given_name")+" "+all.text("family_name")), all.text("preferred_username"))
	return &identity.Person{
		Issuer: id.Issuer, Subject: id.Subject, Email: all.text("email"), EmailVerified: all["email_verified"] == true || all["email_verified"] == "true",
		Name: name, Roles: all.list(p.config.RoleClaim), SignedInAt: signedIn,
	}, nil
}

// refuse refuses an ID token. Why is for the log.
func refuse(why error) error {
	refusal := *errExchange
	refusal.Err = why
	return &refusal
}

// complete adds what the user info has, if the ID token has no email or no role: some providers put only who it is into that.
func (p *Provider) complete(ctx context.Context, k *known, tokens *oauth2.Token, subject string, all claims) error {
	if all.text("email") != "" && all.list(p.config.RoleClaim) != nil || k.document.UserInfoURL == "" {
		return nil
	}
	info, err := k.provider.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
	if err != nil {
		return apierror.Wrap(apierror.Unavailable, fmt.Errorf("read the user info: %.300w", err), "the identity provider does not respond; try again")
	}
	if info.Subject != subject {
		return refuse(errors.New("the user info is of another person"))
	}
	more := claims{}
	if err := info.Claims(&more); err != nil {
		return refuse(err)
	}
	if all.text("email") == "" { // Together: one says what the other is.
		delete(all, "email_verified")
	} else {
		delete(more, "email_verified")
	}
	for name, value := range more {
		if _, there := all[name]; !there {
			all[name] = value
		}
	}
	return nil
}

func (c claims) text(name string) string {
	value, _ := c[name].(string)
	return value
}

// list is the values of a claim; nil when there are none. A name with dots may be that of a claim inside of others.
func (c claims) list(name string) []string {
	value, found := c[name]
	if !found {
		at := map[string]any(c)
		parts := strings.Split(name, ".")
		for _, part := range parts[:len(parts)-1] {
			at, _ = at[part].(map[string]any)
		}
		value = at[parts[len(parts)-1]]
	}
	var values []string
	switch value := value.(type) {
	case string:
		values = []string{value}
	case []any:
		for _, item := range value {
			if text, ok := item.(string); ok {
				values = append(values, text)
			}
		}
	}
	return values
}

// LocalPath is the path of a page of this installation; false for what could lead elsewhere.
func LocalPath(path string) bool {
	u, err := url.Parse(path)
	return err == nil && len(path) <= 500 && strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") && u.Scheme == "" && u.Host == "" && u.User == nil &&
		!strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r == '\\' || r > '~' })
}
