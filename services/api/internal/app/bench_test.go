package app_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/services/api/internal/app"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/testkit/otlpsink"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// seeded is the number of drifts, high enough that decisions rarely run out of them.
const seeded = 2000

const seed = `insert into drift (id, account_id, fingerprint, workspace, resource_id, resource_type, region, origin, expected_state,
		actual_state, difference, difference_mac, severity, detected_by)
	select gen_random_uuid(), (select id from account), sha256(g::text::bytea), 'bench', 'i-' || g, 'aws_instance', 'eu-west-1', 'drift',
		jsonb_build_object('instance_type', 't3.micro', 'monitoring', true, 'tags', jsonb_build_object('Team', 'core', 'Name', 'web-' || g)),
		jsonb_build_object('instance_type', 't3.large', 'monitoring', false, 'tags', jsonb_build_object('Team', 'core', 'Name', 'web-' || g)),
		'{"instance_type":{"expected":"t3.micro","actual":"t3.large"},"monitoring":{"expected":true,"actual":false}}',
		sha256(g::text::bytea), 'critical', 'plan'
	from generate_series(1, $1::int) g`

const undecided = `update drift set status = 'detected', version = 1, approved_at = null, approved_by = null, approval_reason = null
	where status <> 'detected'`

// BenchmarkRequests sends requests through the whole service and its Postgres on one connection. It measures the
// allocations of a request and its CPU time without Postgres, as cpu-µs/op, which varies less on a busy machine than the
// elapsed time. Both include the client and, with telemetry, the decoding by the receiver.
func BenchmarkRequests(b *testing.B) {
	pyroscope := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer pyroscope.Close()
	for name, options := range map[string]func(*telemetry.Config){
		"telemetry": func(*telemetry.Config) {},
		"tenth":     func(c *telemetry.Config) { c.SampleRatio = 0.1 },
		"flight":    func(c *telemetry.Config) { c.FlightRecorder = true },
		"profiles":  func(c *telemetry.Config) { c.PyroscopeURL = pyroscope.URL },
		"none":      func(c *telemetry.Config) { c.Disabled, c.Log.Level = true, slog.LevelError },
	} {
		b.Run(name, func(b *testing.B) {
			s := startBench(b, options)
			b.Run("list", func(b *testing.B) { s.measure(b, "GET", "drifts?page=1&limit=20&severity=critical", "") })
			b.Run("gzip", func(b *testing.B) {
				s.with("Accept-Encoding: gzip\r\n", func() { s.measure(b, "GET", "drifts?page=1&limit=20&severity=critical", "") })
			})
			b.Run("states", func(b *testing.B) { s.measure(b, "GET", "drifts?page=1&limit=20&severity=critical&include=states", "") })
			b.Run("unchanged", func(b *testing.B) { s.unchanged(b, "/api/v1/drifts?page=1&limit=20&severity=critical") })
			// What any request costs, without a statement.
			b.Run("nothing", func(b *testing.B) { s.unchanged(b, "/openapi.json") })
			// The same of a user: the errors are in memory.
			b.Run("signed-in", func(b *testing.B) { s.measure(b, "GET", "ops/errors", "") })
			b.Run("list100", func(b *testing.B) { s.measure(b, "GET", "drifts?page=1&limit=100&severity=critical", "") })
			b.Run("gzip100", func(b *testing.B) {
				s.with("Accept-Encoding: gzip\r\n", func() { s.measure(b, "GET", "drifts?page=1&limit=100&severity=critical", "") })
			})
			b.Run("get", func(b *testing.B) { s.measure(b, "GET", "drifts/%s", "") })
			b.Run("approve", func(b *testing.B) {
				s.measure(b, "POST", "drifts/%s/approve", `{"reason":"agreed with the network team"}`)
			})
			b.Run("ingest/unchanged", func(b *testing.B) { s.measure(b, "POST", "ingest/plan?workspace=same", benchPlan("large")) })
			b.Run("ingest/changed", func(b *testing.B) {
				s.measure(b, "POST", "ingest/plan?workspace=other", benchPlan("large"), benchPlan("xlarge"))
			})
		})
	}
}

// manyDrifts is how many an account has in BenchmarkManyDrifts.
const manyDrifts = 100_000

// BenchmarkManyDrifts lists the drifts of a large account, in each order and with filters that no index serves.
func BenchmarkManyDrifts(b *testing.B) {
	s := startBench(b, func(c *telemetry.Config) { c.Disabled = true })
	_, err := s.db.Exec(b.Context(), seed+" on conflict do nothing", manyDrifts)
	must(b, err)
	_, err = s.db.Exec(b.Context(), "vacuum analyze drift")
	must(b, err)
	_ = s.conn.Close() // The server has closed it: it was idle meanwhile.
	s.conn, err = (&net.Dialer{}).DialContext(b.Context(), "tcp", s.address)
	must(b, err)
	s.answers.Reset(s.conn)
	for _, query := range []string{
		"sortBy=createdAt", "sortBy=detectedAt", "sortBy=lastSeenAt", "sortBy=costImpactMonthly", "sortBy=severity", "sortBy=workspace",
		"sortBy=resourceId", "sortBy=status", "open=true", "severity=critical,warning", "region=eu-west-1", "provider=none", "origin=change", "search=monitoring",
		"search=nothing", "page=500", "include=states&limit=100",
	} {
		b.Run(query, func(b *testing.B) { s.measure(b, "GET", "drifts?"+query, "") })
	}
}

// benchPlan is a plan of 50 drifted resources, without a timestamp, so that each upload of it counts.
func benchPlan(size string) string {
	entries := make([]string, 50)
	for i := range entries {
		entries[i] = fmt.Sprintf(`{"address":"aws_instance.web[%[1]d]","mode":"managed","type":"aws_instance","name":"web","change":{"actions":["update"],
			"before":{"id":"i-%[1]d","instance_type":"t3.micro","monitoring":true,"tags":{"Team":"core","Name":"web-%[1]d"}},
			"after":{"id":"i-%[1]d","instance_type":"t3.%[2]s","monitoring":true,"tags":{"Team":"core","Name":"web-%[1]d"}}}}`, i, size)
	}
	return `{"format_version":"1.2","terraform_version":"1.11.4","complete":true,"resource_drift":[` + strings.Join(entries, ",") + `]}`
}

type benched struct {
	address, token string
	conn           net.Conn
	answers        *bufio.Reader
	db             *pgx.Conn
	ids            []string
	headers        string // of each request
	etag           string // of the last response
}

// startBench runs the service as it is shipped, exporting to a receiver on this machine, with the flight recorder too, or with all telemetry off.
func startBench(b *testing.B, options func(*telemetry.Config)) *benched {
	b.Helper()
	dsn := pgtest.DSN(b)
	c, err := app.LoadConfig([]string{"PORT=0", "SHUTDOWN_DRAIN_DELAY=0s", "RATE_LIMIT_ENABLED=false", "JWT_EXPIRY=8h", "DATABASE_URL=" + dsn})
	must(b, err)
	settings := telemetry.Config{ServiceName: "bench", SampleRatio: 1, Metrics: true, Log: telemetry.LogConfig{Output: io.Discard}}
	options(&settings)
	if !settings.Disabled {
		sink, err := otlpsink.Start(otlpsink.Options{MaxRecords: 1000})
		must(b, err)
		b.Cleanup(sink.Close)
		b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.Endpoint())
	}
	tel, err := telemetry.Start(b.Context(), settings)
	must(b, err)
	a, err := app.New(b.Context(), app.Options{Config: c, Telemetry: tel})
	must(b, err)
	ctx, stop := context.WithCancel(context.WithoutCancel(b.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	s := &benched{address: a.Address().String()}
	b.Cleanup(func() {
		s.conn.Close()
		stop()
		must(b, <-ended)
		must(b, tel.Shutdown(ctx))
	})
	s.seed(b, a, dsn)
	return s
}

func (s *benched) seed(b *testing.B, a *app.App, dsn string) {
	b.Helper()
	const password = "correct horse battery"
	_, _, err := a.Identity().Bootstrap(b.Context(), "bench", "bench@example.com", "Bench", identity.Admin, password)
	must(b, err)
	s.db, err = pgx.Connect(b.Context(), dsn)
	must(b, err)
	b.Cleanup(func() { _ = s.db.Close(context.Background()) })
	_, err = s.db.Exec(b.Context(), seed, seeded)
	must(b, err)
	_, err = s.db.Exec(b.Context(), "vacuum analyze drift")
	must(b, err)
	rows, err := s.db.Query(b.Context(), "select id::text from drift")
	must(b, err)
	s.ids, err = pgx.CollectRows(rows, pgx.RowTo[string])
	must(b, err)

	login := strings.NewReader(`{"email":"bench@example.com","password":"` + password + `"}`)
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "http://"+s.address+"/api/v1/auth/login", login)
	must(b, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	must(b, err)
	defer resp.Body.Close()
	var answer struct{ Data struct{ AccessToken string } }
	must(b, json.NewDecoder(resp.Body).Decode(&answer))
	s.token = answer.Data.AccessToken
	s.conn, err = (&net.Dialer{}).DialContext(b.Context(), "tcp", s.address)
	must(b, err)
	s.answers = bufio.NewReaderSize(s.conn, 1<<17)
}

// with sends these headers meanwhile.
func (s *benched) with(headers string, do func()) {
	s.headers = headers
	do()
	s.headers = ""
}

// unchanged asks for what the client has already.
func (s *benched) unchanged(b *testing.B, path string) {
	b.Helper()
	must(b, s.ask(fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n\r\n", path, s.token)))
	s.with("If-None-Match: "+s.etag+"\r\n", func() { s.measure(b, "GET", path, "") })
}

// measure sends the bodies again and again, one after the other; %s in the path is the id of one drift after the other.
func (s *benched) measure(b *testing.B, method, path string, bodies ...string) {
	b.Helper()
	perDrift := strings.Contains(path, "%s")
	requests := make([][]byte, len(bodies))
	if perDrift {
		requests = make([][]byte, len(s.ids))
	}
	for i := range requests {
		target, body := path, bodies[i%len(bodies)]
		if path[0] != '/' {
			target = "/api/v1/" + path
		}
		if perDrift {
			target = fmt.Sprintf(target, s.ids[i])
		}
		requests[i] = fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			method, target, s.token, s.headers, len(body), body)
	}
	decides := perDrift && bodies[0] != ""
	b.ReportAllocs()
	var cpu time.Duration
	began, n := usedCPU(), 0
	for b.Loop() {
		if decides && n%len(requests) == 0 {
			b.StopTimer()
			cpu += usedCPU() - began
			_, err := s.db.Exec(b.Context(), undecided)
			must(b, err)
			began = usedCPU()
			b.StartTimer()
		}
		if err := s.ask(requests[n%len(requests)]); err != nil {
			b.Fatal(err)
		}
		n++
	}
	cpu += usedCPU() - began
	b.ReportMetric(float64(cpu.Microseconds())/float64(n), "cpu-µs/op")
}

// ask sends one request and reads its response, without the allocations of a real client.
func (s *benched) ask(request []byte) error {
	if _, err := s.conn.Write(request); err != nil {
		return err
	}
	length, chunked := 0, false
	for first := true; ; first = false {
		line, err := s.answers.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if want := map[bool]string{true: "HTTP/1.1 304 ", false: "HTTP/1.1 200 "}[strings.HasPrefix(s.headers, "If-None-Match")]; first && !bytes.HasPrefix(line, []byte(want)) {
			return errors.New(string(line))
		}
		if value, ok := bytes.CutPrefix(line, []byte("Etag: ")); ok && s.headers == "" {
			s.etag = string(value)
		}
		if bytes.Equal(line, []byte("Transfer-Encoding: chunked")) {
			chunked = true
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			for _, digit := range value {
				length = 10*length + int(digit-'0')
			}
		}
		if len(line) == 0 && chunked {
			return s.chunks()
		}
		if len(line) == 0 {
			_, err := s.answers.Discard(length)
			return err
		}
	}
}

// chunks reads a body of chunks.
func (s *benched) chunks() error {
	for {
		line, err := s.answers.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return err
		}
		if _, err := s.answers.Discard(int(n) + 2); err != nil || n == 0 {
			return err
		}
	}
}

func usedCPU() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
