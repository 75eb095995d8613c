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

// NewOpaque makes a random token of 256 bits with a prefix that tells people, and secret scanners, what it is:
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
type Keys struct{ mac []byte }

// NewKeys derives the tag's key from DATA_KEY, which lives as long as the data does.
func NewKeys(dataKey string) (*Keys, error) {
	mac, err := hkdf.Key(sha256.New, []byte(dataKey), nil, "driftsentry api key tag", sha256.Size)
	if err != nil {
		return nil, err
	}
	return &Keys{mac: mac}, nil
}

// New makes a key. prefix is the part of it that may be shown later, to recognise it in a list.
func (k *Keys) New(id uuid.UUID) (key, prefix string) {
	raw := make([]byte, 0, keySize)
	raw = append(raw, id[:]...)
	raw = raw[:16+keySecretSize]
	_, _ = rand.Read(raw[16:])
	raw = append(raw, k.tag(raw)...)
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
	if err != nil || !hmac.Equal(raw[keySize-keyTagSize:], k.tag(raw[:keySize-keyTagSize])) {
		return uuid.Nil, false
	}
	return uuid.UUID(raw[:16]), true
}

func (k *Keys) tag(data []byte) []byte {
	mac := hmac.New(sha256.New, k.mac)
	mac.Write(data)
	return mac.Sum(nil)[:keyTagSize]
}
