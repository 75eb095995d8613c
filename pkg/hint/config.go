package hint

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/driftsentry/driftsentry/pkg/config"
)

// Config is where NATS is, and who we are there. Certificates and credentials are the content of their files; with a
// variable's name and _FILE they are read from there.
type Config struct {
	// URL is one server or several, as a comma-separated list: nats://host:4222, or tls://host:4222. Empty is NOTIFY.
	URL config.Secret `env:"NATS_URL"`
	// Credentials is a .creds file: a user's JWT and its seed.
	Credentials config.Secret `env:"NATS_CREDENTIALS"`
	// CA is the certificates that the servers' are signed with, if the system does not know them.
	CA string `env:"NATS_CA"`
	// Certificate and Key are our own, where the servers ask for one.
	Certificate string        `env:"NATS_CERTIFICATE"`
	Key         config.Secret `env:"NATS_KEY"`
}

// Enabled reports whether hints go by NATS.
func (c Config) Enabled() bool { return c.URL != "" }

// Validate checks rules that span several variables.
func (c Config) Validate() []error {
	var problems []error
	complain := func(variable, problem string) {
		problems = append(problems, config.Problem{Variable: variable, Err: errors.New(problem)})
	}
	for one := range strings.SplitSeq(c.URL.Reveal(), ",") {
		// The parser's own message repeats the URL, with its password.
		if u, err := url.Parse(strings.TrimSpace(one)); c.Enabled() && (err != nil || u.Host == "" || (u.Scheme != "nats" && u.Scheme != "tls" && u.Scheme != "ws" && u.Scheme != "wss")) {
			complain("NATS_URL", "is not a list of NATS URLs (nats://user:password@host:4222, or tls://…)")
			break
		}
	}
	if _, err := c.tls(); err != nil {
		problems = append(problems, err)
	}
	if (c.Certificate == "") != (c.Key == "") {
		complain("NATS_KEY", "NATS_CERTIFICATE and NATS_KEY go together")
	}
	return problems
}

// tls gives nil when nothing of it is configured; the URL's scheme decides then.
func (c Config) tls() (*tls.Config, error) {
	if c.CA == "" && c.Certificate == "" {
		return nil, nil //nolint:nilnil // There is nothing to configure.
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM([]byte(c.CA)) {
			return nil, config.Problem{Variable: "NATS_CA", Err: errors.New("has no PEM certificate")}
		}
	}
	if c.Certificate != "" && c.Key != "" {
		pair, err := tls.X509KeyPair([]byte(c.Certificate), []byte(c.Key.Reveal()))
		if err != nil {
			return nil, config.Problem{Variable: "NATS_CERTIFICATE", Err: errors.New("the certificate does not match NATS_KEY, or one of them is not PEM")}
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

func (c Config) options() ([]nats.Option, error) {
	var options []nats.Option
	if c.Credentials != "" {
		options = append(options, nats.UserCredentialBytes([]byte(c.Credentials.Reveal())))
	}
	t, err := c.tls()
	if err != nil {
		return nil, fmt.Errorf("set up TLS for NATS: %w", err)
	}
	if t != nil {
		options = append(options, nats.Secure(t))
	}
	return options, nil
}
