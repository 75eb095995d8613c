package app

import (
	"crypto/x509"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/dial"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/oidc"
)

// OIDCConfig is the identity provider that people sign in with. Without an issuer there is none.
type OIDCConfig struct {
	Issuer       string        `env:"OIDC_ISSUER"`
	ClientID     string        `env:"OIDC_CLIENT_ID"`
	ClientSecret config.Secret `env:"OIDC_CLIENT_SECRET"`
	Scopes       []string      `env:"OIDC_SCOPES" envDefault:"openid,profile,email"`
	// Account is the name of the account whose people the provider knows.
	Account   string   `env:"OIDC_ACCOUNT"`
	RoleClaim string   `env:"OIDC_ROLE_CLAIM" envDefault:"roles"`
	Roles     []string `env:"OIDC_ROLES"`
	// EmailDomains are those that may sign in; none is all.
	EmailDomains    []string `env:"OIDC_EMAIL_DOMAINS"`
	UnverifiedEmail bool     `env:"OIDC_UNVERIFIED_EMAIL" envDefault:"false"`
	LinkByEmail     bool     `env:"OIDC_LINK_BY_EMAIL"    envDefault:"false"`
}

// callback is where the provider sends people back to.
const callback = "/api/v1/auth/oidc/callback"

// outgoingTimeout bounds one request to an identity provider, or to an issuer of tokens.
const outgoingTimeout = 5 * time.Second

func (c *Config) checkOIDC(problems *config.Problems) {
	o := c.OIDC
	if o.Issuer == "" {
		if o.ClientID != "" || o.Account != "" {
			problems.Add("OIDC_ISSUER", "is required with OIDC_CLIENT_ID and OIDC_ACCOUNT; unset all three to have no identity provider")
		}
		return
	}
	u, err := url.Parse(o.Issuer)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || c.Service.Environment != config.Development) {
		problems.Add("OIDC_ISSUER", "must be the https URL that the provider names as issuer, such as https://login.example.com/realms/acme")
	}
	for _, required := range []struct{ variable, value, what string }{
		{"OIDC_CLIENT_ID", o.ClientID, "the id that the provider gave this client"},
		{"OIDC_ACCOUNT", o.Account, "the name of the account whose people the provider knows"},
		{"OIDC_ROLE_CLAIM", o.RoleClaim, "the claim that has the roles of a person"},
		{"PUBLIC_URL", c.PublicURL, "where the provider sends people back to"},
	} {
		if required.value == "" {
			problems.Add(required.variable, "is required with OIDC_ISSUER: %s", required.what)
		}
	}
	if c.PublicURL != "" && !strings.HasPrefix(c.PublicURL, "https://") && c.Service.Environment != config.Development {
		problems.Add("PUBLIC_URL", "must be https:// with OIDC_ISSUER, or browsers keep no cookie of a sign-in")
	}
	if !slices.Contains(o.Scopes, "openid") {
		problems.Add("OIDC_SCOPES", "must have openid")
	}
	if _, err := identity.RoleMap(o.Roles); err != nil {
		problems.Add("OIDC_ROLES", "%w", err)
	}
	for _, d := range o.EmailDomains {
		if strings.ContainsAny(d, "@* /") || d == "" {
			problems.Add("OIDC_EMAIL_DOMAINS", "must be a comma-separated list of domains, such as example.com,example.org")
			break
		}
	}
}

// roots are the certificate authorities of servers that this service calls; nil is those of the system.
func (c *Config) roots() (*x509.CertPool, error) {
	if c.OutgoingCA == "" {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM([]byte(c.OutgoingCA)) {
		return nil, errors.New("has no block «CERTIFICATE» in PEM")
	}
	return pool, nil
}

// outgoing judges the addresses of servers that admins of accounts name.
func (c *Config) outgoing() (*dial.Guard, error) {
	roots, err := c.roots()
	return &dial.Guard{Allowed: c.OutgoingNetworks, Roots: roots}, err
}

// receivers is outgoing for the receivers of notifications.
func (c *Config) receivers() (*dial.Guard, error) {
	guard, err := c.outgoing()
	guard.Allowed = slices.Concat(guard.Allowed, c.NotifyAllowedNetworks)
	return guard, err
}

func (c *Config) newCI(tel *telemetry.Telemetry) (*oidc.CI, error) {
	guard, err := c.outgoing()
	if err != nil {
		return nil, err
	}
	return oidc.NewCI(guard.Client(outgoingTimeout, oidc.MaxResponse), tel.Meter())
}

// newProvider makes the client of the identity provider, nil when there is none. Where it is, the operator says, who may name any
// address.
func (c *Config) newProvider(tel *telemetry.Telemetry) (*oidc.Provider, error) {
	if c.OIDC.Issuer == "" {
		return nil, nil
	}
	roots, err := c.roots()
	if err != nil {
		return nil, err
	}
	site := strings.TrimSuffix(c.PublicURL, "/")
	return oidc.NewProvider(oidc.Config{
		Issuer: c.OIDC.Issuer, ClientID: c.OIDC.ClientID, ClientSecret: c.OIDC.ClientSecret.Reveal(), Scopes: c.OIDC.Scopes, RoleClaim: c.OIDC.RoleClaim,
		Redirect: site + callback, SignedOut: site + "/", MaxAge: c.RecentSignIn, Key: c.DataKey.Reveal(),
	}, dial.Trusted(roots, outgoingTimeout, oidc.MaxResponse), tel.Meter())
}

// providerConfig says what people may do who sign in with the provider; nil without one.
func (c *Config) providerConfig() *identity.ProviderConfig {
	if c.OIDC.Issuer == "" {
		return nil
	}
	roles, _ := identity.RoleMap(c.OIDC.Roles) // Validate has reported an error.
	return &identity.ProviderConfig{
		Account: c.OIDC.Account, Roles: roles, RoleClaim: c.OIDC.RoleClaim, Domains: c.OIDC.EmailDomains,
		UnverifiedEmail: c.OIDC.UnverifiedEmail, LinkByEmail: c.OIDC.LinkByEmail,
	}
}
