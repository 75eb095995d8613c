package identity

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/driftsentry/driftsentry/pkg/apierror"
)

// owasp is the second of the equivalent settings that OWASP's Password Storage Cheat Sheet recommends: 19 MiB, 2
// rounds.
var owasp = argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// How long a request may wait for its turn to hash.
const hashPatience = 2 * time.Second

// passwords hashes and compares, a few at a time: each takes 19 MiB and a core, so that a burst of sign-ins could
// otherwise take the memory and CPU of all other requests.
type passwords struct {
	params *argon2id.Params
	turns  chan struct{}
	// decoy is the hash that is compared when there is no user, so that an unknown email takes the same time.
	decoy string
	// compare is argon2id's, unless a test counts.
	compare func(password, hash string) (bool, error)
}

func newPasswords(params *argon2id.Params) (*passwords, error) {
	if params == nil {
		params = &owasp
	}
	decoy, err := argon2id.CreateHash("the password of no user", params)
	if err != nil {
		return nil, fmt.Errorf("hash a password: %w", err)
	}
	return &passwords{
		params: params, decoy: decoy, turns: make(chan struct{}, max(2, runtime.GOMAXPROCS(0))),
		compare: argon2id.ComparePasswordAndHash,
	}, nil
}

// hash makes the stored hash of a password.
func (p *passwords) hash(ctx context.Context, password string) (string, error) {
	if err := p.wait(ctx); err != nil {
		return "", err
	}
	defer p.done()
	hash, err := argon2id.CreateHash(password, p.params)
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return hash, nil
}

// matches reports whether this is the password of the hash. A nil hash takes the same time and never matches.
func (p *passwords) matches(ctx context.Context, password string, hash *string) (bool, error) {
	if err := p.wait(ctx); err != nil {
		return false, err
	}
	defer p.done()
	compared := p.decoy
	if hash != nil {
		compared = *hash
	}
	ok, err := p.compare(password, compared)
	if err != nil {
		return false, fmt.Errorf("compare a password: %w", err)
	}
	return ok && hash != nil, nil
}

func (p *passwords) wait(ctx context.Context) error {
	patience := time.NewTimer(hashPatience)
	defer patience.Stop()
	select {
	case p.turns <- struct{}{}:
		return nil
	case <-patience.C:
		return apierror.New(apierror.Unavailable, "too many users are signing in; try again later")
	case <-ctx.Done():
		return fmt.Errorf("wait to hash a password: %w", ctx.Err())
	}
}

func (p *passwords) done() { <-p.turns }
