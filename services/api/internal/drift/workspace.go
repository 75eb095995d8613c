package drift

import (
	"context"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/legible"
	"github.com/driftsentry/driftsentry/pkg/redact"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// WorkspaceSettings say what of its plans a workspace records.
type WorkspaceSettings struct {
	RecordRef  *string // the only ref of which plans are recorded; nil when any is
	RootKnown  bool    // a plan has shown which resources it has
	AcceptRoot bool    // the next plan may be of another root
}

// SettingsTx changes the settings of a workspace that CheckTx has locked.
type SettingsTx interface {
	SaveSettings(ctx context.Context, account uuid.UUID, w *WorkspaceState) error
}

// WorkspaceChange has the new settings of a workspace.
type WorkspaceChange struct {
	SetRef     bool    // RecordRef is new
	RecordRef  *string // nil records the plans of every ref
	AcceptRoot *bool   // nil means unchanged
}

// UpdateWorkspace changes a workspace's settings. A change to what they are already leaves no trace.
func (s *Service) UpdateWorkspace(ctx context.Context, p identity.Principal, name string, change WorkspaceChange) (WorkspaceSettings, error) {
	if err := change.check(); err != nil {
		return WorkspaceSettings{}, err
	}
	if change.RecordRef != nil { // The mask may be longer than what it stands for.
		masked := firstRunes(redact.Text(*change.RecordRef), maxRef)
		change.RecordRef = &masked
	}
	var settings WorkspaceSettings
	err := s.inTx(ctx, p, "workspace.update", func(ctx context.Context, w *work) error {
		workspace, err := w.LockKnownWorkspace(ctx, w.account, name)
		if err != nil {
			return err
		}
		w.locked()
		message, metadata := change.apply(workspace)
		settings = WorkspaceSettings{workspace.RecordRef, workspace.Root != nil, workspace.AcceptRoot}
		if message == "" {
			return nil
		}
		w.audit(ctx, event.WorkspaceUpdated, nil, name, message, metadata)
		w.workspaceUpdated(workspace, name)
		return w.SaveSettings(ctx, w.account, workspace)
	})
	return settings, err
}

func (c WorkspaceChange) check() error {
	if !c.SetRef && c.AcceptRoot == nil {
		return apierror.New(apierror.Invalid, "the body has no field to change; send recordRef or acceptRoot")
	}
	if c.RecordRef != nil {
		if problem := CheckRef(*c.RecordRef); problem != "" {
			return apierror.InvalidField("recordRef", "%s; null records the plans of every ref", problem)
		}
	}
	return nil
}

// apply changes the workspace's settings, and says what has changed, for people and for programs; "" when nothing has.
func (c WorkspaceChange) apply(s *WorkspaceState) (message string, metadata map[string]any) {
	var messages []string
	metadata = map[string]any{}
	if c.SetRef && !sameText(c.RecordRef, s.RecordRef) {
		metadata["recordRef"] = map[string]any{"from": s.RecordRef, "to": c.RecordRef}
		if s.RecordRef = c.RecordRef; c.RecordRef == nil {
			messages = append(messages, "records the plans of every ref")
		} else {
			messages = append(messages, "records the plans of "+*c.RecordRef+" only")
		}
	}
	if c.AcceptRoot != nil && *c.AcceptRoot != s.AcceptRoot {
		metadata["acceptRoot"] = *c.AcceptRoot
		if s.AcceptRoot = *c.AcceptRoot; s.AcceptRoot {
			messages = append(messages, "accepts another root with the next plan")
		} else {
			messages = append(messages, "does not accept another root any more")
		}
	}
	return strings.Join(messages, "; "), metadata
}

func sameText(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

// maxRef is in characters.
const maxRef = 256

// CheckRef says what is wrong with the name of a branch or a tag, nothing when it is fine.
func CheckRef(ref string) string {
	n := utf8.RuneCountInString(ref)
	if n < 1 || n > maxRef {
		return "must have 1 to 256 characters"
	}
	if IsBlank(ref) {
		return "must not be blank"
	}
	return legible.Line(ref)
}

// IsBlank reports whether a text shows nothing.
func IsBlank(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) })
}
