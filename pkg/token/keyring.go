package token

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// Keyring has the Ed25519 keys of access tokens: at most one that signs, which only api has, and those whose tokens are
// accepted. The zero Keyring has none.
type Keyring struct {
	private  ed25519.PrivateKey
	signerID string
	public   map[string]ed25519.PublicKey // by key id
}

// The types of blocks in PEM.
const (
	privateBlock = "PRIVATE KEY"
	publicBlock  = "PUBLIC KEY"
)

// mostKeys is enough for a rotation, and bounds the set that /.well-known/jwks.json publishes.
const mostKeys = 8

// ParsePublicKeys reads the keys whose tokens are accepted: one or more blocks PUBLIC KEY in PEM. During a rotation there are
// two.
func ParsePublicKeys(text string) (Keyring, error) {
	k := Keyring{public: map[string]ed25519.PublicKey{}}
	rest := []byte(text)
	for strings.TrimSpace(string(rest)) != "" {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || block.Type != publicBlock {
			return Keyring{}, errors.New("is not a list of blocks «PUBLIC KEY» in PEM; openssl pkey -pubout prints one")
		}
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return Keyring{}, errors.New("has a block that is not a public key; openssl pkey -pubout prints one")
		}
		public, ok := parsed.(ed25519.PublicKey)
		if !ok {
			return Keyring{}, fmt.Errorf("has a key of the type %T; only Ed25519 is supported", parsed)
		}
		k.public[KeyID(public)] = public
	}
	if len(k.public) > mostKeys {
		return Keyring{}, fmt.Errorf("has %d keys; at most %d are accepted, so remove those that sign no more", len(k.public), mostKeys)
	}
	return k, nil
}

// WithPrivateKey adds the key that signs: one block PRIVATE KEY in PEM. Its public half must be among those that are accepted,
// or the other service would refuse the tokens.
func (k Keyring) WithPrivateKey(text string) (Keyring, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != privateBlock || strings.TrimSpace(string(rest)) != "" {
		return Keyring{}, errors.New("is not one block «PRIVATE KEY» in PEM; openssl genpkey -algorithm ed25519 makes one")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		// The error could quote what it read.
		return Keyring{}, errors.New("is not a private key; openssl genpkey -algorithm ed25519 makes one")
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return Keyring{}, fmt.Errorf("is a key of the type %T; only Ed25519 is supported", parsed)
	}
	id := KeyID(private.Public().(ed25519.PublicKey)) //nolint:forcetypeassert // Documented by the package.
	if k.public[id] == nil {
		return Keyring{}, errors.New("its public half is not in JWT_PUBLIC_KEY, so realtime would refuse its tokens; add what openssl pkey -pubout prints")
	}
	k.private, k.signerID = private, id
	return k, nil
}

// NewKeyPair makes a key that signs and its public half, both in PEM, as openssl would.
func NewKeyPair() (private, public string, err error) {
	half, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make an Ed25519 key: %w", err)
	}
	privateDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", fmt.Errorf("encode an Ed25519 key: %w", err)
	}
	publicDER, err := x509.MarshalPKIXPublicKey(half)
	if err != nil {
		return "", "", fmt.Errorf("encode an Ed25519 key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: privateDER})), string(pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: publicDER})), nil
}

// KeyID is the id of a key in the header of a token: its thumbprint by RFC 7638. So two keys never share an id, and no one
// has to choose one.
func KeyID(public ed25519.PublicKey) string {
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + base64.RawURLEncoding.EncodeToString(public) + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// JWKS is the JSON Web Key Set of the accepted keys (RFC 7517), ordered by id.
func (k Keyring) JWKS() []byte {
	type jwk struct {
		Type      string `json:"kty"`
		Curve     string `json:"crv"`
		X         string `json:"x"`
		ID        string `json:"kid"`
		Use       string `json:"use"`
		Algorithm string `json:"alg"`
	}
	set := struct {
		Keys []jwk `json:"keys"`
	}{[]jwk{}}
	for _, id := range slices.Sorted(maps.Keys(k.public)) {
		set.Keys = append(set.Keys, jwk{
			Type: "OKP", Curve: "Ed25519", X: base64.RawURLEncoding.EncodeToString(k.public[id]), ID: id, Use: "sig", Algorithm: jwt.SigningMethodEdDSA.Alg(),
		})
	}
	text, _ := json.Marshal(set) // Strings alone: it never fails.
	return text
}
