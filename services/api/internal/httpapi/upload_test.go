package httpapi

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http/httptest"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

func TestUploads_large_ones_need_a_slot(t *testing.T) {
	u := newUploads()
	large := make([]byte, largeUpload+1)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	for i := range large { // What shrinks too well is a bomb.
		large[i] = byte(i ^ i>>8 ^ i>>16)
	}
	if _, err := z.Write(large); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	open := func(body []byte, encoding string) *uploadBody {
		t.Helper()
		r := httptest.NewRequest("POST", "/", bytes.NewReader(body))
		r.Header.Set("Content-Encoding", encoding)
		b, err := u.open(httptest.NewRecorder(), r)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	read := func(b *uploadBody) error {
		_, err := io.Copy(io.Discard, b)
		return err
	}
	var held []*uploadBody
	for range maxLargeUploads {
		b := open(large, "")
		if err := read(b); err != nil {
			t.Fatal(err)
		}
		held = append(held, b)
	}
	for encoding, body := range map[string][]byte{"identity": large, "gzip": zipped.Bytes()} {
		b := open(body, encoding)
		if err := read(b); !apierror.Is(err, apierror.Unavailable) || apierror.From(err).RetryAfter == 0 {
			t.Errorf("one more, %s: %v", encoding, err)
		}
		b.release()
	}
	if err := read(open(large[:largeUpload], "")); err != nil {
		t.Errorf("a small one: %v", err)
	}
	held[0].release()
	b := open(zipped.Bytes(), "gzip")
	if err := read(b); err != nil {
		t.Errorf("after one has gone: %v", err)
	}
	b.release()
	held[1].release()
	if u.large != 0 {
		t.Errorf("%d slots are still taken", u.large)
	}
}

func TestUploads_no_body_is_longer_than_a_plan(t *testing.T) {
	r := httptest.NewRequest("POST", "/", io.LimitReader(endless{}, plan.DefaultMaxBytes+1))
	b, err := newUploads().open(httptest.NewRecorder(), r)
	if err != nil {
		t.Fatal(err)
	}
	defer b.release()
	if _, err := io.Copy(io.Discard, b); !apierror.Is(err, apierror.TooLarge) {
		t.Errorf("%v", err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
