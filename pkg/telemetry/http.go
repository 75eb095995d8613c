package telemetry

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// HTTPOptions fit the middleware to a service. All are optional.
type HTTPOptions struct {
	// Trusted reports whether the caller is authenticated, so that its trace is
	// continued. Others get a fresh trace, linked to what they sent. It is asked
	// once, before the span, and must not do I/O. Nobody is trusted by default.
	Trusted func(*http.Request) bool
	// Quiet picks the requests, of probes and scrapers, that get IDs but leave no
	// span, metric or access line.
	Quiet func(*http.Request) bool
	// Route names the route after the handler has run, "" when none matched. It
	// defaults to chi's pattern, or http.ServeMux's.
	Route func(*http.Request) string
	// Panic answers a request whose handler panicked before it wrote anything.
	// The default is a plain 500.
	Panic func(http.ResponseWriter, *http.Request, error)
	// ClientAddress defaults to the peer's, without its port. Set it when there
	// are trusted proxies.
	ClientAddress func(*http.Request) string
}

func (o HTTPOptions) withDefaults() HTTPOptions {
	if o.Trusted == nil {
		o.Trusted = func(*http.Request) bool { return false }
	}
	if o.Quiet == nil {
		o.Quiet = func(*http.Request) bool { return false }
	}
	if o.Route == nil {
		o.Route = defaultRoute
	}
	if o.Panic == nil {
		o.Panic = func(w http.ResponseWriter, _ *http.Request, _ error) {
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		}
	}
	if o.ClientAddress == nil {
		o.ClientAddress = peerAddress
	}
	return o
}

func peerAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// HTTP is the middleware that gives a request its span, its correlation
// headers, its access line and metrics, and that recovers from panics. With chi
// it belongs first in the root router's Use: from outside the router the route
// is not to be seen.
//
// WebSockets do not: they would be timed until they close. Start and end a span
// around their handshake instead.
func (t *Telemetry) HTTP(options HTTPOptions) func(http.Handler) http.Handler {
	m := middleware{telemetry: t, options: options.withDefaults(), labels: new(labelCache)}
	instrument := otelhttp.NewMiddleware("",
		otelhttp.WithTracerProvider(t.spans),
		otelhttp.WithMeterProvider(t.metrics.provider),
		// The headers were read by receive already.
		otelhttp.WithPropagators(propagation.NewCompositeTextMapPropagator()),
		otelhttp.WithPublicEndpointFn(func(r *http.Request) bool { return !requestFrom(r.Context()).trusted }),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return spanMethod(r.Method) }),
	)
	return func(next http.Handler) http.Handler {
		m := m
		m.next = next
		m.instrumented = instrument(http.HandlerFunc(m.serve))
		return m
	}
}

type middleware struct {
	telemetry    *Telemetry
	options      HTTPOptions
	labels       *labelCache
	next         http.Handler
	instrumented http.Handler
}

func (m middleware) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, req := m.receive(r)
	if req.quiet {
		m.serve(w, r.WithContext(quietContext(ctx, req)))
	} else {
		m.instrumented.ServeHTTP(w, r.WithContext(ctx))
	}
	if req.aborted {
		// Only now, since otelhttp records nothing of a request that panics.
		panic(http.ErrAbortHandler)
	}
}

// correlationHeader is X-Correlation-ID as net/http spells it, which saves two
// conversions per request.
const correlationHeader = "X-Correlation-Id"

// receive decides what of the caller's context is believed.
func (m middleware) receive(r *http.Request) (context.Context, *request) {
	req := &request{trusted: m.options.Trusted(r), quiet: m.options.Quiet(r)}
	ctx := context.WithValue(r.Context(), requestKey{}, req)
	ctx = otelhttp.ContextWithLabeler(ctx, &req.labels)
	// Of a stranger this becomes a link. Baggage is not read at all.
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))

	sent := r.Header.Get(correlationHeader)
	if sent == "" {
		return ctx, req
	}
	id, ok := parseTraceID(sent)
	if ok && req.trusted && !trace.SpanContextFromContext(ctx).IsValid() {
		req.wantedID = id
	} else if printable(sent) {
		req.correlationID = sent
	}
	return ctx, req
}

// quietContext gives a quiet request its IDs without a span: those of a trusted
// caller, or new ones.
func quietContext(ctx context.Context, req *request) context.Context {
	var ids idGenerator
	traceID := trace.SpanContextFromContext(ctx).TraceID()
	if !req.trusted || !traceID.IsValid() {
		traceID, _ = ids.NewIDs(ctx)
	}
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: traceID, SpanID: ids.NewSpanID(ctx, traceID),
	}))
}

// serve runs inside otelhttp, where the span exists and where a panic can still
// become a status that otelhttp sees.
func (m middleware) serve(w http.ResponseWriter, r *http.Request) {
	start, ctx := time.Now(), r.Context()
	req := requestFrom(ctx)
	req.span = trace.SpanFromContext(ctx)

	sc := req.span.SpanContext()
	w.Header().Set(correlationHeader, sc.TraceID().String())
	w.Header().Set("Server-Timing", `traceparent;desc="`+traceparent(sc)+`"`)

	if req.span.IsRecording() {
		// otelhttp believes X-Forwarded-For, which anybody can send.
		attrs := append(make([]attribute.KeyValue, 0, 2), semconv.ClientAddress(m.options.ClientAddress(r)))
		if req.correlationID != "" {
			attrs = append(attrs, attribute.String("correlation_id", req.correlationID))
		}
		req.span.SetAttributes(attrs...)
	}
	if !req.quiet {
		m.logStart(ctx, r)
	}
	res := &response{ResponseWriter: w, ctx: ctx}
	m.handle(res, r, req)
	m.finish(res, r, req, time.Since(start))
}

// handle runs the handler and turns its panic into an answer.
func (m middleware) handle(res *response, r *http.Request, req *request) {
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		if err, ok := value.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			req.aborted = true // the handler's way to hang up
			return
		}
		err := recovered(value)
		SetError(r.Context(), codeInternal, err, true)
		if res.status != 0 {
			// The client must not take half an answer for a whole one.
			req.aborted = true
			return
		}
		m.answerPanic(res, r, err)
	}()
	m.next.ServeHTTP(res, r)
}

const codeInternal = "INTERNAL_SERVER_ERROR"

// answerPanic survives a panic of the answer, too.
func (m middleware) answerPanic(res *response, r *http.Request, err error) {
	defer func() {
		if recover() != nil && res.status == 0 {
			http.Error(res, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		}
	}()
	// What the handler said of the answer that it did not give.
	for _, name := range []string{"Cache-Control", "Content-Encoding", "Content-Length", "Content-Type", "Etag", "Last-Modified"} {
		res.Header().Del(name)
	}
	m.options.Panic(res, r, err)
}

// spanMethod is the method in a span's name, where the conventions say HTTP for
// one that is not known.
func spanMethod(method string) string {
	if method = methodName(method); method == "_OTHER" {
		return "HTTP"
	}
	return method
}
