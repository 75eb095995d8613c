// Package idempotency makes a request that is sent again harmless: whoever names a request with a key gets, within a day,
// the first answer for every repetition.
//
//	(unknown) ──Begin──▶ under way ──Finish──▶ answered ──a day──▶ (unknown)
//	                        └──Abandon, or nobody came back──▶ (unknown)
//
// Some answers hold a secret that is shown once, so they are stored sealed.
package idempotency

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/fault"
)

// Key names a request. Every principal has keys of its own.
type Key struct {
	Account   uuid.UUID
	Principal uuid.UUID
	Key       string
}

// Answer is how a request ended: a success with its body, or a refusal.
type Answer struct {
	Status  int
	Body    []byte
	Refusal *fault.Error
}

// Record is what is stored of a request.
type Record struct {
	RequestHash []byte
	Status      *int // nil while it is under way
	Answer      []byte
}

// Store is the database.
type Store interface {
	// Begin stores that a request is under way. When there is one of this key already, it gives that one instead, unless
	// it began before forget, or before abandoned and was never answered.
	Begin(ctx context.Context, k Key, at, forget, abandoned time.Time) (*Record, error)
	// Finish and Abandon do nothing when the request is no longer the one that began at this time.
	Finish(ctx context.Context, k Key, began time.Time, r Record) error
	Abandon(ctx context.Context, k Key, began time.Time) error
}

const (
	keepFor = 24 * time.Hour
	// retryAfter is how long to wait for an answer that somebody else is waiting for already.
	retryAfter = 2 * time.Second
)

// Keeper keeps answers.
type Keeper struct {
	store Store
	seal  cipher.AEAD
	// patience is after what time a request without an answer was cut off, by a crash.
	patience time.Duration
}

// NewKeeper seals with a key derived from dataKey. No request may take longer than patience.
func NewKeeper(store Store, dataKey string, patience time.Duration) (*Keeper, error) {
	key, err := hkdf.Key(sha256.New, []byte(dataKey), nil, "driftsentry idempotency answers", 32)
	if err != nil {
		return nil, fmt.Errorf("derive the key of kept answers: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make the cipher of kept answers: %w", err)
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("make the cipher of kept answers: %w", err)
	}
	return &Keeper{store, seal, patience}, nil
}

// Attempt is the first request of a key. It must be finished or abandoned.
type Attempt struct {
	keeper *Keeper
	key    Key
	began  time.Time
}

// Kept is the answer to the first request of a key.
type Kept struct {
	// RequestHash tells the request that got the answer. Another one must not get it.
	RequestHash []byte
	Answer      Answer
}

// Begin gives an attempt for a key's first request, or the answer that was kept. While the first one is under way it is
// fault.Conflict.
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
		return nil, nil, &fault.Error{
			Kind: fault.Conflict, Message: "the first request with this Idempotency-Key is still under way", RetryAfter: retryAfter,
		}
	}
	answer, err := k.open(key, *record)
	if err != nil {
		return nil, nil, err
	}
	return nil, &Kept{record.RequestHash, answer}, nil
}

// Finish keeps the answer for every repetition of the request.
func (a *Attempt) Finish(ctx context.Context, requestHash []byte, answer Answer) error {
	plain := answer.Body
	if answer.Refusal != nil {
		var err error
		if plain, err = json.Marshal(refusal{answer.Refusal.Kind.Code(), answer.Refusal.Message, answer.Refusal.Fields}); err != nil {
			return fmt.Errorf("encode a refusal: %w", err)
		}
	}
	sealed := a.keeper.seal.Seal(nil, nil, plain, a.key.bytes()) //nolint:gosec // The cipher draws the nonce itself.
	return a.keeper.store.Finish(ctx, a.key, a.began, Record{RequestHash: requestHash, Status: &answer.Status, Answer: sealed})
}

// Abandon lets the request be made anew.
func (a *Attempt) Abandon(ctx context.Context) error {
	return a.keeper.store.Abandon(ctx, a.key, a.began)
}

// refusal is how a fault is kept. The kind's code is stable, its number is not.
type refusal struct {
	Code    string        `json:"code"`
	Message string        `json:"message"`
	Fields  []fault.Field `json:"fields,omitempty"`
}

func (k *Keeper) open(key Key, r Record) (Answer, error) {
	plain, err := k.seal.Open(nil, nil, r.Answer, key.bytes())
	if err != nil {
		return Answer{}, fmt.Errorf("open a kept answer, was DATA_KEY changed?: %w", err)
	}
	answer := Answer{Status: *r.Status, Body: plain}
	if answer.Status < 400 {
		return answer, nil
	}
	var why refusal
	if err := json.Unmarshal(plain, &why); err != nil {
		return Answer{}, fmt.Errorf("decode a kept refusal: %w", err)
	}
	for kind := fault.Internal; kind <= fault.Canceled; kind++ {
		if kind.Code() == why.Code {
			return Answer{Status: answer.Status, Refusal: &fault.Error{Kind: kind, Message: why.Message, Fields: why.Fields}}, nil
		}
	}
	return Answer{}, fmt.Errorf("a kept refusal has the unknown code %q", why.Code)
}

// Rewrite changes a sealed answer, which is sealed again for the same key.
func (k *Keeper) Rewrite(account, principal, key string, sealed []byte, change func(plain []byte) []byte) ([]byte, error) {
	place := []byte(account + principal + key)
	plain, err := k.seal.Open(nil, nil, sealed, place)
	if err != nil {
		return nil, fmt.Errorf("open a kept answer, was DATA_KEY changed?: %w", err)
	}
	return k.seal.Seal(nil, nil, change(plain), place), nil //nolint:gosec // The cipher draws the nonce itself.
}

// bytes binds a sealed answer to its key, so that it opens in no other place.
func (k Key) bytes() []byte { return []byte(k.Account.String() + k.Principal.String() + k.Key) }
