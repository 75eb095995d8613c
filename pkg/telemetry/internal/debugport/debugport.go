// Package debugport is what operators do by hand with a running service. It is
// served beside the metrics, on a port that no client reaches.
package debugport

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/flight"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/logging"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/profile"
)

// Service is what the operators look at.
type Service struct {
	Level    *logging.Dial
	Logger   *slog.Logger
	Flight   *flight.Recorder // nil while it is off
	Profiles *profile.Profiles
}

// Handler serves everything under /debug/.
func Handler(s Service) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/log-level", s.showLevel)
	mux.HandleFunc("PUT /debug/log-level", s.turnLevel)
	mux.HandleFunc("GET /debug/traces", s.showTraces)
	mux.HandleFunc("GET /debug/traces/{trace_id}", s.sendTrace)
	s.serveProfiles(mux)
	// A page in the browser of an operator who forwards the port must not change anything.
	return http.NewCrossOriginProtection().Handler(mux)
}

func (s Service) showLevel(w http.ResponseWriter, _ *http.Request) {
	shown := levelJSON{Level: logging.LevelName(s.Level.Level()), Configured: logging.LevelName(s.Level.Configured())}
	if left := s.Level.Left(); left > 0 {
		shown.For = left.Round(time.Second).String()
	}
	respond(w, shown)
}

// maxFor is how long a level by hand may last: a detailed log fills disks.
const maxFor = time.Hour

func (s Service) turnLevel(w http.ResponseWriter, r *http.Request) {
	wish, err := readWish(http.MaxBytesReader(w, r.Body, maxWish))
	if err != nil {
		http.Error(w, fmt.Sprintf(`%v; send {"level":"debug","for":"10m"}`, err), http.StatusBadRequest)
		return
	}
	s.Level.Turn(r.Context(), wish.level, wish.length, s.Logger, slog.String("client.address", r.RemoteAddr))
	s.showLevel(w, r)
}

type levelJSON struct {
	Level      string `json:"level"`
	For        string `json:"for,omitempty"`
	Configured string `json:"configured,omitempty"`
}

// maxWish bounds the body of a request.
const maxWish = 1024

type wish struct {
	level  slog.Level
	length time.Duration
}

func readWish(body io.Reader) (wish, error) {
	var sent struct {
		Level string `json:"level"`
		For   string `json:"for"`
	}
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&sent); err != nil {
		return wish{}, fmt.Errorf("the body is not the JSON object that is wanted: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return wish{}, errors.New("the body has more than one JSON object")
	}
	level, err := logging.ParseLevel(sent.Level)
	if err != nil {
		return wish{}, fmt.Errorf("level: %w", err)
	}
	length, err := time.ParseDuration(sent.For)
	if err != nil || length < time.Second || length > maxFor {
		return wish{}, fmt.Errorf("for: %q is not a duration from 1s to %v, such as 10m", sent.For, maxFor)
	}
	return wish{level, length}, nil
}

func respond(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(value) // The client may be gone.
}
