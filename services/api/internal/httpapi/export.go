package httpapi

import (
	"encoding/csv"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

// maxExports is how many exports a replica writes at once, one for an account.
const (
	maxExports  = 2
	exportRetry = 5 * time.Second
)

// exports counts the exports that are being written.
type exports struct {
	mu       sync.Mutex
	accounts map[uuid.UUID]bool
}

func newExports() *exports { return &exports{accounts: make(map[uuid.UUID]bool)} }

// begin takes a slot, which the caller gives back with end.
func (e *exports) begin(account uuid.UUID) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.accounts[account] || len(e.accounts) == maxExports {
		return &apierror.Error{Kind: apierror.Unavailable, Message: "another export is being written; try again when it is done", RetryAfter: exportRetry}
	}
	e.accounts[account] = true
	return nil
}

func (e *exports) end(account uuid.UUID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.accounts, account)
}

func (s *Server) exportDrifts(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	filter := q.driftFilter()
	format := choice(q, "format", "csv", "csv", "ndjson")
	if err := q.err(); err != nil {
		return err
	}
	out := newExportWriter(w, "drifts", format, csvColumns, csvRow, func(b []byte, d *drift.Drift) ([]byte, error) { return appendDrift(b, d), nil })
	return export(s, r, viewer, out, func(each func([]*drift.Drift) error) (list.Head, error) {
		return s.drifts.Export(r.Context(), caller(r), filter, each)
	})
}

// exportAudit streams the audit trail.
func (s *Server) exportAudit(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	filter := q.auditFilter()
	format := choice(q, "format", "csv", "csv", "ndjson")
	if err := q.err(); err != nil {
		return err
	}
	out := newExportWriter(w, "audit", format, auditColumns, auditCells, appendBody(newAuditBody))
	return export(s, r, admin, out, func(each func([]audit.Row) error) (list.Head, error) {
		return "", s.options.Audit.Export(r.Context(), caller(r).AccountID, filter, each)
	})
}

// export streams what read gives, to those who have access. If that fails after the response has begun, the last line says so, and the
// connection is broken, so that no reader takes the part for the whole.
func export[T any](s *Server, r *http.Request, a access, out *exportWriter[T], read func(each func([]T) error) (list.Head, error)) error {
	account := caller(r).AccountID
	if err := s.exports.begin(account); err != nil {
		return err
	}
	defer s.exports.end(account)
	if r.Method == http.MethodHead {
		out.begin()
		return nil
	}
	looked := time.Now()
	head, err := read(func(part []T) error {
		if time.Since(looked) >= s.recheckAfter {
			if err := s.stillMay(r, a); err != nil {
				return err
			}
			looked = time.Now()
		}
		return out.write(part)
	})
	if err == nil {
		err = out.finish(head)
	}
	if err == nil || !out.begun {
		return err
	}
	f := rest.ErrorOf(r.Context(), err)
	telemetry.SetError(r.Context(), f.Kind.Code(), err, f.Kind == apierror.Internal)
	s.remember(r, err)
	out.fail(f, telemetry.TraceID(r.Context()))
	panic(http.ErrAbortHandler)
}

// exportWriter writes the lines of an export.
type exportWriter[T any] struct {
	w            http.ResponseWriter
	name, format string
	begun        bool
	rows         int
	buffer       []byte
	csv          *csv.Writer
	columns      []string
	cells        func(T) []string
	line         func([]byte, T) ([]byte, error) // appends what a line of NDJSON has
}

func newExportWriter[T any](
	w http.ResponseWriter, name, format string, columns []string, cells func(T) []string, line func([]byte, T) ([]byte, error),
) *exportWriter[T] {
	return &exportWriter[T]{w: w, name: name, format: format, csv: csv.NewWriter(w), columns: columns, cells: cells, line: line}
}

// begin writes the headers, and the first line of a CSV.
func (e *exportWriter[T]) begin() {
	if e.begun {
		return
	}
	e.begun = true
	contentType := "application/x-ndjson"
	if e.format == "csv" {
		contentType = "text/csv; charset=utf-8; header=present"
	}
	h := e.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Disposition", `attachment; filename="`+e.name+`.`+e.format+`"`)
	e.w.WriteHeader(http.StatusOK)
	if e.format == "csv" {
		_ = e.csv.Write(e.columns) // Its error comes again with the flush.
	}
}

// write writes a part, and sends it.
func (e *exportWriter[T]) write(part []T) error {
	e.begin()
	e.rows += len(part)
	if e.format == "csv" {
		for _, item := range part {
			if err := e.csv.Write(e.cells(item)); err != nil {
				return apierror.Wrap(apierror.Canceled, err, "the client is gone")
			}
		}
		return e.flush()
	}
	e.buffer = e.buffer[:0]
	for _, item := range part {
		var err error
		if e.buffer, err = e.line(e.buffer, item); err != nil {
			return err
		}
		e.buffer = append(e.buffer, '\n')
	}
	if _, err := e.w.Write(e.buffer); err != nil { //nolint:gosec // As in finish.
		return apierror.Wrap(apierror.Canceled, err, "the client is gone")
	}
	return e.flush()
}

func (e *exportWriter[T]) flush() error {
	e.csv.Flush()
	err := e.csv.Error()
	if err == nil {
		err = http.NewResponseController(e.w).Flush()
	}
	if err != nil {
		return apierror.Wrap(apierror.Canceled, err, "the client is gone")
	}
	return nil
}

// finish ends an export. NDJSON has a last line which says that this is all.
func (e *exportWriter[T]) finish(head list.Head) error {
	e.begin()
	if e.format == "ndjson" {
		b := strconv.AppendInt([]byte(`{"end":{"rows":`), int64(e.rows), 10)
		if cursor, ok := head.Cursor(); ok {
			b = appendText(b, `,"cursor":`, cursor.String())
		}
		if _, err := e.w.Write(append(b, "}}\n"...)); err != nil { //nolint:gosec // It is JSON, and no browser shows it.
			return apierror.Wrap(apierror.Canceled, err, "the client is gone")
		}
	}
	return e.flush()
}

// fail writes the last line of an export that is not all.
func (e *exportWriter[T]) fail(f *apierror.Error, traceID string) {
	if e.format == "csv" {
		_ = e.csv.Write([]string{"#ERROR", f.Kind.Code(), f.Message, traceID}) // The broken connection says it, too.
	} else {
		b := appendText(nil, `{"error":{"code":`, f.Kind.Code())
		b = appendText(b, `,"message":`, f.Message)
		_, _ = e.w.Write(append(appendText(b, `,"traceId":`, traceID), "}}\n"...)) //nolint:gosec // As above.
	}
	_ = e.flush()
}

var auditColumns = []string{
	"id", "timestamp", "action", "actorId", "actorEmail", "actorRole", "driftId", "subject", "message", "traceId", "metadata",
}

func auditCells(r audit.Row) []string {
	metadata, err := json.Marshal(r.Metadata)
	if err != nil {
		metadata = nil // It was read from JSON.
	}
	return []string{
		r.ID.String(), timeCell(&r.CreatedAt), r.Action, idCell(r.ActorID), cell(r.ActorEmail), r.ActorRole, idCell(r.DriftID), cell(r.Subject), cell(r.Message),
		r.TraceID, cell(string(metadata)),
	}
}

var csvColumns = []string{
	"id", "workspace", "resourceId", "resourceType", "provider", "region", "origin", "plannedAction", "severity", "status", "owner", "paths",
	"costImpactMonthly", "detectedBy", "detectedAt", "firstSeenAt", "lastSeenAt", "occurrences", "approvedAt", "approvedBy", "approvalReason",
	"approvedUntil", "rejectedAt", "rejectedBy", "rejectionReason", "resolvedAt", "resolvedHow", "version", "createdAt", "updatedAt",
	"suppressed", "suppressedByRule", "suppressedReason", "suppressedUntil", "defaultSeverity", "severityRule",
}

func csvRow(d *drift.Drift) []string {
	return []string{
		d.ID.String(), cell(d.Workspace), cell(d.ResourceID), cell(d.ResourceType), cell(d.Provider), cell(d.Region), string(d.Origin),
		optionalCell(d.PlannedAction), string(d.Severity), string(d.Status), optionalCell(d.Owner), cell(changedPaths(d)),
		strconv.FormatFloat(d.CostImpactMonthly, 'f', -1, 64), d.DetectedBy, timeCell(&d.DetectedAt), timeCell(&d.FirstSeenAt),
		timeCell(&d.LastSeenAt), strconv.Itoa(d.Occurrences), timeCell(d.ApprovedAt), optionalCell(d.ApprovedBy), optionalCell(d.ApprovalReason),
		timeCell(d.ApprovedUntil), timeCell(d.RejectedAt), optionalCell(d.RejectedBy), optionalCell(d.RejectionReason), timeCell(d.ResolvedAt),
		optionalCell(d.ResolvedHow), strconv.Itoa(d.Version), timeCell(&d.CreatedAt), timeCell(&d.UpdatedAt),
		strconv.FormatBool(d.IsSuppressed()), idCell(d.SuppressedBy), optionalCell(d.SuppressedReason), timeCell(d.SuppressedUntil),
		optionalCell(d.DefaultSeverity), idCell(d.SeverityBy),
	}
}

// formula is where a spreadsheet may see one: at the beginning of a cell, or after what separates cells elsewhere in the world.
var formula = regexp.MustCompile(`(^|[;,|\t\r\n])([ "']*)([=+\-@＝＋－＠])`)

// cell is a text that a spreadsheet shows as it is, with an apostrophe before what it would calculate.
func cell(s string) string { return formula.ReplaceAllString(s, "$1$2'$3") }

func optionalCell[T ~string](s *T) string {
	if s == nil {
		return ""
	}
	return cell(string(*s))
}

func idCell(id *uuid.UUID) string {
	if id == nil {
		return ""
	}
	return id.String()
}

func timeCell(t *time.Time) string {
	if t == nil {
		return ""
	}
	return strings.Trim(string(event.AppendTime(nil, *t)), `"`)
}

// changedPaths are the paths that differ, as many as a list shows.
func changedPaths(d *drift.Drift) string {
	var difference map[string]json.RawMessage
	if json.Unmarshal(d.Difference, &difference) != nil {
		return "" // It is an object.
	}
	paths := slices.Sorted(maps.Keys(difference))
	if d.DifferenceCut {
		paths = append(paths, "…")
	}
	return strings.Join(paths, "; ")
}
