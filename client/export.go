package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
)

// ExportFormat is the form of an export.
type ExportFormat string

// The formats. CSV has no differences but their paths.
const (
	CSV    ExportFormat = "csv"
	NDJSON ExportFormat = "ndjson"
)

// ExportDriftsTo writes all drifts that pass the query's filters to w while they come, newest first. After an error, what w has is not all.
func (c *Client) ExportDriftsTo(ctx context.Context, w io.Writer, format ExportFormat, q DriftQuery) error {
	return c.export(ctx, driftExport, format, q.filters(), copyTo(w))
}

// ExportAuditTo writes the audit trail to w while it comes, newest first. After an error, what w has is not all.
func (c *Client) ExportAuditTo(ctx context.Context, w io.Writer, format ExportFormat, q AuditQuery) error {
	return c.export(ctx, "/api/v1/audit/export", format, q.values(), copyTo(w))
}

// errStop ends an export whose reader wants no more.
var errStop = errors.New("enough")

// ExportDrifts gives all drifts that pass the query's filters, newest first, without the pages of Drifts. The last one may come with an
// error: then there are more.
func (c *Client) ExportDrifts(ctx context.Context, q DriftQuery) iter.Seq2[Drift, error] {
	return func(yield func(Drift, error) bool) {
		err := c.export(ctx, driftExport, NDJSON, q.filters(), func(body io.Reader) error { return eachDrift(body, yield) })
		if err != nil && !errors.Is(err, errStop) {
			yield(Drift{}, err)
		}
	}
}

// eachDrift reads the lines of an export up to the one that says that this is all.
func eachDrift(body io.Reader, yield func(Drift, error) bool) error {
	lines := bufio.NewReaderSize(body, 64<<10)
	for {
		text, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		var line struct {
			Drift
			End   *struct{} `json:"end"`
			Error *struct {
				Code    Code   `json:"code"`
				Message string `json:"message"`
				TraceID string `json:"traceId"`
			} `json:"error"`
		}
		if err := json.Unmarshal(text, &line); err != nil {
			return fmt.Errorf("%w (%w)", errNotOurs, err)
		}
		switch {
		case line.End != nil:
			return nil
		case line.Error != nil:
			return &Error{Status: http.StatusOK, Code: line.Error.Code, Message: line.Error.Message, TraceID: line.Error.TraceID}
		case !yield(line.Drift, nil):
			return errStop
		}
	}
}

const driftExport = "/api/v1/drifts/export"

// copyTo writes all of a response to w.
func copyTo(w io.Writer) sink {
	return func(body io.Reader) error {
		_, err := io.Copy(w, body)
		return err
	}
}

func (c *Client) export(ctx context.Context, path string, format ExportFormat, query url.Values, into sink) error {
	query.Set("format", string(format))
	return c.send(ctx, request{method: http.MethodGet, path: path, query: query, repeatable: true}, into)
}
