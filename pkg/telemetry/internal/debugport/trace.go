package debugport

import (
	"errors"
	"io/fs"
	"log/slog"
	"net/http"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/flight"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/tracing"
)

// showTraces lists the execution traces, the newest first.
func (s Service) showTraces(w http.ResponseWriter, r *http.Request) {
	kept, err := s.Flight.List()
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if kept == nil {
		kept = []flight.Kept{}
	}
	respond(w, struct {
		On     bool          `json:"on"`
		Traces []flight.Kept `json:"traces"`
	}{s.Flight != nil, kept})
}

// sendTrace sends one, for go tool trace.
func (s Service) sendTrace(w http.ResponseWriter, r *http.Request) {
	id, ok := tracing.ParseTraceID(r.PathValue("trace_id"))
	if !ok {
		http.Error(w, "this is not a trace ID, which has 32 hexadecimal digits", http.StatusBadRequest)
		return
	}
	f, err := s.Flight.Open(id.String())
	if errors.Is(err, fs.ErrNotExist) {
		http.Error(w, "there is no execution trace of this ID here; ask the replica whose access line has it, and see /debug/traces", http.StatusNotFound)
		return
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="`+id.String()+`.trace"`)
	http.ServeContent(w, r, "", info.ModTime(), f)
}

func (s Service) fail(w http.ResponseWriter, r *http.Request, err error) {
	s.Logger.LogAttrs(r.Context(), slog.LevelWarn, "execution traces cannot be read", slog.String("error.message", err.Error()))
	http.Error(w, "the folder of execution traces cannot be read; the log says why", http.StatusInternalServerError)
}
