// Package seal encrypts values of the database that those who have the database alone must not read, with keys derived from DATA_KEY.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
)

// Sealer encrypts with AES-256-GCM.
type Sealer struct {
	present cipher.AEAD
	// previous opens what was sealed before DATA_KEY was replaced; nil when it was not.
	previous cipher.AEAD
}

// New makes a sealer. purpose separates its key from others of DATA_KEY: it must not change, or stored values can't be opened.
// previous is the DATA_KEY that dataKey replaced, or empty.
func New(dataKey, previous, purpose string) (*Sealer, error) {
	s := &Sealer{}
	var err error
	if s.present, err = newCipher(dataKey, purpose); err != nil || previous == "" {
		return s, err
	}
	s.previous, err = newCipher(previous, purpose)
	return s, err
}

func newCipher(dataKey, purpose string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(dataKey), nil, purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("derive a key from DATA_KEY: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make a cipher: %w", err)
	}
	sealed, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("make a cipher: %w", err)
	}
	return sealed, nil
}

// Seal encrypts a value for a place, such as the id of its row: in another place it does not open.
func (s *Sealer) Seal(plain, place []byte) []byte {
	return s.present.Seal(nil, nil, plain, place) //nolint:gosec // The cipher draws the nonce itself.
}

// Open decrypts a value. old reports that the previous key did it, so that the value should be sealed again.
func (s *Sealer) Open(sealed, place []byte) (plain []byte, old bool, err error) {
	plain, err = s.present.Open(nil, nil, sealed, place)
	if err != nil && s.previous != nil {
		plain, err = s.previous.Open(nil, nil, sealed, place)
		old = err == nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("open a sealed value, was DATA_KEY changed?: %w", err)
	}
	return plain, old, nil
}
