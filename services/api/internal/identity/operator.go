package identity

import (
	"context"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
)

// The operator's commands, which need no sign-in: they create the first
// admin.

// Bootstrap makes a user, and the account when it is new. Without a password the user gets a setup token.
func (s *Service) Bootstrap(ctx context.Context, account, email, name string, role Role, password string) (User, *Setup, error) {
	var in input
	in.text("account", account, maxName)
	if password != "" {
		in.newPassword("password", password, email)
	}
	if err := in.err(); err != nil {
		return User{}, nil, err
	}
	if err := checkUser(email, name, role); err != nil {
		return User{}, nil, err
	}
	var hash string
	if password != "" {
		var err error
		if hash, err = s.passwords.hash(ctx, password); err != nil {
			return User{}, nil, err
		}
	}
	var user User
	var setup *Setup
	err := s.store.InTx(ctx, "user.bootstrap", func(ctx context.Context, tx Tx) error {
		a, err := tx.EnsureAccount(ctx, account, s.now())
		if err != nil {
			return err
		}
		if user, err = s.insertUser(ctx, tx, a.ID, audit.System, email, name, role); err != nil {
			return err
		}
		if hash != "" {
			return tx.SetPassword(ctx, user.ID, "", hash, s.now())
		}
		issued, err := s.issueSetup(ctx, tx, user, uuid.Nil)
		setup = &issued
		return err
	})
	return user, setup, err
}

// ResetPassword sets a user's password. All sessions of the user end, and the setup tokens, which would set another
// password, become invalid.
func (s *Service) ResetPassword(ctx context.Context, email, password string) (User, error) {
	var in input
	in.email(email)
	in.newPassword("password", password, email)
	if err := in.err(); err != nil {
		return User{}, err
	}
	known, err := s.store.Credentials(ctx, email)
	if err != nil {
		return User{}, err
	}
	if !known.IsActive {
		return User{}, apierror.New(apierror.Conflict, "the user is deactivated")
	}
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return User{}, err
	}
	return known.User, s.store.InTx(ctx, "user.reset_password", func(ctx context.Context, tx Tx) error {
		if err := s.changePassword(ctx, tx, known.User, audit.System, uuid.Nil, "", hash); err != nil {
			return err
		}
		return tx.SpendSetupTokens(ctx, known.ID, s.now())
	})
}

// HideValues says for an account whether what comes from now on is stored as paths and keyed hashes only, without values.
func (s *Service) HideValues(ctx context.Context, account string, hide bool) error {
	return s.store.InTx(ctx, "account.hide_values", func(ctx context.Context, tx Tx) error {
		a, err := tx.HideValues(ctx, account, hide)
		if err != nil {
			return err
		}
		message := "stores the values of resources"
		if hide {
			message = "stores no values of resources"
		}
		return s.record(ctx, tx, a.ID, audit.System, actionAccountUpdated, a.Name, message, map[string]any{"hideValues": hide})
	})
}
