// Package browser takes what the console measures in a browser: spans, which go to the collector as those of the service
// `driftsentry-console`, and how fresh what it shows is. A page can say little, of a few things, by names that are known here.
package browser

import (
	"context"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/driftconv"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// The bounds of a report.
const (
	MaxSpans = 100
	// MaxAge is how long ago a span may have ended, and how long it may have taken.
	MaxAge = 10 * time.Minute
	// maxEvents is how many events one span may be about.
	maxEvents = 10_000
	// ahead is how far the clock of the replica that dated an event may be ahead of this one's.
	ahead = 5 * time.Second
	// maxMessage and maxStack bound what is said about an error.
	maxMessage = 500
	maxStack   = 20
)

// Span is one span as a page tells it.
type Span struct {
	TraceID  string `json:"traceId"`
	SpanID   string `json:"spanId"`
	ParentID string `json:"parentId"`
	// Type says what was measured; Name which of them.
	Type string `json:"type"`
	Name string `json:"name"`
	// Status is that of the response, 0 without one; for requests.
	Status int `json:"status"`
	// Events is how many events were received, and HappenedAt when the first of them was made; for receptions.
	Events     int       `json:"events"`
	HappenedAt time.Time `json:"happenedAt"`
	// Ago is how many milliseconds before the report the span ended, and Duration how many it took. The clock of a browser may be
	// wrong, but not by much within minutes.
	Ago      float64 `json:"ago"`
	Duration float64 `json:"duration"`
	// Message and Stack are those of an error; Stack is places in the files of the console, innermost first.
	Message string   `json:"message"`
	Stack   []string `json:"stack"`
}

// The types of spans.
const (
	Navigate = "navigate"
	Act      = "act"
	Request  = "request"
	Receive  = "receive"
	Vital    = "vital"
	Error    = "error"
)

// fresh is the objective: what is painted later after its event is late.
const fresh = 2 * time.Second

// Vitals are what tells how a page feels: how long the first screen took, and the slowest response to a click or a key.
var Vitals = []string{"lcp", "inp"}

var (
	errorType = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{0,39}$`)
	place     = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}\.js:\d{1,7}:\d{1,7}$`)
)

// Actions are what people do in the console that is worth a span.
var Actions = []string{"approve", "reject", "triage", "resolve", "reopen", "comment", "assign"}

// Names are the names that a span may have.
type Names struct {
	// Screens are the patterns of the console's paths, and Requests those of the API with their methods, as in "GET /drifts/{id}".
	Screens, Requests []string
	// Prefix stands before the path of a request.
	Prefix string
}

// Service takes reports.
type Service struct {
	tel        *telemetry.Telemetry
	freshness  metric.Float64Histogram
	receptions metric.Int64Counter
	vitals     metric.Float64Histogram
	now        func() time.Time
}

// New makes the service.
func New(tel *telemetry.Telemetry) (*Service, error) {
	in := instrument.From(tel.Meter())
	s := &Service{
		tel: tel, freshness: in.Histogram(driftconv.ConsoleFreshness), receptions: in.Counter(driftconv.ConsoleReceptions),
		vitals: in.Histogram(driftconv.ConsoleVitals), now: time.Now,
	}
	return s, in.Err()
}

// Take passes the spans on, all or none.
func (s *Service) Take(ctx context.Context, p identity.Principal, names Names, spans []Span) error {
	if len(spans) == 0 || len(spans) > MaxSpans {
		return apierror.InvalidField("spans", "must be 1 to %d spans", MaxSpans)
	}
	now := s.now()
	good := make([]telemetry.PageSpan, len(spans))
	for i, each := range spans {
		made, field, problem := names.read(each, now)
		if problem != "" {
			return apierror.InvalidField(fmt.Sprintf("spans[%d].%s", i, field), "%s", problem)
		}
		made.Attributes = append(made.Attributes, semconv.UserID(p.UserID.String()), attribute.String("driftsentry.account.id", p.AccountID.String()))
		good[i] = made
	}
	for i, each := range good {
		took := each.End.Sub(each.Start)
		switch spans[i].Type {
		case Receive:
			outcome := "timely"
			if took > fresh {
				outcome = "late"
			}
			s.freshness.Record(ctx, took.Seconds())
			s.receptions.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", outcome)))
		case Vital:
			s.vitals.Record(ctx, took.Seconds(), metric.WithAttributes(attribute.String("vital", spans[i].Name)))
		case Error:
			s.tel.ReportPage(telemetry.PageError{
				TraceID: each.TraceID, SpanID: each.SpanID, Type: spans[i].Name, Message: spans[i].Message, Stack: spans[i].Stack, UserID: p.UserID.String(),
			})
		}
		s.tel.PassOn(each)
	}
	return nil
}

// read makes a span of what a page says, or tells which field is wrong.
func (n Names) read(s Span, now time.Time) (made telemetry.PageSpan, field, problem string) {
	if !decodeID(made.TraceID[:], s.TraceID) {
		return made, "traceId", "must be 32 lower-case hexadecimal digits, not all 0"
	}
	if !decodeID(made.SpanID[:], s.SpanID) {
		return made, "spanId", "must be 16 lower-case hexadecimal digits, not all 0"
	}
	if s.ParentID != "" && !decodeID(made.ParentID[:], s.ParentID) {
		return made, "parentId", "must be 16 lower-case hexadecimal digits, not all 0; leave it out for the first span of a trace"
	}
	longest := float64(MaxAge.Milliseconds())
	if s.Ago < 0 || s.Ago > longest {
		return made, "ago", fmt.Sprintf("must be 0 to %d milliseconds", MaxAge.Milliseconds())
	}
	if s.Duration < 0 || s.Duration > longest {
		return made, "duration", fmt.Sprintf("must be 0 to %d milliseconds", MaxAge.Milliseconds())
	}
	made.End = now.Add(-milliseconds(s.Ago))
	made.Start = made.End.Add(-milliseconds(s.Duration))
	if s.Type != Error && (s.Message != "" || len(s.Stack) > 0) {
		return made, "message", "is for errors, as stack is: leave it out"
	}
	switch s.Type {
	case Navigate:
		if !slices.Contains(n.Screens, s.Name) {
			return made, "name", "must be the pattern of a screen, such as /drifts/{id}"
		}
		made.Name, made.Kind = "navigate "+s.Name, trace.SpanKindInternal
		made.Attributes = []attribute.KeyValue{attribute.String("driftsentry.console.screen", s.Name)}
	case Act:
		if !slices.Contains(Actions, s.Name) {
			return made, "name", "must be one of " + strings.Join(Actions, ", ")
		}
		made.Name, made.Kind = "act "+s.Name, trace.SpanKindInternal
		made.Attributes = []attribute.KeyValue{attribute.String("driftsentry.console.action", s.Name)}
	case Request:
		method, path, _ := strings.Cut(s.Name, " ")
		if !slices.Contains(n.Requests, s.Name) {
			return made, "name", "must be a method and a path of the API document, such as GET /drifts/{id}"
		}
		if s.Status < 0 || s.Status > 599 {
			return made, "status", "must be the status of the response, or 0 without one"
		}
		made.Name, made.Kind, made.Failed = method+" "+n.Prefix+path, trace.SpanKindClient, s.Status == 0 || s.Status >= 400
		made.Attributes = []attribute.KeyValue{semconv.HTTPRequestMethodKey.String(method), semconv.URLTemplate(n.Prefix + path)}
		if s.Status > 0 {
			made.Attributes = append(made.Attributes, semconv.HTTPResponseStatusCode(s.Status))
		}
	case Receive:
		if s.Name != "" {
			return made, "name", "is for other types: leave it out"
		}
		if s.Events < 1 || s.Events > maxEvents {
			return made, "events", fmt.Sprintf("must be 1 to %d", maxEvents)
		}
		if s.HappenedAt.Before(now.Add(-MaxAge)) || s.HappenedAt.After(now.Add(ahead)) {
			return made, "happenedAt", "must be the time of the event, within the last 10 minutes"
		}
		made.Name, made.Kind = "receive events", trace.SpanKindConsumer
		made.Start = s.HappenedAt
		made.End = latest(made.End, made.Start)
		made.Attributes = []attribute.KeyValue{
			semconv.MessagingOperationName("receive"), semconv.MessagingOperationTypeReceive, semconv.MessagingBatchMessageCount(s.Events),
		}
	case Vital:
		if !slices.Contains(Vitals, s.Name) {
			return made, "name", "must be one of " + strings.Join(Vitals, ", ")
		}
		made.Name, made.Kind = "vital "+s.Name, trace.SpanKindInternal
	case Error:
		if !errorType.MatchString(s.Name) {
			return made, "name", "must be the type of an error, such as TypeError"
		}
		if utf8.RuneCountInString(s.Message) > maxMessage {
			return made, "message", fmt.Sprintf("must have at most %d characters", maxMessage)
		}
		if len(s.Stack) > maxStack || slices.ContainsFunc(s.Stack, func(at string) bool { return !place.MatchString(at) }) {
			return made, "stack", fmt.Sprintf("must be at most %d places such as main-VUM3KC4I.js:1:20481", maxStack)
		}
		made.Name, made.Kind, made.Failed = "uncaught error", trace.SpanKindInternal, true
		made.Attributes = []attribute.KeyValue{semconv.ExceptionType(s.Name), semconv.ExceptionMessage(s.Message)}
	default:
		return made, "type", "must be one of navigate, act, request, receive, vital, error"
	}
	return made, "", ""
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func milliseconds(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }

// decodeID reads an ID of exactly so many bytes that are not all 0.
func decodeID(to []byte, text string) bool {
	if len(text) != hex.EncodedLen(len(to)) || strings.ToLower(text) != text {
		return false
	}
	if _, err := hex.Decode(to, []byte(text)); err != nil {
		return false
	}
	return slices.ContainsFunc(to, func(b byte) bool { return b != 0 })
}
