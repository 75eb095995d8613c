package token

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
)

// Mutations that it finds: a remembered token whose time is not looked at; one that is found by less than all of its bytes.
func TestAccess_Verify_remembered(t *testing.T) {
	now := time.Now()
	a := NewAccess(secret, "", time.Minute)
	a.now = func() time.Time { return now }
	signed, err := a.Sign(user, account, session)
	if err != nil {
		t.Fatal(err)
	}
	first, err := a.Verify(signed)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := a.Verify(signed); err != nil || second != first || second.SessionID != session {
		t.Errorf("the second time it says %+v (%v), the first %+v", second, err, first)
	}
	for name, tampered := range map[string]string{"shorter": signed[:len(signed)-1], "longer": signed + "A", "other": "x" + signed[1:]} {
		if _, err := a.Verify(tampered); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s than one that is remembered: %v", name, err)
		}
	}
	now = first.ExpiresAt.Add(Leeway - time.Millisecond)
	if last, err := a.Verify(signed); err != nil || last != first {
		t.Errorf("within the leeway: %+v, %v", last, err)
	}
	now = first.ExpiresAt.Add(Leeway)
	if expired, err := a.Verify(signed); !errors.Is(err, ErrExpired) || expired != first {
		t.Errorf("after its time: %+v, %v", expired, err)
	}
}

func TestMemory_bounded(t *testing.T) {
	var m memory
	for i := range remembered + 10 {
		m.put([32]byte{byte(i), byte(i >> 8)}, Claims{UserID: uuid.Nil})
	}
	if len(m.claims) > remembered {
		t.Errorf("%d tokens", len(m.claims))
	}
}

func BenchmarkAccess_Verify(b *testing.B) {
	for name, forget := range map[string]bool{"first": true, "again": false} {
		b.Run(name, func(b *testing.B) {
			a := NewAccess(secret, "", time.Hour)
			signed, err := a.Sign(user, account, session)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if forget {
					a.verified.claims = nil
				}
				if _, err := a.Verify(signed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
