package oidc

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// seal keeps what a sign-in needs to go on from everyone but this service, although a browser holds it.
type seal struct{ aead cipher.AEAD }

func newSeal(key string) (*seal, error) {
	derived, err := hkdf.Key(sha256.New, []byte(key), nil, "driftsentry sign-in with a provider", 32)
	if err != nil {
		return nil, fmt.Errorf("derive the key of sign-ins: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("make the cipher of sign-ins: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("make the cipher of sign-ins: %w", err)
	}
	return &seal{aead}, nil
}

func (s *seal) close(p Pending) string {
	text, _ := json.Marshal(p)                                                    // Texts and a time: it never fails.
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, text, nil)) //nolint:gosec // The cipher draws the nonce itself.
}

var errSeal = errors.New("this was not sealed here")

func (s *seal) open(cookie string) (*Pending, error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(cookie)
	if err != nil {
		return nil, errSeal
	}
	text, err := s.aead.Open(nil, nil, sealed, nil)
	if err != nil {
		return nil, errSeal
	}
	p := &Pending{}
	if err := json.Unmarshal(text, p); err != nil {
		return nil, errSeal
	}
	return p, nil
}
