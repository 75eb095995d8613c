package rest

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/legible"
)

// MaxBody is the maximum size of a JSON body, in bytes; plan uploads have another.
const MaxBody = 1 << 20

// Decode reads the request's body, one JSON object of at most MaxBody bytes, into v. Unknown fields (names are compared
// letter by letter), duplicate fields, wrong types, a second value, invalid UTF-8 and NUL characters, which
// Postgres can't store, are errors of the caller. The error names the field.
func Decode(w http.ResponseWriter, r *http.Request, v any) error { return DecodeUpTo(w, r, v, MaxBody) }

// DecodeUpTo is Decode for a body of at most limit bytes.
func DecodeUpTo(w http.ResponseWriter, r *http.Request, v any, limit int64) error {
	if err := RequireJSON(r); err != nil {
		return err
	}
	if err := RequirePlain(r); err != nil {
		return err
	}
	body, err := ReadBody(w, r, limit)
	if err != nil {
		return err
	}
	return Unmarshal(body, v)
}

// RequirePlain refuses a body that is compressed.
func RequirePlain(r *http.Request) error {
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return apierror.New(apierror.UnsupportedMedia, "the body must not be compressed; only plan uploads may be")
	}
	return nil
}

// RequireJSON refuses a body that does not say that it is JSON.
func RequireJSON(r *http.Request) error {
	sent := r.Header.Get("Content-Type")
	mediaType, _, err := mime.ParseMediaType(sent)
	if err == nil && mediaType == "application/json" {
		return nil
	}
	const must = "the Content-Type must be application/json"
	switch {
	case sent == "":
		return apierror.New(apierror.UnsupportedMedia, must+", and none was sent: with curl, add -H 'Content-Type: application/json'")
	case err == nil && (mediaType == "application/x-www-form-urlencoded" || mediaType == "multipart/form-data"):
		return apierror.New(apierror.UnsupportedMedia, must+", not that of a form, which curl sends by default: add -H 'Content-Type: application/json'")
	}
	return apierror.Newf(apierror.UnsupportedMedia, must+", not %q", cutTo(sent, 64))
}

// ReadBody reads at most limit bytes. A body that is longer or incomplete is an error of the caller.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err == nil {
		return body, nil
	}
	return nil, BodyError(err)
}

// BodyError translates an error of reading a request's body.
func BodyError(err error) error {
	if tooLong, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return apierror.Newf(apierror.TooLarge, "the body is longer than %d bytes", tooLong.Limit)
	}
	if _, ok := errors.AsType[*apierror.Error](err); ok {
		return err
	}
	if timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && timeout.Timeout() {
		return apierror.Wrap(apierror.Timeout, err, "the body did not arrive in time")
	}
	// The remaining case is a broken connection: no client reads this response.
	return apierror.Wrap(apierror.Canceled, err, "the body is incomplete")
}

// decoding is how bodies are read. Strings (of no type of their own) are read past the library's cache of short ones:
// four kilobytes, which would be made again for each body, or keep strings of earlier bodies if decoders were reused.
var decoding = json.JoinOptions(json.RejectUnknownMembers(true),
	json.WithUnmarshalers(json.UnmarshalFromFunc(func(dec *jsontext.Decoder, s *string) error {
		if dec.PeekKind() != '"' {
			return errors.ErrUnsupported // The library describes the error.
		}
		token, err := dec.ReadToken()
		if err == nil {
			*s = token.String()
		}
		return err
	})))

// Unmarshal is the strict decoding behind Decode.
func Unmarshal(body []byte, v any) error {
	if what := mistake(body); what != "" {
		return apierror.New(apierror.Invalid, "the body is "+what)
	}
	if bytes.Contains(body, []byte(`\u0000`)) {
		return apierror.New(apierror.Invalid, "the body has a NUL character, which can't be stored")
	}
	dec := jsontext.NewDecoder(bytes.NewReader(body))
	if dec.PeekKind() == 'n' { // Decoding would leave v as it is.
		return apierror.New(apierror.Invalid, "the body is null; send a JSON object")
	}
	if err := json.UnmarshalDecode(dec, v, decoding); err != nil {
		return jsonError(err)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return apierror.New(apierror.Invalid, "the body has more than one JSON value")
	}
	return nil
}

func jsonError(err error) error {
	if wrong, ok := errors.AsType[*json.SemanticError](err); ok {
		field := fieldName(wrong.JSONPointer)
		switch {
		case field == "":
			return apierror.New(apierror.Invalid, "the body must be a JSON object")
		case errors.Is(wrong.Err, json.ErrUnknownName):
			return apierror.InvalidField(field, "is not a field of this request")
		case wrong.Err != nil: // from the field's own UnmarshalText, such as a UUID's
			return apierror.InvalidField(field, "has the wrong form: %s", safeDetail(wrong.Err))
		}
		return apierror.InvalidField(field, "has the wrong type: %s", kindNames[wrong.JSONKind])
	}
	syntax, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return apierror.New(apierror.Invalid, "the body is not valid JSON: it is incomplete")
	case !ok:
		return apierror.Wrap(apierror.Invalid, err, "the body can't be read: "+safeDetail(err))
	case errors.Is(syntax.Err, jsontext.ErrDuplicateName):
		return apierror.InvalidField(fieldName(syntax.JSONPointer), "is duplicated in the body")
	}
	return apierror.Newf(apierror.Invalid, "the body is not valid JSON, at byte %d", syntax.ByteOffset)
}

// fieldName writes the place of a value as in our errors: `a.b`. A caller chose the name of a field that is not known, so it is
// short and printable: the error is logged, and remembered.
func fieldName(at jsontext.Pointer) string {
	return legible.EscapeLine(short(strings.Join(slices.Collect(at.Tokens()), ".")))
}

var kindNames = map[jsontext.Kind]string{
	'n': "null", 'f': "bool", 't': "bool", '"': "string", '0': "number", '{': "object", '[': "array",
}

// safeDetail keeps a decoder's message short; it may repeat the caller's input, never our own data.
func safeDetail(err error) string { return legible.EscapeLine(short(err.Error())) }

// short is the beginning of a long text.
func short(s string) string { return cutTo(s, 120) }

// cutTo is text that is fit to be shown, of at most that many bytes.
func cutTo(text string, most int) string {
	text = strings.ToValidUTF8(text, "")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// mistake says what a body is that is not the JSON object it should be, as far as it shows, and what to send.
func mistake(body []byte) string {
	text := bytes.TrimSpace(body)
	name := 0
	for name < len(text) && (text[name] >= 'a' && text[name] <= 'z' || text[name] >= 'A' && text[name] <= 'Z' || text[name] == '_') {
		name++
	}
	zeros := bytes.Count(body[:min(len(body), 4)], []byte{0})
	switch {
	case len(text) == 0:
		return "empty; send a JSON object"
	case zeros > 2:
		return "encoded as UTF-32; send UTF-8"
	case zeros > 0 || bytes.HasPrefix(body, []byte("\xff\xfe")) || bytes.HasPrefix(body, []byte("\xfe\xff")):
		return "encoded as UTF-16, as PowerShell writes with >; send UTF-8, such as with `| Out-File -Encoding utf8`"
	case bytes.HasPrefix(body, []byte("\xef\xbb\xbf")):
		return "preceded by a byte order mark, as some editors and shells write it; send UTF-8 without one"
	case bytes.HasPrefix(body, []byte("\x1f\x8b")):
		return "compressed; send the JSON object itself"
	case !utf8.Valid(body):
		return "not valid UTF-8"
	case name > 0 && name < len(text) && text[name] == '=':
		return `the text of a form, such as a=b; send a JSON object, such as {"a":"b"}`
	case text[0] == '<':
		return "HTML or XML; send a JSON object"
	case text[0] == '\'':
		return "in single quotes, which Windows' shells do not remove; send a JSON object, such as from a file with curl's --data-binary @FILE"
	case text[0] == '@':
		return "the name of a file; with curl, use --data-binary @FILE to send what is in it"
	}
	return ""
}
