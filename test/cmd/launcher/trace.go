package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/driftsentry/driftsentry/test/internal/pair"
)

const traceHelp = `Asks the running launcher for a trace and prints it as a tree, with durations and log lines. ID is the value of X-Correlation-ID
and of trace_id in log lines; a UUID or a whole traceparent also works. Without ID it lists the newest traces.`

func (a app) trace(args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("give one trace ID; got %d", len(args))
	}
	path := "/traces"
	if len(args) == 1 && args[0] != "" {
		id, err := pair.ParseTraceID(args[0])
		if err != nil {
			return err
		}
		query := url.Values{}
		if a.console.Color() {
			query.Set("color", "1")
		}
		if width := a.console.Width(); width > 0 {
			query.Set("width", strconv.Itoa(width))
		}
		path += "/" + id + "?" + query.Encode()
	}
	info, err := pair.LoadInfo(a.dir)
	if err != nil {
		return err
	}
	text, err := a.ask(info, path)
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(text)
	return err
}

// desk is the launcher, which may wait for a trace before it responds.
var desk = http.Client{Timeout: time.Minute}

// ask gets a text from the running launcher.
func (a app) ask(info pair.Info, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(a.ctx, http.MethodGet, info.TraceURL+path, http.NoBody) //nolint:gosec // our own launcher wrote the address
	if err != nil {
		return nil, fmt.Errorf("ask the launcher: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+info.Token)
	res, err := desk.Do(req) //nolint:gosec // see above
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", pair.ErrNotRunning, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("read the launcher's response: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, errors.New(strings.TrimSpace(string(text)))
	}
	return text, nil
}
