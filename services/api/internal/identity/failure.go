package identity

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/uid"
)

const (
	// FailuresCount is how long a failed sign-in counts against the next ones.
	FailuresCount = 24 * time.Hour
	// NetworkKnown is how long after a sign-in its network is one that the user signs in from.
	NetworkKnown = 90 * 24 * time.Hour
)

// Origin is where an attempt to sign in comes from.
type Origin struct {
	// Network is an IPv4 address or an IPv6 network of 64 bits.
	Network netip.Prefix
	// Elsewhere decides, before a password is compared, about an attempt from a network that the user has not signed in from
	// lately. failed is how often attempts on the email failed within FailuresCount, from all such networks. nil allows all.
	Elsewhere func(failed int) error
	// UserAgent is what the client calls itself.
	UserAgent string
}

// FailureStore counts the attempts to sign in that failed. An email is known by its keyed hash: most are not ours.
type FailureStore interface {
	// Attempts reports whether the user signed in from the network after known, and how often attempts on the email failed after
	// since, from networks of which that is not so. The user is zero for an email that no user has.
	Attempts(ctx context.Context, user uuid.UUID, email []byte, network string, known, since time.Time) (*Attempts, error)
	// CountFailure counts in bounded space: when an email, or all that no user has, have too many networks within the hour, the rest
	// is counted together.
	CountFailure(ctx context.Context, f Failure) error
}

// Attempts is what is known of an email before an attempt.
type Attempts struct {
	Known  bool
	Failed int
}

// Failure is an attempt that failed. User and Account are zero for an email that no user has.
type Failure struct {
	ID            uuid.UUID // of its row, if it is the first of its hour
	Email         []byte
	User, Account uuid.UUID
	Network       string
	At            time.Time
}

// admit says why an attempt may not even compare a password. It is the same for an email that no user has.
func (s *Service) admit(ctx context.Context, email string, user uuid.UUID, from Origin) error {
	if from.Elsewhere == nil {
		return nil
	}
	now := s.now()
	before, err := s.store.Attempts(ctx, user, s.emailHash(email), from.Network.String(), now.Add(-NetworkKnown), now.Add(-FailuresCount))
	if err != nil || before.Known {
		return err
	}
	return from.Elsewhere(before.Failed)
}

func (s *Service) countFailure(ctx context.Context, email string, u User, from Origin) error {
	return s.store.CountFailure(ctx, Failure{
		ID: uid.New(), Email: s.emailHash(email), User: u.ID, Account: u.AccountID, Network: from.Network.String(), At: s.now(),
	})
}

func (s *Service) emailHash(email string) []byte {
	mac := hmac.New(sha256.New, s.emailKey)
	mac.Write([]byte(strings.ToLower(email)))
	return mac.Sum(nil)
}

func deriveEmailKey(dataKey string) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, []byte(dataKey), nil, "driftsentry failed sign-in", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive the key of emails: %w", err)
	}
	return key, nil
}
