package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzRead: whatever comes in, there is no panic, and what comes out is an *Error or a plan that can be stored.
func FuzzRead(f *testing.F) {
	// Small ones, without spaces: the fuzzer spends a minute on each large input to make it smaller.
	files, err := filepath.Glob("testdata/redaction/*")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var seed bytes.Buffer
		if err := json.Compact(&seed, raw); err != nil {
			f.Fatal(err)
		}
		f.Add(seed.Bytes())
	}
	f.Add([]byte(drifted(update("a", `{"l":[{"k":"x"}],"password":"correct-horse","m":{"correct-horse":[null,1e3]}}`, `{"l":[]}`, `"before_sensitive":{"l":[{"k":true}]}`))))
	f.Add([]byte(`{"format_version":"1.2","resource_changes":[` + update("a", `null`, `{"a":"\u00e9\"\\"}`, `"after_unknown":{"b":true}`) + `]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := readUnpacked(bytes.NewReader(raw), Options{Key: testKey, Changes: true, MaxBytes: 1 << 20})
		if err != nil {
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Fatalf("not an *Error: %v", err)
			}
			return
		}
		// What comparing takes is linear, whatever the input.
		if p.work > 10_000+2*maxWork*len(raw) {
			t.Fatalf("%d values and bytes were looked at for %d bytes", p.work, len(raw))
		}
		for _, c := range p.Changes {
			for _, text := range []json.RawMessage{c.Expected, c.Actual, c.Difference} {
				if !json.Valid(text) || bytes.Contains(text, []byte(`\u0000`)) {
					t.Fatalf("cannot be stored: %s", text)
				}
			}
			if len(c.Hash) != headSize+32 || c.Severity == "" || string(c.Difference) == "{}" || strings.ContainsRune(c.Address, 0) {
				t.Fatalf("%+v", c)
			}
		}
	})
}

// FuzzRead_secret: what another entry masks shows in no place of this one, however it is shaped, and in no error.
func FuzzRead_secret(f *testing.F) {
	f.Add(`{"a":"`+leak+`"}`, `{"b":["`+leak+`"]}`)
	f.Add(`{"m":{"`+leak+`":{"x":1}},"l":[[{"a":"see `+leak+`"}]]}`, `{"m":{"`+leak+`":2},"l":[[]]}`)
	f.Add(`{"location":"`+leak+`","arn":"arn:aws:x:`+leak+`:1:y"}`, `null`)
	f.Fuzz(func(t *testing.T, before, after string) {
		masked := update("masked", `{"v":"`+leak+`"}`, `null`, `"before_sensitive":{"v":true}`)
		out := shown(readUnpacked(strings.NewReader(drifted(masked, update("open", before, after))), Options{Key: testKey}))
		if strings.Contains(out, leak) {
			t.Fatal(out)
		}
	})
}

// FuzzReadManual holds the comparison against itself: the same states do not differ, and swapped states differ as much.
func FuzzReadManual(f *testing.F) {
	f.Add(`{"a":1}`, `{"a":2}`)
	f.Add(`{"a":[1,{"b":""}],"c":null}`, `{"a":[1,{}],"token":"correct-horse"}`)
	f.Add(`null`, `{"x":{"y":{"z":"-----BEGIN PRIVATE KEY-----"}}}`)
	f.Fuzz(func(t *testing.T, expected, actual string) {
		m := Manual{Expected: json.RawMessage(expected), Actual: json.RawMessage(actual)}
		c, err := ReadManual(m, Options{Key: testKey})
		if _, invalid := errors.AsType[*Error](err); invalid {
			return
		}
		m.Expected, m.Actual = m.Actual, m.Expected
		swapped, swappedErr := ReadManual(m, Options{Key: testKey})
		if errors.Is(err, ErrNoDrift) != errors.Is(swappedErr, ErrNoDrift) {
			t.Fatalf("%v, but the other way round %v", err, swappedErr)
		}
		if err == nil && (string(c.Expected) != string(swapped.Actual) || string(c.Actual) != string(swapped.Expected)) {
			t.Fatalf("the sides are written in different ways: %+v %+v", c, swapped)
		}
		m.Actual = m.Expected
		if _, err := ReadManual(m, Options{Key: testKey}); !errors.Is(err, ErrNoDrift) {
			t.Fatalf("a state differs from itself: %v", err)
		}
	})
}
