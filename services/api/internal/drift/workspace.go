package drift

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/legible"
	"github.com/driftsentry/driftsentry/pkg/redact"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// WorkspaceSettings say what of its plans a workspace records, whose it is, and when it is late.
type WorkspaceSettings struct {
	RecordRef  *string // the only ref of which plans are recorded; nil when any is
	RootKnown  bool    // a plan has shown which resources it has
	AcceptRoot bool    // the next plan may be of another root
	Owner      *string // a team or a person; nil when not set
	StaleAfter *int    // seconds after which the last check is too old; nil is as configured for all
	Archived   bool    // not in use any more, so that it is not stale
}

// SettingsTx changes the settings of a workspace that CheckTx has locked.
type SettingsTx interface {
	SaveSettings(ctx context.Context, account uuid.UUID, w *WorkspaceState) error
}

// Change is the new value of a setting that can be empty. One that is not Set is unchanged.
type Change[T any] struct {
	Set   bool
	Value *T
}

// WorkspaceChange has the new settings of a workspace.
type WorkspaceChange struct {
	RecordRef  Change[string] // nil records the plans of every ref
	AcceptRoot *bool          // nil means unchanged
	Owner      Change[string]
	StaleAfter Change[int]
	Archived   *bool // nil means unchanged
}

// UpdateWorkspace changes a workspace's settings. A change to what they are already leaves no trace.
func (s *Service) UpdateWorkspace(ctx context.Context, p identity.Principal, name string, change WorkspaceChange) (WorkspaceSettings, error) {
	if err := change.check(); err != nil {
		return WorkspaceSettings{}, err
	}
	change.RecordRef.Value, change.Owner.Value = masked(change.RecordRef.Value, maxRef), masked(change.Owner.Value, maxOwner)
	var settings WorkspaceSettings
	err := s.inTx(ctx, p, "workspace.update", func(ctx context.Context, w *work) error {
		workspace, err := w.LockKnownWorkspace(ctx, w.account, name)
		if err != nil {
			return err
		}
		w.locked()
		message, metadata := change.apply(workspace)
		settings = WorkspaceSettings{
			workspace.RecordRef, workspace.Root != nil, workspace.AcceptRoot, workspace.Owner, workspace.StaleAfter, workspace.Archived,
		}
		if message == "" {
			return nil
		}
		w.audit(ctx, event.WorkspaceUpdated, nil, name, message, metadata)
		w.workspaceUpdated(workspace, name)
		return w.SaveSettings(ctx, w.account, workspace)
	})
	return settings, err
}

// masked is a setting without its secrets. A mask may be longer than what it stands for.
func masked(setting *string, most int) *string {
	if setting == nil {
		return nil
	}
	text := firstRunes(redact.Text(*setting), most)
	return &text
}

// Bounds of the settings.
const (
	maxOwner      = 200 // characters
	minStaleAfter = 60  // seconds
	maxStaleAfter = 366 * 24 * 60 * 60
)

func (c WorkspaceChange) check() error {
	if !c.RecordRef.Set && c.AcceptRoot == nil && !c.Owner.Set && !c.StaleAfter.Set && c.Archived == nil {
		return apierror.New(apierror.Invalid, "the body has no field to change; send recordRef, acceptRoot, owner, staleAfter or archived")
	}
	var fields []apierror.Field
	refuse := func(name, message string) { fields = append(fields, apierror.Field{Field: name, Message: message}) }
	if ref := c.RecordRef.Value; ref != nil {
		if problem := CheckRef(*ref); problem != "" {
			refuse("recordRef", problem+"; null records the plans of every ref")
		}
	}
	if owner := c.Owner.Value; owner != nil {
		if problem := checkLine(*owner, maxOwner); problem != "" {
			refuse("owner", problem+"; null removes it")
		}
	}
	if after := c.StaleAfter.Value; after != nil && (*after < minStaleAfter || *after > maxStaleAfter) {
		refuse("staleAfter", "must be a number of seconds from 60 to 31622400; null is as configured for all workspaces")
	}
	if len(fields) > 0 {
		return apierror.InvalidFields(fields...)
	}
	return nil
}

// apply changes the workspace's settings, and says what has changed, for people and for programs; "" when nothing has.
func (c WorkspaceChange) apply(s *WorkspaceState) (message string, metadata map[string]any) {
	var messages []string
	metadata = map[string]any{}
	note := func(name string, to any, message string) {
		metadata[name] = to
		messages = append(messages, message)
	}
	if c.RecordRef.Set && !same(c.RecordRef.Value, s.RecordRef) {
		said := "records the plans of every ref"
		if ref := c.RecordRef.Value; ref != nil {
			said = "records the plans of " + *ref + " only"
		}
		note("recordRef", map[string]any{"from": s.RecordRef, "to": c.RecordRef.Value}, said)
		s.RecordRef = c.RecordRef.Value
	}
	if c.AcceptRoot != nil && *c.AcceptRoot != s.AcceptRoot {
		s.AcceptRoot = *c.AcceptRoot
		said := "does not accept another root any more"
		if s.AcceptRoot {
			said = "accepts another root with the next plan"
		}
		note("acceptRoot", s.AcceptRoot, said)
	}
	if c.Owner.Set && !same(c.Owner.Value, s.Owner) {
		said := "has no owner"
		if owner := c.Owner.Value; owner != nil {
			said = "is owned by " + *owner
		}
		note("owner", map[string]any{"from": s.Owner, "to": c.Owner.Value}, said)
		s.Owner = c.Owner.Value
	}
	if c.StaleAfter.Set && !same(c.StaleAfter.Value, s.StaleAfter) {
		said := "is stale as configured for all workspaces"
		if after := c.StaleAfter.Value; after != nil {
			said = fmt.Sprintf("is stale after %d seconds", *after)
		}
		note("staleAfter", map[string]any{"from": s.StaleAfter, "to": c.StaleAfter.Value}, said)
		s.StaleAfter = c.StaleAfter.Value
	}
	if c.Archived != nil && *c.Archived != s.Archived {
		s.Archived = *c.Archived
		said := "is in use again"
		if s.Archived {
			said = "is archived"
		}
		note("archived", s.Archived, said)
	}
	return strings.Join(messages, "; "), metadata
}

func same[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

// maxRef is in characters.
const maxRef = 256

// CheckRef says what is wrong with the name of a branch or a tag, nothing when it is fine.
func CheckRef(ref string) string { return checkLine(ref, maxRef) }

func checkLine(text string, most int) string {
	if n := utf8.RuneCountInString(text); n < 1 || n > most {
		return fmt.Sprintf("must have 1 to %d characters", most)
	}
	return legible.Filled(text)
}
