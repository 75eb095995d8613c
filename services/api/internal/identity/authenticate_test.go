package identity

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/pkg/uid"
)

// directory is a store of one session and one key, as another replica would change them.
type directory struct {
	Store
	session SessionState
	key     KeyState
	asked   int
	touched int
}

func (d *directory) Session(_ context.Context, id uuid.UUID) (*SessionState, error) {
	d.asked++
	if id != d.session.ID {
		return nil, apierror.New(apierror.NotFound, "")
	}
	state := d.session
	return &state, nil
}

func (d *directory) Key(context.Context, uuid.UUID) (*KeyState, error) {
	d.asked++
	key := d.key
	return &key, nil
}

func (d *directory) TouchKey(_ context.Context, _ uuid.UUID, at time.Time) error {
	d.touched++
	d.key.LastUsedAt = &at
	return nil
}

func newService(t *testing.T, store Store) *Service {
	t.Helper()
	keys, err := token.NewKeys("a data key", "")
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{
		Store: store, Access: token.NewAccess("0123456789abcdef0123456789abcdef", "", 15*time.Minute), Keys: keys,
		RefreshExpiry: time.Hour, SessionMaxAge: 24 * time.Hour, Meter: noop.NewMeterProvider().Meter(""),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// bound is within what time a lost right must be lost on every replica.
const bound = 10 * time.Second

func TestService_Authenticate(t *testing.T) {
	begin := func(t *testing.T) (*directory, *Service, Credential) {
		t.Helper()
		user := User{ID: uid.New(), AccountID: uid.New(), Role: Admin, IsActive: true}
		d := &directory{session: SessionState{Session: Session{ID: uid.New(), CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}, User: user}}
		s := newService(t, d)
		signed, err := s.access.Sign(user.ID, user.AccountID, d.session.ID)
		if err != nil {
			t.Fatal(err)
		}
		credential, err := s.Recognise(signed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Authenticate(t.Context(), credential); err != nil {
			t.Fatal(err)
		}
		return d, s, credential
	}
	for name, lose := range map[string]func(*directory){
		"a revoked session":  func(d *directory) { d.session.Revoked = true },
		"a deactivated user": func(d *directory) { d.session.User.IsActive = false },
		"a removed session":  func(d *directory) { d.session.ID = uid.New() },
		"another account":    func(d *directory) { d.session.User.AccountID = uid.New() },
	} {
		t.Run(name+" is out in time", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, s, credential := begin(t)
				lose(d)
				<-time.After(bound)
				if _, err := s.Authenticate(t.Context(), credential); !apierror.Is(err, apierror.Unauthenticated) {
					t.Errorf("err = %v", err)
				}
			})
		})
	}
	t.Run("another role takes effect after some seconds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d, s, credential := begin(t)
			d.session.User.Role = Viewer
			<-time.After(bound)
			if p, err := s.Authenticate(t.Context(), credential); err != nil || p.Role != Viewer {
				t.Errorf("%+v, %v", p, err)
			}
		})
	})
	t.Run("the database is queried only from time to time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d, s, credential := begin(t)
			for range 60 {
				if _, err := s.Authenticate(t.Context(), credential); err != nil {
					t.Fatal(err)
				}
				<-time.After(time.Second)
			}
			if d.asked > 12 || d.asked < 60/int(bound.Seconds()) {
				t.Errorf("asked %d times in a minute", d.asked)
			}
		})
	})
	t.Run("a session expires while it is remembered", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d, s, credential := begin(t)
			d.session.ExpiresAt = time.Now().Add(cacheFor + time.Second)
			<-time.After(cacheFor)
			if _, err := s.Authenticate(t.Context(), credential); err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Second)
			if _, err := s.Authenticate(t.Context(), credential); !apierror.Is(err, apierror.Unauthenticated) {
				t.Errorf("err = %v", err)
			}
		})
	})
}

func TestService_Authenticate_key(t *testing.T) {
	begin := func(t *testing.T) (*directory, *Service, Credential) {
		t.Helper()
		d := &directory{}
		s := newService(t, d)
		key, _ := s.apiKeys.New(uid.New())
		d.key = KeyState{AccountID: uid.New(), Hash: token.Hash(key)}
		credential, err := s.Recognise(key)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := s.Authenticate(t.Context(), credential); err != nil || !p.IsKey() {
			t.Fatalf("%+v, %v", p, err)
		}
		return d, s, credential
	}
	for name, lose := range map[string]func(*directory){
		"revoked":   func(d *directory) { d.key.Revoked = true },
		"expired":   func(d *directory) { at := time.Now(); d.key.ExpiresAt = &at },
		"rewritten": func(d *directory) { d.key.Hash = token.Hash("another") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, s, credential := begin(t)
				lose(d)
				<-time.After(bound)
				if _, err := s.Authenticate(t.Context(), credential); !apierror.Is(err, apierror.Unauthenticated) {
					t.Errorf("err = %v", err)
				}
			})
		})
	}
	t.Run("its use is recorded once a minute", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d, s, credential := begin(t)
			for range 180 {
				if _, err := s.Authenticate(t.Context(), credential); err != nil {
					t.Fatal(err)
				}
				<-time.After(time.Second)
			}
			if d.touched < 3 || d.touched > 4 {
				t.Errorf("recorded %d times in three minutes", d.touched)
			}
		})
	})
}
