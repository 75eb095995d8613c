package pair

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/driftsentry/driftsentry/pkg/token"
)

// secrets are made once, because the data that they protect stays.
type secrets struct {
	JWTPrivateKey string `json:"JWT_PRIVATE_KEY"`
	JWTPublicKey  string `json:"JWT_PUBLIC_KEY"`
	DataKey       string `json:"DATA_KEY"`
}

func loadSecrets(path string) (secrets, error) {
	var s secrets
	found, err := load(path, &s)
	if err != nil || found && s.JWTPrivateKey != "" {
		return s, err
	}
	if !found {
		s.DataKey = rand.Text() + rand.Text() // Two texts of 128 bits each are long enough.
	}
	// Earlier versions had JWT_SECRET instead; people then sign in again.
	if s.JWTPrivateKey, s.JWTPublicKey, err = token.NewKeyPair(); err != nil {
		return s, err
	}
	return s, save(path, s)
}

// Person is a user of the demo account.
type Person struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

// Credentials are kept in .run/credentials.json for people, for `make watch` and for tests.
type Credentials struct {
	Admin    Person `json:"admin"`
	Engineer Person `json:"engineer"`
	Viewer   Person `json:"viewer"`
	APIKey   string `json:"apiKey"`
}

// LoadCredentials reads the file of an earlier run; false says that there is none.
func LoadCredentials(path string) (Credentials, bool, error) {
	var c Credentials
	found, err := load(path, &c)
	return c, found, err
}

func load(path string, into any) (bool, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read what an earlier run kept: %w", err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return false, fmt.Errorf("%s is damaged, remove it: %w", path, err)
	}
	return true, nil
}

// save writes the file in one step, readable only by its owner. It is one line, so that sed can extract values.
func save(path string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.WriteFile(path+".new", append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
