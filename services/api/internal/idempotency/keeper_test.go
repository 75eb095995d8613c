package idempotency_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/services/api/internal/idempotency"
)

// drawer is a store of one request.
type drawer struct{ record *idempotency.Record }

func (d *drawer) Begin(context.Context, idempotency.Key, time.Time, time.Time, time.Time) (*idempotency.Record, error) {
	first := d.record == nil
	if first {
		d.record = &idempotency.Record{}
		return nil, nil
	}
	return d.record, nil
}

func (d *drawer) Finish(_ context.Context, _ idempotency.Key, _ time.Time, r idempotency.Record) error {
	d.record = &r
	return nil
}

func (d *drawer) Abandon(context.Context, idempotency.Key, time.Time) error {
	d.record = nil
	return nil
}

func newKeeper(t *testing.T, store idempotency.Store, dataKey string) *idempotency.Keeper {
	t.Helper()
	k, err := idempotency.NewKeeper(store, dataKey, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeeper(t *testing.T) {
	key := idempotency.Key{Account: uuid.New(), Principal: uuid.New(), Key: "k"}
	for name, response := range map[string]idempotency.Response{
		"a success": {Status: 201, Body: []byte(`{"success":true,"data":{"key":"ds_secret"}}`)},
		"a refusal": {Status: 400, Refusal: &apierror.Error{Kind: apierror.Invalid, Message: "not this one", Fields: []apierror.Field{{Field: "f", Message: "m"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			d := &drawer{}
			keeper := newKeeper(t, d, "a data key")
			attempt, kept, err := keeper.Begin(t.Context(), key)
			if attempt == nil || kept != nil || err != nil {
				t.Fatalf("%v %v %v", attempt, kept, err)
			}
			if _, _, err := keeper.Begin(t.Context(), key); !apierror.Is(err, apierror.Conflict) || apierror.From(err).RetryAfter == 0 {
				t.Errorf("while it is under way: %v", err)
			}
			if err := attempt.Finish(t.Context(), []byte("hash"), response); err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(d.record.Response, []byte("secret")) || bytes.Contains(d.record.Response, []byte("not this one")) {
				t.Errorf("it is stored as %q", d.record.Response)
			}
			_, kept, err = keeper.Begin(t.Context(), key)
			if err != nil || !bytes.Equal(kept.RequestHash, []byte("hash")) || kept.Response.Status != response.Status || !bytes.Equal(kept.Response.Body, response.Body) {
				t.Fatalf("%+v, %v", kept, err)
			}
			if diff := cmp.Diff(response.Refusal, kept.Response.Refusal); diff != "" {
				t.Error(diff)
			}

			t.Run("does not open with another DATA_KEY, for another key, or changed", func(t *testing.T) {
				if _, kept, err := newKeeper(t, d, "another data key").Begin(t.Context(), key); err == nil {
					t.Errorf("another DATA_KEY: %+v", kept)
				}
				elsewhere := key
				elsewhere.Principal = uuid.New()
				if _, kept, err := keeper.Begin(t.Context(), elsewhere); err == nil {
					t.Errorf("another principal: %+v", kept)
				}
				d.record.Response[len(d.record.Response)/2] ^= 1
				if _, kept, err := keeper.Begin(t.Context(), key); err == nil {
					t.Errorf("changed: %+v", kept)
				}
			})
		})
	}
	t.Run("an abandoned request can be made again", func(t *testing.T) {
		keeper := newKeeper(t, &drawer{}, "a data key")
		for range 2 {
			attempt, _, err := keeper.Begin(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			if err := attempt.Abandon(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
