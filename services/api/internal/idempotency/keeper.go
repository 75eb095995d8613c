// Package idempotency makes a repeated request harmless: a client that names a request with a key gets, within a day, the
// first response for every repetition.
//
//	(unknown) ──Begin──▶ under way ──Finish──▶ finished ──a day──▶ (unknown)
//	                        └──Abandon, or a crash──▶ (unknown)
//
// Some responses hold a secret that is shown once, so they are stored encrypted.
package idempotency

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/services/api/internal/seal"
)

// Key names a request. Every principal has its own keys.
type Key struct {
	Account   uuid.UUID
	Principal uuid.UUID
	Key       string
}

// Response is the result of a request: a success with its body, or a refusal.
type Response struct {
	Status  int
	Body    []byte
	Refusal *apierror.Error
}

// Record is the stored form of a request.
type Record struct {
	RequestHash []byte
	Status      *int // nil while it is running
	Response    []byte
}

// Store is the database.
type Store interface {
	// Begin stores that a request is running. If one with this key exists already, it returns that one instead, unless
	// it began before forget, or before abandoned and was never finished.
	Begin(ctx context.Context, k Key, at, forget, abandoned time.Time) (*Record, error)
	// Finish and Abandon do nothing when the request is no longer the one that began at this time.
	Finish(ctx context.Context, k Key, began time.Time, r Record) error
	Abandon(ctx context.Context, k Key, began time.Time) error
}

const (
	keepFor = 24 * time.Hour
	// retryAfter is how long to wait while the first request is still running.
	retryAfter = 2 * time.Second
)

// Keeper stores responses.
type Keeper struct {
	store Store
	seal  *seal.Sealer
	// patience is the time after which a request without a response counts as cut off by a crash.
	patience time.Duration
}

// keyInfo separates this key from others derived from DATA_KEY. It must not change, or stored responses can't be
// decrypted.
const keyInfo = "driftsentry idempotency answers"

// NewKeeper encrypts with a key derived from dataKey. previous is the DATA_KEY that it replaced, or empty. No request may take
// longer than patience.
func NewKeeper(store Store, dataKey, previous string, patience time.Duration) (*Keeper, error) {
	sealer, err := seal.New(dataKey, previous, keyInfo)
	if err != nil {
		return nil, fmt.Errorf("seal kept responses: %w", err)
	}
	return &Keeper{store, sealer, patience}, nil
}

// Attempt is the first request of a key. It must be finished or abandoned.
type Attempt struct {
	keeper *Keeper
	key    Key
	began  time.Time
}

// Kept is the response to the first request of a key.
type Kept struct {
	// RequestHash identifies the request of this response. A different request must not get it.
	RequestHash []byte
	Response    Response
}

// Begin returns an attempt for a key's first request, or the stored response. While the first one is running it is
// apierror.Conflict.
func (k *Keeper) Begin(ctx context.Context, key Key) (*Attempt, *Kept, error) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	record, err := k.store.Begin(ctx, key, now, now.Add(-keepFor), now.Add(-k.patience))
	if err != nil {
		return nil, nil, err
	}
	if record == nil {
		return &Attempt{k, key, now}, nil, nil
	}
	if record.Status == nil {
		return nil, nil, &apierror.Error{
			Kind: apierror.Conflict, Message: "the first request with this Idempotency-Key is still under way", RetryAfter: retryAfter,
		}
	}
	response, err := k.open(key, *record)
	if err != nil {
		return nil, nil, err
	}
	return nil, &Kept{record.RequestHash, response}, nil
}

// Finish stores the response for every repetition of the request.
func (a *Attempt) Finish(ctx context.Context, requestHash []byte, response Response) error {
	plain := response.Body
	if response.Refusal != nil {
		var err error
		if plain, err = json.Marshal(refusal{response.Refusal.Kind.Code(), response.Refusal.Message, response.Refusal.Fields}); err != nil {
			return fmt.Errorf("encode a refusal: %w", err)
		}
	}
	sealed := a.keeper.seal.Seal(plain, a.key.bytes())
	return a.keeper.store.Finish(ctx, a.key, a.began, Record{RequestHash: requestHash, Status: &response.Status, Response: sealed})
}

// Abandon allows the request to be made again.
func (a *Attempt) Abandon(ctx context.Context) error {
	return a.keeper.store.Abandon(ctx, a.key, a.began)
}

// refusal is how an error is stored. The kind's code is stable, its number is not.
type refusal struct {
	Code    string           `json:"code"`
	Message string           `json:"message"`
	Fields  []apierror.Field `json:"fields,omitempty"`
}

func (k *Keeper) open(key Key, r Record) (Response, error) {
	plain, _, err := k.seal.Open(r.Response, key.bytes())
	if err != nil {
		return Response{}, fmt.Errorf("read a kept response: %w", err)
	}
	response := Response{Status: *r.Status, Body: plain}
	if response.Status < 400 {
		return response, nil
	}
	var why refusal
	if err := json.Unmarshal(plain, &why); err != nil {
		return Response{}, fmt.Errorf("decode a kept refusal: %w", err)
	}
	for kind := apierror.Internal; kind <= apierror.Canceled; kind++ {
		if kind.Code() == why.Code {
			return Response{Status: response.Status, Refusal: &apierror.Error{Kind: kind, Message: why.Message, Fields: why.Fields}}, nil
		}
	}
	return Response{}, fmt.Errorf("a kept refusal has the unknown code %q", why.Code)
}

// Rewrite changes a sealed response, which is sealed again for the same key.
func (k *Keeper) Rewrite(account, principal, key string, sealed []byte, change func(plain []byte) []byte) ([]byte, error) {
	place := []byte(account + principal + key)
	plain, _, err := k.seal.Open(sealed, place)
	if err != nil {
		return nil, fmt.Errorf("rewrite a kept response: %w", err)
	}
	return k.seal.Seal(change(plain), place), nil
}

// bytes binds a sealed response to its key, so that it opens in no other place.
func (k Key) bytes() []byte { return []byte(k.Account.String() + k.Principal.String() + k.Key) }
