package drift

import (
	"strings"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/driftsentry/driftsentry/pkg/redact"
)

// Source is where an upload came from, as its sender says. An empty field was not sent.
type Source struct {
	Ref         string // "main" or "refs/heads/main"
	Commit      string
	RunURL      string // http or https
	TriggeredBy string
}

// masked is the source without secrets, such as a token in the query of a run's address.
func (s Source) masked() Source {
	return Source{
		firstRunes(redact.Text(s.Ref), maxRef), redact.Text(s.Commit), redact.Text(s.RunURL), firstRunes(redact.Text(s.TriggeredBy), maxRef),
	}
}

// Purpose is what an upload is for.
type Purpose string

// The purposes. A preview shows what a plan would do, and changes nothing but the list of checks.
const (
	Record  Purpose = "record"
	Preview Purpose = "preview"
)

// attributes are the source in the words of the semantic conventions.
func (s Source) attributes() []attribute.KeyValue {
	var list []attribute.KeyValue
	if s.Ref != "" {
		list = append(list, semconv.VCSRefHeadName(s.Ref))
	}
	if s.Commit != "" {
		list = append(list, semconv.VCSRefHeadRevision(s.Commit))
	}
	if s.RunURL != "" {
		list = append(list, semconv.CICDPipelineRunURLFull(s.RunURL))
	}
	return list
}

// isPreview reports whether an upload is a preview: because it says so, or because it is of another ref than the one whose
// plans the workspace records.
func (ws *WorkspaceState) isPreview(stated Purpose, s Source) bool {
	return stated == Preview || ws.RecordRef != nil && s.Ref != "" && branch(redact.Text(s.Ref)) != branch(redact.Text(*ws.RecordRef))
}

// branch is a ref's short name, which some CI systems send and others do not.
func branch(ref string) string { return strings.TrimPrefix(ref, "refs/heads/") }
