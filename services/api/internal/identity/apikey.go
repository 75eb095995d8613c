package identity

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/pkg/uid"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

// ScopeIngest lets a key send plans and report drifts, and nothing else.
const ScopeIngest = "ingest"

// Keys is a part of the account's API keys, oldest first.
func (s *Service) Keys(ctx context.Context, p Principal, r list.Range) (list.Part[APIKey], error) {
	return s.store.Keys(ctx, p.AccountID, r)
}

// CreateKey makes an API key. The key itself is in the response and nowhere else.
func (s *Service) CreateKey(ctx context.Context, p Principal, name, scope string, workspaces []string, expiresAt *time.Time) (APIKey, string, error) {
	now := s.now()
	var in input
	in.text("name", name, maxKeyName)
	if scope != ScopeIngest {
		in.refuse("scope", "must be %s", ScopeIngest)
	}
	in.workspaces("workspaces", workspaces)
	in.expiry(expiresAt, now)
	if err := in.err(); err != nil {
		return APIKey{}, "", err
	}
	keyID := uid.New()
	key, prefix := s.apiKeys.New(keyID)
	k := APIKey{ID: keyID, Name: name, Scope: scope, Prefix: prefix, CreatedAt: now, CreatedBy: p.Email, Workspaces: workspaces, ExpiresAt: expiresAt}
	err := s.store.InTx(ctx, "api_key.create", func(ctx context.Context, tx Tx) error {
		by, _, err := s.act(ctx, tx, p, Admin)
		if err != nil {
			return err
		}
		if err := tx.InsertKey(ctx, k, p.AccountID, p.UserID, token.Hash(key)); err != nil {
			return err
		}
		return s.record(ctx, tx, p.AccountID, by, actionKeyCreated, name, "the API key was created", map[string]any{
			"apiKey": keyID, "scope": scope, "workspaces": workspaces, "session": p.SessionID,
		})
	})
	return k, key, err
}

// RevokeKey ends an API key.
func (s *Service) RevokeKey(ctx context.Context, p Principal, id uuid.UUID) error {
	err := s.store.InTx(ctx, "api_key.revoke", func(ctx context.Context, tx Tx) error {
		by, _, err := s.act(ctx, tx, p, Admin)
		if err != nil {
			return err
		}
		key, err := tx.RevokeKey(ctx, p.AccountID, id, s.now())
		if err != nil {
			return err
		}
		return s.record(ctx, tx, p.AccountID, by, actionKeyRevoked, key.Name, "the API key was revoked", map[string]any{"apiKey": id})
	})
	s.keys.Forget(id)
	return err
}

// endKeys revokes the keys of a user who may make none any more, or hands them over to another of the active admins. It counts them.
func (s *Service) endKeys(ctx context.Context, tx Tx, by audit.Actor, user User, admins []User, to *uuid.UUID) (int, error) {
	action, message, metadata := actionKeyRevoked, "the API key was revoked", map[string]any{"user": user.ID}
	var keys []APIKey
	var err error
	if to == nil {
		keys, err = tx.RevokeKeysOf(ctx, user.AccountID, user.ID, s.now())
	} else {
		if !slices.ContainsFunc(admins, func(u User) bool { return u.ID == *to && u.ID != user.ID }) {
			return 0, apierror.InvalidField("handOverTo", "must be the id of another active admin")
		}
		action, message, metadata["handedOverTo"] = actionKeyHandedOver, "the API key was handed over", *to
		keys, err = tx.HandKeysOver(ctx, user.AccountID, user.ID, *to)
	}
	if user.IsActive {
		message += ": its maker is no admin any more"
	} else {
		message += ": its maker was deactivated"
	}
	for _, key := range keys {
		if err != nil {
			break
		}
		own := maps.Clone(metadata)
		own["apiKey"] = key.ID
		err = s.record(ctx, tx, user.AccountID, by, action, key.Name, message, own)
	}
	return len(keys), err
}
