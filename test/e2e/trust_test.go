package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/driftsentry/driftsentry/testkit/otlpsink"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/spec"
)

// What a stranger sends in the hope that we believe it. Each round puts another word at the place of WORD.
const (
	strangersTrace = "0af7651916cd43dd8448eb211c80319c"
	usersTrace     = "5bd66ef5095369c7b0d1f8f4bd33716a" // what a user sends in its place
)

var forged = map[string][]string{
	"traceparent":      {"00-" + strangersTrace + "-b7ad6b7169203331-01", "00-" + strangersTrace + "-b7ad6b7169203331-00", "ff-WORD", "00-" + strings.Repeat("0", 32) + "-b7ad6b7169203331-01"},
	"tracestate":       {"vendor=WORD", strings.Repeat("k=WORD,", 40)},
	"baggage":          {"userId=WORD,role=admin", strings.Repeat("k=WORD,", 100)},
	"X-Correlation-ID": {"WORD", strings.Repeat("WORD", 200), "{\"msg\":\"forged\"}WORD", "\u202eWORD\u009b31m\u2028", strangersTrace},
	"X-Forwarded-For":  {"198.51.100.66", "WORD", strings.Repeat("198.51.100.66,", 200)},
	"X-Forwarded-Host": {"WORD.example"}, "Forwarded": {"for=198.51.100.66;host=WORD"}, "X-Real-IP": {"198.51.100.66"}, "True-Client-IP": {"198.51.100.66"},
	"User-Agent": {"WORD", strings.Repeat("WORD", 4000), "\u202eWORD\u009b31m\u2028"},
	"Origin":     {"https://WORD.example"}, "Referer": {"https://WORD.example"}, "Content-Type": {"WORD/WORD"},
	"X-Http-Method-Override": {"WORD"},
	"Host":                   {"WORD.example", "WORD.example:8443", strings.Repeat("WORD", 50)},
}

// TestAttackForgedHeaders sends to both services, as a stranger and as a user, every header that says who, where from
// or which trace. None may choose a label of a metric, become or hide a trace, or write a line that isn't ours.
// Mutations: Trusted always true continues the stranger's trace; without the View that drops server.address each Host
// is a series; methods as they come are labels; ClientIPFromXFF that trusts every proxy believes the address; without
// visible() in bounded, escapes of a path are in the log as they came, and without its length the long path is. A
// propagator that reads baggage is not seen here, since nothing passes it on.
func TestAttackForgedHeaders(t *testing.T) {
	p := startPair(t, pgtest.DSN(t), unlimited...)
	viewer := p.signIn("viewer").token
	round := func(word string) {
		for _, target := range []string{p.apiURL + "/api/v1/drifts", p.apiURL + "/nothing/%0a%7b%22msg%22:%22forged%22%7d%1b%5b31m%e2%80%ae" + word, p.realtimeURL + "/ws", p.realtimeURL + "/" + word} {
			for _, token := range []string{"", viewer} {
				for _, name := range slices.Sorted(maps.Keys(forged)) {
					for _, value := range forged[name] {
						value = strings.ReplaceAll(value, "WORD", word)
						if token != "" {
							value = strings.ReplaceAll(value, strangersTrace, usersTrace)
						}
						p.forge(target, token, name, value)
					}
				}
				p.forge(target, token, "Method", word)
			}
		}
	}
	series := func() []string {
		var all []string
		for _, base := range []string{p.apiURL, p.realtimeURL} {
			for line := range strings.Lines(string(p.scrape(base))) {
				// Those of requests; the others come when their time comes.
				if name, _, _ := strings.Cut(line, " "); requestMetric.MatchString(name) {
					all = append(all, base+" "+name)
				}
			}
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	p.forge(p.apiURL+"/nothing/"+strings.Repeat("x", 16<<10), "", "Accept", "*/*")
	round("wordone")
	before := series()
	round("wordtwo")
	t.Run("no header chooses a label", func(t *testing.T) {
		for _, name := range series() {
			if _, known := slices.BinarySearch(before, name); !known {
				t.Errorf("a new series: %s", name)
			}
			if strings.Contains(name, "wordone") || strings.Contains(name, "wordtwo") || strings.Contains(name, "198.51") {
				t.Errorf("a client's word is a label: %s", name)
			}
		}
	})
	p.rawControl(t)
	p.stop()

	t.Run("no stranger's trace is continued, each is linked", func(t *testing.T) {
		linked := 0
		for _, span := range p.sink.Spans() {
			if span.Kind != otlpsink.KindServer {
				continue
			}
			if span.TraceID == strangersTrace {
				t.Errorf("continued: %+v", span)
			}
			if slices.ContainsFunc(span.Links, func(l otlpsink.Link) bool { return l.TraceID == strangersTrace }) {
				linked++
			}
			if address := span.Attributes["client.address"]; address != "127.0.0.1" {
				t.Errorf("client.address is %v", address)
			}
		}
		if linked == 0 {
			t.Error("no span is linked to what a stranger sent")
		}
	})
	t.Run("a known caller's flag 00 hides nothing", func(t *testing.T) {
		trace, _ := p.sink.Trace(usersTrace)
		continued := 0
		for _, span := range trace.Spans {
			if span.ParentID == "b7ad6b7169203331" {
				continued++
			}
		}
		if want := 2 * 4 * 2; continued != want { // flags, targets, rounds
			t.Errorf("%d spans continue the user's trace, want %d", continued, want)
		}
	})
	t.Run("baggage is nowhere", func(t *testing.T) {
		for place, content := range p.places() {
			if strings.Contains(string(content), "role=admin") {
				t.Errorf("in %s", place)
			}
		}
	})
	t.Run("every line is ours, one each, printable and short", func(t *testing.T) {
		for _, proc := range []*process{p.api, p.realtime} {
			for line := range strings.Lines(proc.output()) {
				expectLine(t, strings.TrimSuffix(line, "\n"))
			}
		}
	})
}

// forge sends one request with one header; the response, if there is one, must be an orderly refusal or success.
func (p *pair) forge(target, token, name, value string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(spec.Invalid(p.t.Context()), http.MethodGet, target, http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	switch name {
	case "Host":
		req.Host = value
	case "Method":
		req.Method = strings.ToUpper(value)
	default:
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatalf("%s: %q: %v", target, name, err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode >= 500 || resp.Header.Get("X-Correlation-ID") == strangersTrace && token == "" {
		p.t.Errorf("%s %s with %s: %.60q: %d, %s", req.Method, target, name, value, resp.StatusCode, resp.Header.Get("X-Correlation-ID"))
	}
}

// rawControl sends what a decent client can't: control characters, and lines within a header.
func (p *pair) rawControl(t *testing.T) {
	t.Helper()
	for _, base := range []string{p.apiURL, p.realtimeURL} {
		for _, header := range []string{"X-Correlation-ID: a\x1b[31mb", "User-Agent: a\x00b", "X-Correlation-ID: a\rb", "Ho st: x", "X-Correlation-ID : x"} {
			conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(conn, "GET /health/live HTTP/1.1\r\nHost: x\r\n%s\r\nConnection: close\r\n\r\n", header)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatalf("%q: %v", header, err)
			}
			_ = resp.Body.Close()
			_ = conn.Close()
			if resp.StatusCode != http.StatusBadRequest {
				t.Errorf("%q: %d", header, resp.StatusCode)
			}
		}
	}
}

var requestMetric = regexp.MustCompile(`^(http_|errors_total|driftsentry_realtime_handshakes)`)

// stack is the one field that is long, and whose escaped line ends are ours.
var stack = regexp.MustCompile(`"error\.stack":"[^"]*"`)

func expectLine(t *testing.T, line string) {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(line), &fields); err != nil || fields["msg"] == "forged" || fields["service"] == nil {
		t.Errorf("not a line of ours: %q", line)
	}
	if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("not printable: %q", line[max(0, i-40):min(len(line), i+40)])
	}
	if rest := stack.ReplaceAllString(line, ""); len(rest) > 4096 {
		t.Errorf("%d bytes: %.200s…", len(rest), rest)
	}
}

// TestAttackForcedSampling: who samples nothing can't be made to. Mutation: a remote parent's flag obeyed.
func TestAttackForcedSampling(t *testing.T) {
	p := startPair(t, pgtest.DSN(t), "OTEL_TRACES_SAMPLER_ARG=0")
	for _, token := range []string{"", p.signIn("viewer").token} {
		for _, target := range []string{p.apiURL + "/api/v1/drifts", p.realtimeURL + "/ws"} {
			p.forge(target, token, "traceparent", "00-"+strangersTrace+"-b7ad6b7169203331-01")
		}
	}
	p.stop()
	if spans := p.sink.Spans(); len(spans) > 0 {
		t.Errorf("%d spans, the first: %+v", len(spans), spans[0])
	}
}
