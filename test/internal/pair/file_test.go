package pair

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/token"
)

func TestLoadSecrets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.json")
	first, err := loadSecrets(path)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := token.ParsePublicKeys(first.JWTPublicKey)
	if err == nil {
		_, err = keys.WithPrivateKey(first.JWTPrivateKey)
	}
	if err != nil || len(first.DataKey) < 32 {
		t.Errorf("secrets %+v: %v", first, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
	if again, err := loadSecrets(path); err != nil || again != first {
		t.Errorf("another start has other secrets: %+v, %v", again, err)
	}
	if err := os.WriteFile(path, []byte(`{"JWT_SECRET":"of an earlier version","DATA_KEY":"kept"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := loadSecrets(path); err != nil || s.DataKey != "kept" || s.JWTPrivateKey == "" {
		t.Errorf("after an earlier version: %+v, %v", s, err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadSecrets(path); err == nil || !strings.Contains(err.Error(), "is damaged, remove it") {
		t.Errorf("err = %v, want one that says what to do", err)
	}
}

func TestCredentials_are_one_line(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials.json")
	if err := save(path, Credentials{Engineer: Person{"e@demo.example", "pw"}, APIKey: "ds_x"}); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"admin":{"email":"","password":""},"engineer":{"email":"e@demo.example","password":"pw"},"viewer":{"email":"","password":""},"apiKey":"ds_x"}` + "\n"
	if string(raw) != want {
		t.Errorf("got  %swant %s", raw, want)
	}
}
