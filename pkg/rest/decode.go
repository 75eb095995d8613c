package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/driftsentry/driftsentry/pkg/fault"
)

// MaxBody is the most bytes of a JSON body, plan uploads aside.
const MaxBody = 1 << 20

// Decode reads the request's body, one JSON object of at most MaxBody bytes, into v. Unknown fields, wrong types,
// a second value, invalid UTF-8 and NUL characters, which Postgres can't keep, are the caller's fault. The error names
// the field.
func Decode(w http.ResponseWriter, r *http.Request, v any) error {
	if err := RequireJSON(r); err != nil {
		return err
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return fault.New(fault.UnsupportedMedia, "the body must not be compressed; only plan uploads may be")
	}
	body, err := ReadBody(w, r, MaxBody)
	if err != nil {
		return err
	}
	return Unmarshal(body, v)
}

// RequireJSON refuses a body that does not say that it is JSON.
func RequireJSON(r *http.Request) error {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/json" {
		return fault.New(fault.UnsupportedMedia, "the Content-Type must be application/json")
	}
	return nil
}

// ReadBody reads at most limit bytes. A body that is longer, or that breaks off, is the caller's fault.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err == nil {
		return body, nil
	}
	return nil, BodyError(err)
}

// BodyError says what a failed read of a request's body means.
func BodyError(err error) error {
	if tooLong, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fault.Newf(fault.TooLarge, "the body is longer than %d bytes", tooLong.Limit)
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	if timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && timeout.Timeout() {
		return fault.Wrap(fault.Timeout, err, "the body did not arrive in time")
	}
	// What is left is a connection that broke: nobody reads this answer.
	return fault.Wrap(fault.Canceled, err, "the body broke off")
}

// Unmarshal is the strict decoding behind Decode.
func Unmarshal(body []byte, v any) error {
	if !utf8.Valid(body) {
		return fault.New(fault.Invalid, "the body is not valid UTF-8")
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return fault.New(fault.Invalid, "the body is empty; a JSON object is needed")
	}
	if bytes.Contains(body, []byte(`\u0000`)) {
		return fault.New(fault.Invalid, "the body has a NUL character, which can't be stored")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return jsonError(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fault.New(fault.Invalid, "the body has more than one JSON value")
	}
	return nil
}

func jsonError(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if wrong.Field == "" {
			return fault.Newf(fault.Invalid, "the body must be a JSON object, not %s", wrong.Value)
		}
		return fault.InvalidField(wrong.Field, "has the wrong type: %s", wrong.Value)
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fault.Newf(fault.Invalid, "the body is not valid JSON, at byte %d", syntax.Offset)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fault.New(fault.Invalid, "the body is not valid JSON: it breaks off")
	}
	// encoding/json has no type for this one.
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fault.InvalidField(strings.Trim(name, `"`), "is not a field of this request")
	}
	// What is left comes from a field's own UnmarshalText, such as a UUID's.
	return fault.Wrap(fault.Invalid, err, "the body has a value of the wrong form: "+safeDetail(err))
}

// safeDetail keeps a decoder's message short; it may repeat what the caller sent, never what we hold.
func safeDetail(err error) string {
	const most = 120
	s := strings.ToValidUTF8(err.Error(), "")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
