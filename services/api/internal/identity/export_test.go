package identity

import (
	"testing"
	"time"
)

// OnCompare calls fn with the hash of each comparison of a password.
func (s *Service) OnCompare(fn func(hash string)) {
	compare := s.passwords.compare
	s.passwords.compare = func(password, hash string) (bool, error) {
		fn(hash)
		return compare(password, hash)
	}
}

// Busy takes every hashing slot until free is called: other callers get an error with Retry-After.
func (s *Service) Busy() (free func()) {
	for range cap(s.passwords.turns) {
		s.passwords.turns <- struct{}{}
	}
	return func() {
		for range cap(s.passwords.turns) {
			s.passwords.done()
		}
	}
}

// HashOf is the stored hash of a password.
func (s *Service) HashOf(t testing.TB, password string) string {
	t.Helper()
	hash, err := s.passwords.hash(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

// Ahead moves the clock of this replica.
func (s *Service) Ahead(by time.Duration) {
	s.clock = func() time.Time { return time.Now().Add(by) }
}
