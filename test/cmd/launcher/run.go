package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/driftsentry/driftsentry/test/internal/pair"
)

const runHelp = `Brings up, in this order: PostgreSQL, a receiver for traces and logs, both services, an account with an admin, an
engineer and a viewer and an API key; sends the sample plans; prints what to do next; and keeps running. Ctrl-C stops
everything, a second Ctrl-C forces it. Its files are in .run.

  DATABASE_URL     use this PostgreSQL instead of a private one in .run/postgres
  API_PORT         the port of api, default 3001
  REALTIME_PORT    the port of realtime, default 3002
  RUN_DIR          the folder for its files instead of .run
  NO_COLOR         no colours

Every other variable goes to the services: LOG_LEVEL=debug, SENTRY_DSN=…, OTEL_EXPORTER_OTLP_ENDPOINT=… (make trace then
has nothing to show).`

func (a app) runPair(_ []string) error {
	o := pair.Options{Root: a.root, Dir: a.dir, Console: a.console, DatabaseURL: a.environ("DATABASE_URL"), Environ: os.Environ()}
	var err error
	if o.APIPort, err = a.port("API_PORT", 3001); err != nil {
		return err
	}
	if o.RealtimePort, err = a.port("REALTIME_PORT", 3002); err != nil {
		return err
	}
	return pair.Run(a.ctx, a.force, o)
}

func (a app) port(variable string, standard int) (int, error) {
	text := a.environ(variable)
	if text == "" {
		return standard, nil
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 1 || port > 65535 {
		return 0, fmt.Errorf("%s=%q is not a port: give a number from 1 to 65535", variable, text)
	}
	return port, nil
}
