package load

import (
	"context"
	"sync"
	"time"

	"github.com/driftsentry/driftsentry/test/internal/apiclient"
)

// session gives an access token that holds, and signs in anew before one expires.
type session struct {
	api             apiclient.Client
	email, password string

	mu      sync.Mutex
	access  string
	renewal time.Time
}

func (s *session) token(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Now().Before(s.renewal) {
		return s.access, nil
	}
	got, err := s.api.SignIn(ctx, s.email, s.password)
	if err != nil {
		return "", err
	}
	s.access = got.AccessToken
	s.renewal = time.Now().Add(time.Duration(got.ExpiresIn) * time.Second * 3 / 4)
	return s.access, nil
}
