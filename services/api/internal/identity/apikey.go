package identity

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/pkg/uid"
)

// ScopeIngest lets a key send plans and report drifts, and nothing else.
const ScopeIngest = "ingest"

// Keys is a part of the account's API keys, oldest first, and how many there are.
func (s *Service) Keys(ctx context.Context, p Principal, limit, offset int) ([]APIKey, int, error) {
	return s.store.Keys(ctx, p.AccountID, limit, offset)
}

// CreateKey makes an API key. The key itself is in the response and nowhere else.
func (s *Service) CreateKey(ctx context.Context, p Principal, name, scope string, expiresAt *time.Time) (APIKey, string, error) {
	now := s.now()
	var in input
	in.text("name", name, maxKeyName)
	if scope != ScopeIngest {
		in.refuse("scope", "must be %s", ScopeIngest)
	}
	in.expiry(expiresAt, now)
	if err := in.err(); err != nil {
		return APIKey{}, "", err
	}
	keyID := uid.New()
	key, prefix := s.apiKeys.New(keyID)
	k := APIKey{ID: keyID, Name: name, Scope: scope, Prefix: prefix, CreatedAt: now, CreatedBy: p.Email, ExpiresAt: expiresAt}
	err := s.store.InTx(ctx, "api_key.create", func(ctx context.Context, tx Tx) error {
		by, _, err := s.act(ctx, tx, p, Admin)
		if err != nil {
			return err
		}
		if err := tx.InsertKey(ctx, k, p.AccountID, p.UserID, token.Hash(key)); err != nil {
			return err
		}
		return s.record(ctx, tx, p.AccountID, by, actionKeyCreated, name, "the API key was created", map[string]any{"apiKey": keyID, "scope": scope})
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
