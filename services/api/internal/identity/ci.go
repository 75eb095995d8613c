package identity

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/services/api/internal/cache"
)

// A job of CI can send the token that its host issued to it, in the place of an API key. Such a token names its issuer, so a
// stranger could make us ask any server for its keys: only issuers and audiences that an admin trusts count, and those are in
// memory. A caller who is not proven by keys that are at hand has no say in the trace; see Credential.Proven.

// CIToken is what a token of CI says. It proves nothing until its signature was checked.
type CIToken struct {
	Raw                       string
	Issuer, Audience, Subject string
	// Claims are the others that are texts, numbers or switches.
	Claims map[string]string
}

// CITokens verifies tokens of CI.
type CITokens interface {
	// Read reads a token without a proof; nil when it is none that could be accepted from anyone.
	Read(raw string) *CIToken
	// ProveNow checks the token with the keys of its issuer that are in memory; nil when they do not prove it.
	ProveNow(t *CIToken) *CIToken
	// Prove checks the token with the keys of its issuer, which it may ask for them. It fails with apierror.Unavailable while there are none.
	Prove(ctx context.Context, t *CIToken) (*CIToken, error)
}

// place is where a trust looks for a token.
type place struct{ issuer, audience string }

// trusts are those of all accounts, as they were some seconds ago.
type trusts struct {
	store Store
	all   *cache.Cache[struct{}, map[place][]Trust]
	used  *cache.Cache[uuid.UUID, struct{}]
	// last are those that were loaded last, however long ago: enough to decide about a trace.
	last atomic.Pointer[map[place][]Trust]
}

func newTrusts(meter metric.Meter, store Store) (t *trusts, err error) {
	t = &trusts{store: store}
	if t.all, err = cache.New[struct{}, map[place][]Trust](meter, "trust", 1, cacheFor); err != nil {
		return nil, err
	}
	t.used, err = cache.New[uuid.UUID, struct{}](meter, "trust_use", cacheSize, keyTouch)
	return t, err
}

func (t *trusts) forget() { t.all.Clear() }

func (t *trusts) load(ctx context.Context) (map[place][]Trust, error) {
	found, err := t.all.Load(ctx, struct{}{}, func(ctx context.Context, _ struct{}) (*map[place][]Trust, error) {
		list, err := t.store.AllTrusts(ctx)
		if err != nil {
			return nil, err
		}
		byPlace := make(map[place][]Trust, len(list))
		for _, trust := range list {
			at := place{trust.Issuer, trust.Audience}
			byPlace[at] = append(byPlace[at], trust)
		}
		t.last.Store(&byPlace)
		return &byPlace, nil
	})
	if err != nil {
		return nil, err
	}
	return *found, nil
}

// touch records that a token was accepted, once a minute.
func (t *trusts) touch(ctx context.Context, id uuid.UUID, now time.Time) error {
	_, err := t.used.Load(ctx, id, func(ctx context.Context, id uuid.UUID) (*struct{}, error) {
		return &struct{}{}, t.store.TouchTrust(ctx, id, now)
	})
	return err
}

// recogniseCI looks, without I/O, for a token of CI.
func (s *Service) recogniseCI(bearer string) (Credential, error) {
	if s.ci == nil {
		return Credential{}, errUnknownCredential
	}
	token := s.ci.Read(bearer)
	if token == nil {
		return Credential{}, errUnknownCredential
	}
	if last := s.trusts.last.Load(); last != nil {
		// Not with a token that only the host vouches for: everyone can have one of a host that serves everyone.
		if in := trusting((*last)[place{token.Issuer, token.Audience}], token); len(in) > 0 {
			if proven := s.ci.ProveNow(token); proven != nil {
				return Credential{ci: proven, proven: true}, nil
			}
		}
	}
	return Credential{ci: token}, nil
}

func trusting(list []Trust, token *CIToken) []Trust {
	return slices.DeleteFunc(slices.Clone(list), func(t Trust) bool { return !t.accepts(token) })
}

func (s *Service) authenticateCI(ctx context.Context, c Credential) (Principal, error) {
	all, err := s.trusts.load(ctx)
	if err != nil {
		return Principal{}, err
	}
	candidates := all[place{c.ci.Issuer, c.ci.Audience}]
	if len(candidates) == 0 {
		return Principal{}, errUnknownCredential
	}
	token := c.ci
	if !c.proven {
		if token, err = s.ci.Prove(ctx, c.ci); err != nil {
			return Principal{}, err
		}
	}
	in := trusting(candidates, token)
	if len(in) == 0 {
		return Principal{}, apierror.Refuse(apierror.Unknown, "no trust is in this token: its subject is "+shownAgent(token.Subject)+"; an admin can make one")
	}
	// What one of several says is not less true because of another. An audience belongs to one account, so all are of the same.
	p := Principal{AccountID: in[0].AccountID, KeyID: in[0].ID, KeyName: "ci:" + in[0].Name + " " + shownAgent(token.Subject), CI: true, Workspaces: []string{}}
	for _, trust := range in {
		if trust.Workspaces == nil {
			p.Workspaces = nil
			break
		}
		p.Workspaces = append(p.Workspaces, trust.Workspaces...)
	}
	for _, trust := range in {
		if err := s.trusts.touch(ctx, trust.ID, s.now()); err != nil {
			return Principal{}, err
		}
	}
	return p, nil
}
