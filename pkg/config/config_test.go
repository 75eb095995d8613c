package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/pkg/config"
)

type settings struct {
	Nested
	Env     config.Environment `env:"APP_ENV"      envDefault:"development"`
	Port    int                `env:"PORT"         envDefault:"3001"`
	Timeout time.Duration      `env:"TIMEOUT"      envDefault:"30s"`
	Key     config.Secret      `env:"DATA_KEY"`
	Origins []string           `env:"CORS_ORIGIN"`
	Proxies []netip.Prefix     `env:"PROXIES"`
}

type Nested struct {
	URL config.Secret `env:"DATABASE_URL,required"`
}

func TestLoad(t *testing.T) {
	t.Run("defaults, milliseconds and lists", func(t *testing.T) {
		var s settings
		if err := config.Load(&s, []string{"DATABASE_URL=postgres://x", "TIMEOUT=1500", "CORS_ORIGIN=https://a,https://b"}); err != nil {
			t.Fatal(err)
		}
		if s.Port != 3001 || s.Timeout != 1500*time.Millisecond || len(s.Origins) != 2 || s.Env != config.Development {
			t.Errorf("got %+v", s)
		}
	})
	t.Run("every problem at once, by the variable's name and without the secret", func(t *testing.T) {
		var s settings
		err := config.Load(&s, []string{"PORT=many", "TIMEOUT=soon", "APP_ENV=moon", "DATA_KEY=k3y-value"})
		if err == nil {
			t.Fatal("no error")
		}
		for _, want := range []string{"DATABASE_URL: is required", "PORT: ", "TIMEOUT: not a duration", "APP_ENV: \"moon\""} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q is not in:\n%v", want, err)
			}
		}
		if strings.Contains(err.Error(), "k3y-value") {
			t.Error("the error holds the secret")
		}
	})
	t.Run("NAME_FILE reads the value from a file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "url")
		if err := os.WriteFile(path, []byte("postgres://from-file\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		var s settings
		if err := config.Load(&s, []string{"DATABASE_URL_FILE=" + path}); err != nil {
			t.Fatal(err)
		}
		if s.URL.Reveal() != "postgres://from-file" {
			t.Errorf("URL = %q", s.URL.Reveal())
		}
	})
	t.Run("any variable can come from a file, and only ours are read", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "origins")
		if err := os.WriteFile(path, []byte("https://a,https://b\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		var s settings
		err := config.Load(&s, []string{"DATABASE_URL=postgres://x", "CORS_ORIGIN_FILE=" + path, "SSL_CERT_FILE=" + filepath.Join(dir, "none")})
		if err != nil || len(s.Origins) != 2 {
			t.Errorf("origins %q, %v", s.Origins, err)
		}
		err = config.Load(&s, []string{"DATABASE_URL=postgres://x", "CORS_ORIGIN_FILE=" + filepath.Join(dir, "none")})
		if err == nil || !strings.Contains(err.Error(), "CORS_ORIGIN_FILE: ") {
			t.Errorf("a list's file that is missing: %v", err)
		}
	})
	t.Run("a missing file and a duplicate value are named", func(t *testing.T) {
		var s settings
		err := config.Load(&s, []string{"DATABASE_URL_FILE=/does/not/exist", "DATA_KEY=a", "DATA_KEY_FILE=/b"})
		if err == nil || !strings.Contains(err.Error(), "DATABASE_URL_FILE: ") || !strings.Contains(err.Error(), "DATA_KEY: set both") {
			t.Errorf("got %v", err)
		}
		if !errors.Is(err, os.ErrNotExist) {
			t.Error("the cause is lost")
		}
	})
}

func TestSecret(t *testing.T) {
	type holder struct{ Key config.Secret }
	h := holder{"s3cr3t"}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("start", "key", h.Key, "holder", h)
	asJSON, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%v %+v %#v %s %q %s %s", h, h, h, h.Key, h.Key, asJSON, log.String())
	if strings.Contains(all, "s3cr3t") {
		t.Errorf("the secret is in %s", all)
	}
	if h.Key.Reveal() != "s3cr3t" {
		t.Error("Reveal does not give the secret")
	}
}

func TestAttrs(t *testing.T) {
	var s settings
	if err := config.Load(&s, []string{"DATABASE_URL=postgres://u:p@h/d", "PROXIES=10.0.0.0/8,fd00::/8"}); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(config.Attrs(&s))
	for _, want := range []string{"DATABASE_URL=[redacted]", "PORT=3001", "TIMEOUT=30s", "DATA_KEY= ", "CORS_ORIGIN= ", "PROXIES=10.0.0.0/8,fd00::/8]"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %s", want, got)
		}
	}
}

type checked struct {
	Timeout time.Duration `env:"TIMEOUT" envDefault:"30s"`
	Port    int           `env:"PORT"    envDefault:"3001"`
}

func (c *checked) Validate() []error {
	return []error{
		config.Problem{Variable: "TIMEOUT", Err: errors.New("must be more than 0")},
		config.Problem{Variable: "PORT", Err: errors.New("is taken")},
	}
}

func TestLoad_says_one_thing_of_a_variable(t *testing.T) {
	err := config.Load(&checked{}, []string{"TIMEOUT=soon"})
	if err == nil || strings.Count(err.Error(), "TIMEOUT:") != 1 || !strings.Contains(err.Error(), "PORT: is taken") {
		t.Errorf("got %v", err)
	}
}
