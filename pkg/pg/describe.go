package pg

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// description is what the semantic conventions say of a statement, or of a batch of them. Its metrics and its spans have the
// same, and spans also its text.
type description struct {
	attributes []attribute.KeyValue
	succeeded  metric.MeasurementOption
}

// descriptions are those of the statements that were used, by their summary. They are few: summaries are written in the code.
type descriptions struct {
	database attribute.KeyValue
	known    sync.Map // of *description by string
}

func (d *descriptions) of(sql string) *description {
	name := summary(sql)
	if known, ok := d.known.Load(name); ok {
		return known.(*description)
	}
	described := append([]attribute.KeyValue{semconv.DBSystemNamePostgreSQL, d.database}, describe(name)...)
	known, _ := d.known.LoadOrStore(name, &description{described, metric.WithAttributeSet(attribute.NewSet(described...))})
	return known.(*description)
}

// summary is the statement's name: its first line's comment, else its first word.
func summary(sql string) string {
	sql = strings.TrimLeft(sql, " \t\n")
	if rest, ok := strings.CutPrefix(sql, "-- "); ok {
		name, _, _ := strings.Cut(rest, "\n")
		if generated, ok := strings.CutPrefix(name, "name: "); ok { // By sqlc, in a library: -- name: JobGetAvailable :many
			name, _, _ = strings.Cut(generated, " ")
		}
		return name
	}
	word, _, _ := strings.Cut(sql, " ")
	if len(word) > 16 {
		return "other"
	}
	return strings.ToUpper(word)
}

// describe takes apart a summary: "SELECT drift for update", or "BEGIN; INSERT audit; COMMIT" of a batch. The operation and
// the table are those of the statements between BEGIN and COMMIT, as far as these have the same.
func describe(summary string) []attribute.KeyValue {
	var operation, table string
	n := 0
	for part := range strings.SplitSeq(summary, "; ") {
		words := append(strings.Fields(part), "", "")
		if words[0] == "BEGIN" || words[0] == "COMMIT" {
			continue
		}
		n++
		switch {
		case n == 1:
			operation, table = words[0], words[1]
		case operation != words[0]:
			operation, table = "", sameOrNone(table, words[1])
		default:
			table = sameOrNone(table, words[1])
		}
	}
	switch {
	case n == 0: // The transaction's own, such as COMMIT alone.
		operation, _, _ = strings.Cut(summary, ";")
	case n > 1:
		operation = strings.TrimSpace("BATCH " + operation)
	}
	attributes := []attribute.KeyValue{semconv.DBQuerySummary(summary), semconv.DBOperationName(operation)}
	if table != "" {
		attributes = append(attributes, semconv.DBCollectionName(table))
	}
	return attributes
}

func sameOrNone(a, b string) string {
	if a == b {
		return a
	}
	return ""
}

// failure is what the semantic conventions say of a statement's error.
func failure(err error) []attribute.KeyValue {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return []attribute.KeyValue{semconv.DBResponseStatusCode(pgErr.Code), semconv.ErrorTypeKey.String(pgErr.Code)}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return []attribute.KeyValue{semconv.ErrorTypeKey.String("timeout")}
	}
	return []attribute.KeyValue{semconv.ErrorType(err)}
}
