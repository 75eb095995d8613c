package debugport

import (
	"fmt"
	"net/http"
	"net/http/pprof" // Its routes in http.DefaultServeMux are served nowhere: each server has a handler of its own.
	"strconv"
)

// maxSeconds is how long a profile may measure.
const maxSeconds = 60

// serveProfiles serves Go's profiles, for go tool pprof. The command line is not among them.
func (s Service) serveProfiles(mux *http.ServeMux) {
	for path, handler := range map[string]http.HandlerFunc{
		"":        pprof.Index, // and every profile that has a name, such as heap
		"profile": s.Profiles.ServeCPU,
		"trace":   pprof.Trace,
		"symbol":  pprof.Symbol,
	} {
		mux.Handle("GET /debug/pprof/"+path, short(handler))
	}
}

// short refuses to measure for longer than maxSeconds.
func short(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked := r.URL.Query().Get("seconds"); asked != "" {
			if seconds, err := strconv.ParseFloat(asked, 64); err != nil || !(seconds > 0 && seconds <= maxSeconds) {
				http.Error(w, fmt.Sprintf("seconds: %.20q is not a number from 1 to %d, such as 30", asked, maxSeconds), http.StatusBadRequest)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
