package token

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/google/uuid"
)

// NewOpaque makes a random token of 256 bits with a prefix that shows people and secret scanners what it is:
// refresh tokens ("dsr_") and setup tokens ("dss_"). Only its Hash is stored.
func NewOpaque(prefix string) string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return prefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// The prefixes of our tokens.
const (
	RefreshPrefix = "dsr_"
	SetupPrefix   = "dss_"
	APIKeyPrefix  = "ds_"
)

// Hash is the stored form of a token: SHA-256 without salt, since the token itself has 192 bits or more of entropy.
func Hash(tokenString string) []byte {
	sum := sha256.Sum256([]byte(tokenString))
	return sum[:]
}

const (
	keySecretSize = 24
	keyTagSize    = 8
	keySize       = 16 + keySecretSize + keyTagSize // 48 bytes are 64 characters
	shownPrefix   = len(APIKeyPrefix) + 8
)

// Keys makes and recognises API keys: "ds_" and 64 characters that hold the key's id, 192 random bits and an HMAC tag
// over both. The tag lets the edge tell a key of ours from a guess without the database; it does not prove that
// the key is still valid.
type Keys struct{ mac, previous []byte }

// NewKeys derives the tag's key from DATA_KEY. previous is the one that it replaced, or empty: keys that were made with it
// are recognised, too. The tag is part of the key, so such a key ends with that.
func NewKeys(dataKey, previous string) (*Keys, error) {
	k := &Keys{}
	var err error
	if k.mac, err = deriveTagKey(dataKey); err != nil || previous == "" {
		return k, err
	}
	k.previous, err = deriveTagKey(previous)
	return k, err
}

func deriveTagKey(dataKey string) ([]byte, error) {
	return hkdf.Key(sha256.New, []byte(dataKey), nil, "driftsentry api key tag", sha256.Size)
}

// New makes a key. prefix is the part of it that may be shown later, to recognise it in a list.
func (k *Keys) New(id uuid.UUID) (key, prefix string) {
	raw := make([]byte, 0, keySize)
	raw = append(raw, id[:]...)
	raw = raw[:16+keySecretSize]
	_, _ = rand.Read(raw[16:])
	raw = append(raw, tag(k.mac, raw)...)
	key = APIKeyPrefix + base64.RawURLEncoding.EncodeToString(raw)
	return key, key[:shownPrefix]
}

// Recognise reports whether the key is one that we made, and its id.
func (k *Keys) Recognise(key string) (uuid.UUID, bool) {
	encoded, ok := strings.CutPrefix(key, APIKeyPrefix)
	if !ok || len(encoded) != base64.RawURLEncoding.EncodedLen(keySize) {
		return uuid.Nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return uuid.Nil, false
	}
	data, tagged := raw[:keySize-keyTagSize], raw[keySize-keyTagSize:]
	if !hmac.Equal(tagged, tag(k.mac, data)) && (k.previous == nil || !hmac.Equal(tagged, tag(k.previous, data))) {
		return uuid.Nil, false
	}
	return uuid.UUID(raw[:16]), true
}

func tag(key, data []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(data)
	return mac.Sum(nil)[:keyTagSize]
}
