package hint

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

const patience = 20 * time.Second

// serve runs a NATS server until the test ends.
func serve(t *testing.T, o server.Options) *server.Server {
	t.Helper()
	o.Host, o.NoLog, o.NoSigs = "127.0.0.1", true, true
	if o.Port == 0 {
		o.Port = server.RANDOM_PORT
	}
	s, err := server.NewServer(&o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("the NATS server does not start")
	}
	return s
}

func open(t *testing.T, c Config, tel Telemetry) *NATS {
	t.Helper()
	if problems := c.Validate(); len(problems) > 0 {
		t.Fatal(problems)
	}
	conn, err := OpenNATS(c, "test", tel)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// listen gives the hints that come, and a signal each time that the listening begins.
func listen(t *testing.T, c *NATS) (hints chan string, ready chan struct{}) {
	t.Helper()
	hints, ready = make(chan string, 100), make(chan struct{}, 100)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			// As a Listener does, except for the pause.
			_ = c.Listen(ctx, func() { ready <- struct{}{} }, func(payload string) { hints <- payload })
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return hints, ready
}

func wait[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("never: %s", what)
		panic("unreachable")
	}
}

// notify sends until NATS takes it.
func notify(t *testing.T, c *NATS, h Hint) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		err := c.Notify(ctx, []Hint{h})
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

func TestNATS_carries_hints_and_traces(t *testing.T) {
	s := serve(t, server.Options{})
	tel := telemetrytest.Start(t)
	url := config.Secret(s.ClientURL())
	reader, other, writer := open(t, Config{URL: url}, tel), open(t, Config{URL: url}, tel), open(t, Config{URL: url}, tel)
	hints, ready := listen(t, reader)
	others, otherReady := listen(t, other)
	wait(t, "the first listens", ready)
	wait(t, "the second listens", otherReady)

	ctx, span := tel.Tracer().Start(t.Context(), "publish")
	h := Hint{AccountID: uuid.New(), Mark: event.Mark{Position: 7}, Traceparent: telemetry.Traceparent(ctx)}
	span.End()
	notify(t, writer, h)
	for _, c := range []chan string{hints, others} {
		if got := wait(t, "the hint", c); got != h.String() {
			t.Errorf("got %q, want %q", got, h)
		}
	}
	trace := span.SpanContext().TraceID()
	// A reader's span ends after it has passed the hint on, which is what we have waited for.
	kinds := map[string]int{}
	for deadline := time.Now().Add(patience); kinds["consumer process driftsentry.stream"] < 2 && time.Now().Before(deadline); runtime.Gosched() {
		clear(kinds)
		for _, s := range tel.Spans() {
			if s.SpanContext.TraceID() == trace {
				kinds[s.SpanKind.String()+" "+s.Name]++
			}
		}
	}
	if kinds["producer send driftsentry.stream"] != 1 || kinds["consumer process driftsentry.stream"] != 2 {
		t.Errorf("spans of the trace: %v", kinds)
	}
}

// Checked by breaking it: without the attribute, it fails.
func TestNATS_span_of_a_hint_not_sent(t *testing.T) {
	tel := telemetrytest.Start(t)
	c := open(t, Config{URL: config.Secret(serve(t, server.Options{}).ClientURL())}, tel)
	c.Close() // After Notify has looked for a server, it may go.
	if err := c.send(t.Context(), Hint{AccountID: uuid.New()}); err == nil {
		t.Fatal("a closed connection sends")
	}
	spans := tel.Spans()
	if len(spans) != 1 || spans[0].Status.Code != codes.Error || !slices.Contains(spans[0].Attributes, semconv.ErrorType(nats.ErrConnectionClosed)) {
		t.Errorf("spans: %+v", spans)
	}
}

func TestNATS_comes_back(t *testing.T) {
	s := serve(t, server.Options{})
	port := s.Addr().(*net.TCPAddr).Port
	tel := telemetrytest.Start(t)
	c := open(t, Config{URL: config.Secret(s.ClientURL())}, tel)
	hints, ready := listen(t, c)
	wait(t, "it listens", ready)
	s.Shutdown()
	s.WaitForShutdown()

	// While there is no server, that is reported at once: nothing is kept to be sent late.
	h := Hint{AccountID: uuid.New(), Mark: event.Mark{Position: 1}}
	for c.Notify(t.Context(), []Hint{h}) == nil { // Until it has noticed.
	}
	serve(t, server.Options{Port: port})
	wait(t, "it listens again", ready)
	later := Hint{AccountID: uuid.New(), Mark: event.Mark{Position: 2}}
	notify(t, c, later)
	if got := wait(t, "a hint", hints); got != later.String() {
		t.Errorf("got %q, want %q: what was told meanwhile is old", got, later)
	}
}

// A service starts without NATS, and finds it when it comes.
func TestNATS_waits_for_the_first_server(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	c := open(t, Config{URL: config.Secret("nats://" + l.Addr().String())}, telemetrytest.Start(t))
	if err := c.Notify(t.Context(), []Hint{{AccountID: uuid.New()}}); err == nil {
		t.Error("a hint was sent to nobody")
	}
	_, ready := listen(t, c)
	serve(t, server.Options{Port: port})
	wait(t, "it listens", ready)
}

func TestConfig_TLS_and_password(t *testing.T) {
	ca, pair := certificate(t)
	s := serve(t, server.Options{
		Username: "driftsentry", Password: "secret-of-nats",
		TLS: true, TLSTimeout: patience.Seconds(), TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
	})
	address := s.Addr().String()
	right := Config{URL: config.Secret("tls://driftsentry:secret-of-nats@" + address), CA: ca}
	_, ready := listen(t, open(t, right, telemetrytest.Start(t)))
	wait(t, "it listens", ready)

	for name, c := range map[string]Config{
		"an unknown CA":    {URL: right.URL},
		"a wrong password": {URL: config.Secret("tls://driftsentry:wrong@" + address), CA: ca},
	} {
		t.Run(name, func(t *testing.T) {
			tel := telemetrytest.Start(t)
			conn, err := OpenNATS(c, "test", tel)
			if err == nil {
				defer conn.Close()
				err = conn.Notify(t.Context(), []Hint{{AccountID: uuid.New()}})
			}
			if err == nil || strings.Contains(err.Error(), "wrong@") || strings.Contains(err.Error(), "secret-of-nats") {
				t.Errorf("err = %v", err)
			}
		})
	}
}

func TestConfig_Validate(t *testing.T) {
	for name, c := range map[string]struct {
		config Config
		want   []string
	}{
		"nothing":                {Config{}, nil},
		"a server":               {Config{URL: "nats://a:4222, tls://b:4222"}, nil},
		"no URL":                 {Config{URL: "a:4222"}, []string{"NATS_URL"}},
		"another protocol":       {Config{URL: "http://a"}, []string{"NATS_URL"}},
		"no certificate":         {Config{CA: "x"}, []string{"NATS_CA"}},
		"a certificate alone":    {Config{Certificate: "x"}, []string{"NATS_KEY"}},
		"a pair that is no pair": {Config{Certificate: "x", Key: "y"}, []string{"NATS_CERTIFICATE"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, p := range c.config.Validate() {
				variable, _, _ := strings.Cut(p.Error(), ":")
				got = append(got, variable)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("problems with %v, want %v", got, c.want)
			}
		})
	}
}

// certificate gives a CA that signed itself, for this machine.
func certificate(t *testing.T) (ca string, pair tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
