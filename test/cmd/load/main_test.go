package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRun_says_what_is_wrong(t *testing.T) {
	for name, c := range map[string]struct {
		args   []string
		code   int
		out    string // on either
		signIn string // LOAD_EMAIL
	}{
		"help":                  {args: []string{"-h"}, code: fine, out: "-allow hosts"},
		"a rate that is none":   {args: []string{"-list", "5/h"}, code: failed, out: `invalid value "5/h" for flag -list: the unit is s or m`},
		"an argument":           {args: []string{"fast"}, code: failed, out: `"fast" is no flag`},
		"no user to sign in as": {code: failed, out: "set LOAD_EMAIL and LOAD_PASSWORD"},
		"another host":          {args: []string{"-api", "http://192.0.2.1"}, signIn: "e@acme.example", code: failed, out: "say so with -allow 192.0.2.1"},
		"no listener":           {args: []string{"-api", "http://127.0.0.1:1"}, signIn: "e@acme.example", code: failed, out: "sign in as e@acme.example"},
		"more than may be done": {args: []string{"-for", "2h"}, signIn: "e@acme.example", code: failed, out: "at most 1h0m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
			if err != nil {
				t.Fatal(err)
			}
			defer stdout.Close()
			var stderr bytes.Buffer
			environ := func(name string) string {
				return map[string]string{"RUN_DIR": t.TempDir(), "LOAD_EMAIL": c.signIn}[name]
			}
			if code := run(t.Context(), c.args, environ, stdout, &stderr); code != c.code {
				t.Errorf("exit status %d, want %d", code, c.code)
			}
			printed, err := os.ReadFile(stdout.Name())
			if err != nil || !strings.Contains(string(printed)+stderr.String(), c.out) {
				t.Errorf("it prints %q and %q, want %q; %v", printed, &stderr, c.out, err)
			}
		})
	}
}
