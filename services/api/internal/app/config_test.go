package app_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/process"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/services/api/internal/app"
)

const (
	database = "DATABASE_URL=postgres://u:s3cret@db.example/driftsentry"
	long     = "0123456789abcdef0123456789abcdef"
)

func TestLoadConfig_development(t *testing.T) {
	c, err := app.LoadConfig([]string{database})
	if err != nil {
		t.Fatal(err)
	}
	if c.Service.Port != 3001 || c.Service.Host != "127.0.0.1" || c.Service.LogFormat != "pretty" || !c.Service.MetricsOnPublicPort() ||
		c.JWTExpiry != 15*time.Minute || c.RefreshExpiry != 168*time.Hour || c.Service.RequestTimeout != 30*time.Second {
		t.Errorf("%+v", c)
	}
	if c.Service.JWTSecret == "" || c.DataKey == "" || len(c.Service.Warnings) != 2 {
		t.Errorf("each public secret needs a warning: %q", c.Service.Warnings)
	}
}

// Mutations: no warning; the old name not read.
func TestLoadConfig_old_name(t *testing.T) {
	c, err := app.LoadConfig([]string{database, "JWT_SECRET=" + long, "DATA_KEY=" + long, "NOTIFY_ALLOWED_NETWORKS=10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	if w := c.Service.Warnings; len(w) != 1 || !strings.Contains(w[0], "NOTIFY_ALLOWED_NETWORKS") || !strings.Contains(w[0], "OUTGOING_NETWORKS") || len(c.NotifyAllowedNetworks) != 1 {
		t.Errorf("%q", w)
	}
}

func TestLoadConfig_production(t *testing.T) {
	production := []string{"APP_ENV=production", database, "JWT_SECRET=" + long, "DATA_KEY=" + long, "CORS_ORIGIN=https://a.example,https://b.example:8443"}
	c, err := app.LoadConfig(append(production, "REQUEST_TIMEOUT=15000", "TRUSTED_PROXIES=10.0.0.0/8,fd00::/8", "PUBLIC_URL=https://driftsentry.example.com/"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Service.Host != "" || c.Service.LogFormat != "json" || c.Service.MetricsPort != 9090 || c.Service.MetricsOnPublicPort() ||
		len(c.Service.Warnings) != 0 || c.Service.RequestTimeout != 15*time.Second || len(c.Service.CORSOrigins) != 2 {
		t.Errorf("%+v", c)
	}
	if got := c.Service.Proxies(); !slices.Equal(got, []string{"10.0.0.0/8", "fd00::/8"}) {
		t.Errorf("proxies = %v", got)
	}
	text := fmt.Sprintln(config.Attrs(c))
	if strings.Contains(text, "s3cret") || strings.Contains(text, long) || !strings.Contains(text, "JWT_SECRET=[redacted]") || !strings.Contains(text, "PORT=3001") {
		t.Errorf("the line at start: %s", text)
	}

	for name, bad := range map[string]string{
		"a short JWT_SECRET":               "JWT_SECRET=short",
		"the example's JWT_SECRET":         "JWT_SECRET=" + process.ExampleSecret,
		"no JWT_SECRET":                    "JWT_SECRET=",
		"a short JWT_SECRET_PREVIOUS":      "JWT_SECRET_PREVIOUS=short",
		"no DATA_KEY":                      "DATA_KEY=",
		"every origin":                     "CORS_ORIGIN=*",
		"a wildcard in an origin":          "CORS_ORIGIN=https://*.example.com",
		"a path in an origin":              "CORS_ORIGIN=https://a.example/",
		"an origin without a scheme":       "CORS_ORIGIN=a.example",
		"a proxy that is not a network":    "TRUSTED_PROXIES=proxy",
		"metrics on the port of the API":   "METRICS_PORT=3001",
		"no limit":                         "RATE_LIMIT_REQUESTS=0",
		"no pool":                          "DATABASE_MAX_CONNS=0",
		"a level that there is not":        "LOG_LEVEL=loud",
		"a format that there is not":       "LOG_FORMAT=xml",
		"an environment that there is not": "APP_ENV=moon",
		"an invalid port":                  "PORT=70000",
		"no time at all":                   "REQUEST_TIMEOUT=0",
		"tokens that expire at once":       "JWT_EXPIRY=0s",
		"a public URL without a scheme":    "PUBLIC_URL=driftsentry.example.com",
		"a public URL with a path":         "PUBLIC_URL=https://example.com/driftsentry",
		"a public URL with a password":     "PUBLIC_URL=https://ada:s3cret@example.com",
	} {
		t.Run(name, func(t *testing.T) {
			variable, value, _ := strings.Cut(bad, "=")
			_, err := app.LoadConfig(append(slices.Clone(production), bad))
			if err == nil || !strings.Contains(err.Error(), variable+": ") {
				t.Fatalf("err = %v", err)
			}
			if strings.Count(err.Error(), "\n") != 1 {
				t.Errorf("more than one problem: %v", err)
			}
			if strings.Contains(variable, "SECRET") && value != "" && strings.Contains(err.Error(), value) {
				t.Errorf("the secret is in %v", err)
			}
		})
	}
	private, public, err := token.NewKeyPair()
	if err != nil {
		t.Fatal(err)
	}
	_, foreign, err := token.NewKeyPair()
	if err != nil {
		t.Fatal(err)
	}
	without := slices.DeleteFunc(slices.Clone(production), func(v string) bool { return strings.HasPrefix(v, "JWT_SECRET=") })
	for name, c := range map[string]struct {
		set     []string
		problem string
	}{
		"Ed25519 alone":                   {[]string{"JWT_PRIVATE_KEY=" + private, "JWT_PUBLIC_KEY=" + public}, ""},
		"Ed25519 and the secret":          {[]string{"JWT_PRIVATE_KEY=" + private, "JWT_PUBLIC_KEY=" + foreign + public, "JWT_SECRET=" + long}, ""},
		"accepted, and the secret signs":  {[]string{"JWT_PUBLIC_KEY=" + public, "JWT_SECRET=" + long}, ""},
		"nothing that signs":              {[]string{"JWT_PUBLIC_KEY=" + public}, "JWT_PRIVATE_KEY: is required"},
		"halves of two pairs":             {[]string{"JWT_PRIVATE_KEY=" + private, "JWT_PUBLIC_KEY=" + foreign}, "JWT_PRIVATE_KEY: its public half"},
		"a public key that is none":       {[]string{"JWT_PUBLIC_KEY=words", "JWT_SECRET=" + long}, "JWT_PUBLIC_KEY: is not a list"},
		"a private key as the public one": {[]string{"JWT_PUBLIC_KEY=" + private, "JWT_SECRET=" + long}, "JWT_PUBLIC_KEY: is not a list"},
		"a short secret beside good keys": {[]string{"JWT_PRIVATE_KEY=" + private, "JWT_PUBLIC_KEY=" + public, "JWT_SECRET=short"}, "JWT_SECRET: must have"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := app.LoadConfig(append(slices.Clone(without), c.set...))
			switch {
			case c.problem == "" && err != nil, c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem) || strings.Count(err.Error(), "\n") != 1):
				t.Errorf("err = %v", err)
			case err != nil && strings.Contains(err.Error(), strings.Split(private, "\n")[1]):
				t.Errorf("the key is in %v", err)
			case err == nil && strings.Contains(fmt.Sprint(config.Attrs(got)), strings.Split(private, "\n")[1]):
				t.Error("the key would be logged")
			}
		})
	}
	t.Run("every problem at once", func(t *testing.T) {
		_, err := app.LoadConfig([]string{"APP_ENV=production", "PORT=many", "CORS_ORIGIN=*", "LOG_LEVEL=loud", "REQUEST_TIMEOUT=soon"})
		for _, variable := range []string{"DATABASE_URL", "PORT", "CORS_ORIGIN", "LOG_LEVEL", "REQUEST_TIMEOUT", "JWT_SECRET", "DATA_KEY"} {
			if err == nil || strings.Count(err.Error(), "  "+variable+": ") != 1 {
				t.Errorf("%s is not named once in: %v", variable, err)
			}
		}
	})
}

// TestLoadConfig_provider: what an identity provider needs is asked for at start, by name. Mutations: each of the conditions left out.
func TestLoadConfig_provider(t *testing.T) {
	whole := map[string]string{
		"APP_ENV": "production", "DATABASE_URL": "postgres://localhost/x", "JWT_SECRET": long, "DATA_KEY": long,
		"PUBLIC_URL": "https://driftsentry.example.com", "OIDC_ISSUER": "https://login.example.com/realms/acme", "OIDC_CLIENT_ID": "driftsentry", "OIDC_ACCOUNT": "acme",
		"OIDC_ROLES": "platform=admin, a=b=engineer,*=viewer", "OIDC_EMAIL_DOMAINS": "example.com,example.org",
	}
	for name, tt := range map[string]struct {
		variable, value string
		want            string // the variable that the error names, empty for none
	}{
		"complete":               {"OIDC_CLIENT_SECRET", "", ""},
		"no public URL":          {"PUBLIC_URL", "", "PUBLIC_URL"},
		"a public URL of HTTP":   {"PUBLIC_URL", "http://driftsentry.example.com", "PUBLIC_URL"},
		"an issuer of HTTP":      {"OIDC_ISSUER", "http://login.example.com", "OIDC_ISSUER"},
		"an issuer with a query": {"OIDC_ISSUER", "https://login.example.com?x=y", "OIDC_ISSUER"},
		"no issuer":              {"OIDC_ISSUER", "", "OIDC_ISSUER"},
		"no client":              {"OIDC_CLIENT_ID", "", "OIDC_CLIENT_ID"},
		"no account":             {"OIDC_ACCOUNT", "", "OIDC_ACCOUNT"},
		"no openid":              {"OIDC_SCOPES", "email", "OIDC_SCOPES"},
		"a role that is none":    {"OIDC_ROLES", "platform=root", "OIDC_ROLES"},
		"no value of a role":     {"OIDC_ROLES", "=admin", "OIDC_ROLES"},
		"a domain with a sign":   {"OIDC_EMAIL_DOMAINS", "@example.com", "OIDC_EMAIL_DOMAINS"},
		"no certificate":         {"OUTGOING_CA", "x", "OUTGOING_CA"},
		"no network":             {"OUTGOING_NETWORKS", "10.0.0.0", "OUTGOING_NETWORKS"},
	} {
		var environ []string
		for variable, value := range whole {
			if variable != tt.variable {
				environ = append(environ, variable+"="+value)
			}
		}
		_, err := app.LoadConfig(append(environ, tt.variable+"="+tt.value))
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), "  "+tt.want+": ")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
