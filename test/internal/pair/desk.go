package pair

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/driftsentry/driftsentry/testkit/otlpsink"
)

// Info is the data for the other subcommands, in .run/launcher.json during a run.
type Info struct {
	PID         int    `json:"pid"`
	TraceURL    string `json:"traceUrl"`
	Token       string `json:"token"` // for TraceURL
	APIURL      string `json:"apiUrl"`
	RealtimeURL string `json:"realtimeUrl"`
	SocketURL   string `json:"socketUrl"`
}

// ErrNotRunning says that `make run` is not running.
var ErrNotRunning = errors.New("`make run` is not running here: start it in another terminal first")

// LoadInfo reads the data of the run whose files are in dir.
func LoadInfo(dir string) (Info, error) {
	var i Info
	found, err := load(filepath.Join(dir, "launcher.json"), &i)
	if err == nil && !found {
		err = ErrNotRunning
	}
	return i, err
}

// tracePatience is how long to wait for a requested trace that has not arrived yet.
const tracePatience = 5 * time.Second

// receiveTelemetry starts the receiver of the services' traces and logs, and the desk, which `make trace` calls.
func (r *run) receiveTelemetry(ctx context.Context) error {
	sink, err := otlpsink.Start(otlpsink.Options{})
	if err != nil {
		return err
	}
	r.sink = sink
	r.onClose(func(context.Context) error { sink.Close(); return nil })

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return fmt.Errorf("listen for `make trace`: %w", err)
	}
	info := Info{
		PID: os.Getpid(), TraceURL: "http://" + listener.Addr().String(), Token: rand.Text(),
		APIURL: r.apiURL(), RealtimeURL: r.realtimeURL(), SocketURL: r.socketURL(),
	}
	r.traceSource = info.TraceURL + SpansPath
	mux := http.NewServeMux()
	mux.Handle("/", desk(sink.Store, info.Token, tracePatience))
	mux.Handle(SpansPath, Spans(sink.Store, info.APIURL, tracePatience))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // It ends only with Close below.
	}()
	path := filepath.Join(r.Dir, "launcher.json")
	r.onClose(func(context.Context) error {
		err := errors.Join(server.Close(), os.Remove(path))
		<-served
		return err
	})
	return save(path, info)
}

// desk returns traces as text, and waits at most this long for a requested one. The token keeps other users of the machine,
// and web pages, out.
func desk(store *otlpsink.Store, token string, patience time.Duration) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /traces", func(w http.ResponseWriter, _ *http.Request) { listTraces(w, store) })
	mux.HandleFunc("GET /traces/{id}", func(w http.ResponseWriter, r *http.Request) { showTrace(w, r, store, patience) })
	want := []byte("Bearer " + token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			http.Error(w, "the token of .run/launcher.json is missing", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func showTrace(w http.ResponseWriter, r *http.Request, store *otlpsink.Store, patience time.Duration) {
	id := r.PathValue("id")
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	var trace otlpsink.Trace
	err := store.WaitFor(ctx, func(s *otlpsink.Store) bool {
		var ok bool
		trace, ok = s.Trace(id)
		return ok
	})
	if err != nil {
		http.Error(w, "trace "+id+" not found; it has not arrived or was dropped", http.StatusNotFound)
		return
	}
	trace = awaitQuiet(ctx, store, trace, patience/10)
	width, _ := strconv.Atoi(r.FormValue("width")) // 0 when it is absent.
	_ = trace.Render(w, otlpsink.RenderOptions{Color: r.FormValue("color") != "", Width: width})
}

// awaitQuiet waits until no part of the trace has arrived for a while: each service sends its parts in its own batches.
func awaitQuiet(ctx context.Context, store *otlpsink.Store, trace otlpsink.Trace, quiet time.Duration) otlpsink.Trace {
	if n := len(trace.Spans); n > 0 && time.Since(trace.Spans[n-1].End) > tracePatience {
		return trace // It ended long ago.
	}
	for {
		ctx, cancel := context.WithTimeout(ctx, quiet)
		size := len(trace.Spans) + len(trace.Logs)
		err := store.WaitFor(ctx, func(s *otlpsink.Store) bool {
			t, _ := s.Trace(trace.ID)
			return len(t.Spans)+len(t.Logs) > size
		})
		cancel()
		if err != nil {
			return trace
		}
		trace, _ = store.Trace(trace.ID)
	}
}

// listed is how many traces the list has.
const listed = 20

func listTraces(w http.ResponseWriter, store *otlpsink.Store) {
	traces := store.Traces()
	traces = slices.DeleteFunc(traces, func(t otlpsink.Trace) bool { return len(t.Spans) == 0 })
	traces = traces[max(0, len(traces)-listed):]
	if len(traces) == 0 {
		fmt.Fprintln(w, "No trace has come yet.")
		return
	}
	for _, t := range traces {
		first := t.Spans[0]
		fmt.Fprintf(w, "%s  %s  %3d spans  %s %s\n", first.Start.Local().Format("15:04:05"), t.ID, len(t.Spans), first.Service, first.Name)
	}
}

var traceIDPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

// ParseTraceID accepts the usual forms of a trace ID: 32 hex digits, a UUID, or a whole traceparent.
func ParseTraceID(text string) (string, error) {
	id := strings.ToLower(strings.TrimSpace(text))
	if parts := strings.Split(id, "-"); len(parts) == 4 {
		id = parts[1]
	}
	id = strings.ReplaceAll(id, "-", "")
	if !traceIDPattern.MatchString(id) {
		return "", fmt.Errorf("%q is not a trace ID: it has 32 hex digits, as in X-Correlation-ID", text)
	}
	return id, nil
}
