package identity

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/alexedwards/argon2id"

	"github.com/driftsentry/driftsentry/pkg/apierror"
)

var cheap = &argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 8, KeyLength: 16}

func TestPasswords(t *testing.T) {
	p, err := newPasswords(cheap)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := p.hash(t.Context(), "correct horse")
	if err != nil || strings.Contains(hash, "correct horse") {
		t.Fatalf("%q, %v", hash, err)
	}
	for password, want := range map[string]bool{"correct horse": true, "correct hors": false, "": false} {
		if ok, err := p.matches(t.Context(), password, &hash); ok != want || err != nil {
			t.Errorf("%q: %v, %v", password, ok, err)
		}
	}
	t.Run("the hash for unknown users matches no password", func(t *testing.T) {
		if ok, err := p.matches(t.Context(), "the password of no user", nil); ok || err != nil {
			t.Errorf("%v, %v", ok, err)
		}
	})
	t.Run("a caller that waits too long for a turn is told to try again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			busy, err := newPasswords(cheap)
			if err != nil {
				t.Fatal(err)
			}
			for range cap(busy.turns) {
				if err := busy.wait(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := busy.hash(t.Context(), "x"); !apierror.Is(err, apierror.Unavailable) {
				t.Errorf("err = %v", err)
			}
			gone, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := busy.matches(gone, "x", nil); apierror.From(err).Kind != apierror.Canceled {
				t.Errorf("err = %v", err)
			}
			busy.done()
			if _, err := busy.hash(t.Context(), "x"); err != nil {
				t.Errorf("with a free turn: %v", err)
			}
		})
	})
}

// TestPasswords_cost: the default cost is the one that OWASP recommends.
func TestPasswords_cost(t *testing.T) {
	p, err := newPasswords(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(p.decoy, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hashes look like %s", p.decoy)
	}
}

func TestInput_email(t *testing.T) {
	for email, want := range map[string]bool{
		"a@b": true, "ada.lovelace+x@mail.example.com": true, "o'neil@example.com": true,
		"": false, "a": false, "@b": false, "a@": false, "a@b@c": false, "a b@c": false, "A <a@b.example>": false, "a..b@c": false,
		".a@c": false, `"a"@b`: false, "a@-b": false, "a@b-": false, "a@b..c": false, "a@[127.0.0.1]": false, "a@b\n": false, "ä@b": false,
		strings.Repeat("a", 64) + "@b.example": true, strings.Repeat("a", 65) + "@b.example": false,
		"a@" + strings.Repeat("b.", 130) + "c": false,
	} {
		var in input
		in.email(email)
		if got := in.err() == nil; got != want {
			t.Errorf("%q: %v", email, got)
		}
	}
}
