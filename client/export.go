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
	return c.export(ctx, format, q, func(body io.Reader) error {
		_, err := io.Copy(w, body)
		return err
	})
}

// ExportAuditTo writes the audit trail to w while it comes, newest first. After an error, what w has is not all.
func (c *Client) ExportAuditTo(ctx context.Context, w io.Writer, format ExportFormat, q AuditQuery) error {
	query := q.values()
	query.Set("format", string(format))
	return c.send(ctx, request{method: http.MethodGet, path: "/api/v1/audit/export", query: query, repeatable: true}, sink(func(body io.Reader) error {
		_, err := io.Copy(w, body)
		return err
	}))
}

// errStop ends an export whose reader wants no more.
var errStop = errors.New("enough")

// ExportDrifts gives all drifts that pass the query's filters, newest first, without the pages of Drifts. The last one may come with an
// error: then there are more.
func (c *Client) ExportDrifts(ctx context.Context, q DriftQuery) iter.Seq2[Drift, error] {
	return func(yield func(Drift, error) bool) {
		err := c.export(ctx, NDJSON, q, func(body io.Reader) error { return eachDrift(body, yield) })
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

func (c *Client) export(ctx context.Context, format ExportFormat, q DriftQuery, into sink) error {
	query := q.filters()
	query.Set("format", string(format))
	return c.send(ctx, request{method: http.MethodGet, path: "/api/v1/drifts/export", query: query, repeatable: true}, into)
}
