package telemetry

import (
	"net/http"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/debugport"
)

// DebugHandler serves everything under /debug/, which operators do by hand: the
// log's level, the execution traces, and Go's profiles. It asks for no password, so it belongs on a port that only they
// reach.
func (t *Telemetry) DebugHandler() http.Handler {
	return debugport.Handler(debugport.Service{Level: t.level, Logger: t.logger, Flight: t.flight, Profiles: t.profiles})
}
