package plan

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestReadManual(t *testing.T) {
	c, err := ReadManual(Manual{
		ResourceID: "i-0123456789", ResourceType: "aws_instance", Region: "eu-central-1",
		Expected: json.RawMessage(` {"db_password":"correct-horse","motd":"say correct-horse","size":"small","zone_note":"eu-central-1","secret_region":"eu-central-1"} `),
		Actual:   json.RawMessage(`{"db_password":"battery-staple","motd":"say correct-horse","size":"large","zone_note":"eu-central-1"}`),
	}, Options{Key: testKey})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"db_password":{"expected":"[redacted]","actual":"[redacted]"},"secret_region":{"expected":"[redacted]","actual":null},"size":{"expected":"small","actual":"large"}}`
	if string(c.Difference) != want {
		t.Errorf("got  %s\nwant %s", c.Difference, want)
	}
	if string(c.Actual) != `{"db_password":"[redacted]","motd":"[redacted]","size":"large","zone_note":"eu-central-1"}` {
		t.Error(string(c.Actual))
	}
	if c.Origin != OriginManual || c.Address != "i-0123456789" || c.Type != "aws_instance" || c.Region != "eu-central-1" ||
		c.Severity != Warning || len(c.Hash) != headSize+32 {
		t.Errorf("%+v", c)
	}
}

func TestReadManual_defaults(t *testing.T) {
	for _, tt := range []struct {
		name     string
		m        Manual
		severity Severity
		region   string
	}{
		{"gone", Manual{Expected: json.RawMessage(`{"region":"eu-west-1"}`)}, Critical, "eu-west-1"},
		{"made by hand", Manual{Expected: json.RawMessage(`null`), Actual: json.RawMessage(`{"a":1}`)}, Warning, ""},
		{"stated", Manual{Expected: json.RawMessage(`{"a":1}`), Severity: Info, Region: "x"}, Info, "x"},
		{"stated against the state", Manual{Expected: json.RawMessage(`{"region":"eu-west-1"}`), Region: "eu-west-2"}, Critical, "eu-west-2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := ReadManual(tt.m, Options{Key: testKey})
			if err != nil || c.Severity != tt.severity || c.Region != tt.region {
				t.Errorf("got %+v, %v", c, err)
			}
		})
	}
}

func TestReadManual_errors(t *testing.T) {
	const good = `{"a":1}`
	for _, tt := range []struct{ name, expected, actual, path, message string }{
		{"a list", `[]`, good, "expectedState", "object or null"},
		{"a string", good, `"x"`, "actualState", "object or null"},
		{"half", good, `{"a":`, "actualState", "not complete"},
		{"no JSON", `x`, good, "expectedState", "not valid JSON"},
		{"more after it", `{} {}`, good, "expectedState", "data after"},
		{"invalid UTF-8", good, "{\"a\":\"\xff\"}", "actualState", "not valid JSON"},
		{"NUL", good, `{"a":"\u0000"}`, "actualState", "NUL"},
		{"duplicate names", good, `{"a":1,"a":2}`, "actualState", "duplicate"},
		{"deep", good, strings.Repeat(`{"a":`, 101) + "1" + strings.Repeat("}", 101), "actualState", "deeply"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadManual(Manual{Expected: json.RawMessage(tt.expected), Actual: json.RawMessage(tt.actual)}, Options{Key: testKey})
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Path != tt.path || !strings.Contains(e.Message, tt.message) {
				t.Errorf("got %v", err)
			}
		})
	}
	for _, same := range [][2]string{{good, `{ "a": 1.0, "b": null }`}, {`null`, ``}, {`{}`, `null`}} {
		if _, err := ReadManual(Manual{Expected: json.RawMessage(same[0]), Actual: json.RawMessage(same[1])}, Options{Key: testKey}); !errors.Is(err, ErrNoDrift) {
			t.Errorf("%q: got %v", same, err)
		}
	}
}
