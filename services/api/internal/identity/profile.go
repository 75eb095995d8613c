package identity

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/legible"
)

// Bounds of preferences. They are for what a client draws, such as a theme or columns: small, and flat.
const (
	maxPreferences     = 50
	maxPreferenceValue = 200 // characters
)

var preferenceName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// Profile is a user's own view of a session.
type Profile struct {
	SessionState
	Preferences map[string]any
}

// Me is the principal's user, account and session, and what the user's clients keep.
func (s *Service) Me(ctx context.Context, p Principal) (*Profile, error) {
	state, err := s.store.Session(ctx, p.SessionID)
	if err != nil {
		return nil, err
	}
	preferences, err := s.store.Preferences(ctx, p.UserID)
	return &Profile{*state, preferences}, err
}

// ProfileChange has the new values of one's own profile. Preferences that are not named stay; a value of nil removes one.
type ProfileChange struct {
	Name        *string
	Preferences map[string]any
}

// UpdateMe changes the principal's own profile.
func (s *Service) UpdateMe(ctx context.Context, p Principal, change ProfileChange) (*Profile, error) {
	if err := change.check(); err != nil {
		return nil, err
	}
	err := s.store.InTx(ctx, "user.profile", func(ctx context.Context, tx Tx) error {
		by, locked, err := s.act(ctx, tx, p, Viewer)
		if err != nil {
			return err
		}
		if len(change.Preferences) > 0 {
			kept, err := tx.Preferences(ctx, p.UserID)
			if err != nil {
				return err
			}
			maps.Copy(kept, change.Preferences)
			maps.DeleteFunc(kept, func(_ string, value any) bool { return value == nil })
			if len(kept) > maxPreferences {
				return errManyPreferences
			}
			if err := tx.SavePreferences(ctx, p.UserID, kept); err != nil {
				return err
			}
		}
		user := locked[p.UserID]
		if change.Name == nil || *change.Name == user.Name {
			return nil
		}
		user.Name = *change.Name
		if err := tx.SaveUser(ctx, user, s.now()); err != nil {
			return err
		}
		return s.record(ctx, tx, p.AccountID, by, actionUserUpdated, user.Email, "the user was changed",
			map[string]any{"user": user.ID, "name": user.Name})
	})
	if err != nil {
		return nil, err
	}
	s.sessions.Forget(p.SessionID)
	return s.Me(ctx, p)
}

var errManyPreferences = apierror.InvalidField("preferences", "must not be more than %d in all; set those that are not needed to null", maxPreferences)

func (c ProfileChange) check() error {
	var in input
	if c.Name == nil && len(c.Preferences) == 0 {
		return apierror.New(apierror.Invalid, "the body has no field to change")
	}
	if c.Name != nil {
		in.text("name", *c.Name, maxName)
	}
	// As many may be removed as are set.
	if len(c.Preferences) > 2*maxPreferences {
		return errManyPreferences
	}
	for _, name := range slices.Sorted(maps.Keys(c.Preferences)) {
		if !preferenceName.MatchString(name) {
			in.refuse("preferences", "must have names of 1 to 64 letters, digits, dots, hyphens and underscores")
			break
		}
		in.preference("preferences."+name, c.Preferences[name])
	}
	return in.err()
}

func (in *input) preference(field string, value any) {
	switch value := value.(type) {
	case nil, bool, float64:
	case string:
		if utf8.RuneCountInString(value) > maxPreferenceValue {
			in.refuse(field, "must have at most %d characters", maxPreferenceValue)
		} else if problem := legible.Line(value); problem != "" {
			in.refuse(field, "%s", problem)
		}
	default:
		in.refuse(field, "must be a text, a number, true, false, or null to remove it")
	}
}
