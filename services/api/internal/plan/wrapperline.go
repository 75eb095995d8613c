package plan

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// skipColor skips the rest of an escape sequence such as ESC [36;1m, if it is one.
func skipColor(buf *bufio.Reader) (n int64, err error) {
	head, err := buf.Peek(16)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	length := colorLength(head)
	_, err = buf.Discard(length)
	return int64(length), err
}

// colorLength is how long the rest of an escape sequence is that text starts with, 0 if it does not.
func colorLength(text []byte) int {
	if len(text) == 0 || text[0] != '[' {
		return 0
	}
	for i := 1; i < min(len(text), 16); i++ {
		switch c := text[i]; {
		case c == 'm' || c == 'K':
			return i + 1
		case c != ';' && (c < '0' || c > '9'):
			return 0
		}
	}
	return 0
}

// withoutColors is text without the white space and the escape sequences that it starts with.
func withoutColors(text []byte) []byte {
	for {
		text = bytes.TrimLeft(text, " \t\r\n")
		n := 0
		if len(text) > 0 && text[0] == '\x1b' {
			n = colorLength(text[1:])
		}
		if n == 0 {
			return text
		}
		text = text[1+n:]
	}
}

// What a line is that starts with a brace.
type lineKind int

const (
	planLine   lineKind = iota // a plan, or something that the decoder names
	logLine                    // a whole JSON object that is no plan, in a line
	streamLine                 // one that `terraform plan -json` wrote
	textLine                   // no JSON, such as the HCL in the text form of a plan
)

// maxLogLine is the length up to which a line is looked at as one of a log. The reader's buffer is larger, so that it moves what
// it holds once for several lines.
const (
	maxLogLine = 32 << 10
	lineBuffer = 2 * maxLogLine
)

// lineAt says what the line is that starts with the next byte, a brace. It takes nothing.
func lineAt(buf *bufio.Reader) (lineKind, error) {
	// More only where it is needed: what follows the brace tells in nearly every plan.
	for _, size := range [...]int{512, 4 << 10, maxLogLine} {
		head, err := buf.Peek(size)
		if err != nil && !errors.Is(err, io.EOF) {
			return planLine, err
		}
		next := bytes.TrimLeft(head[1:], " \t\r\n")
		if len(next) > 0 && next[0] != '"' && next[0] != '}' {
			return textLine, nil
		}
		line, _, whole := bytes.Cut(head, []byte("\n"))
		name, _, _ := bytes.Cut(bytes.TrimPrefix(next, []byte(`"`)), []byte(`"`))
		if planKeys[string(name)] || isPlanName(string(name)) {
			return planLine, nil
		}
		if whole || errors.Is(err, io.EOF) {
			return kindOfLine(line), nil
		}
	}
	return planLine, nil
}

// isPlanName reports whether a name at the top is one that tells a plan, or a document that is sent in its place.
func isPlanName(name string) bool {
	return planKeys[name] || foreign[name] != "" && name[0] != '@' || name == "format_version" || name == "plan_format_version" || name == "terraform_version"
}

// kindOfLine tells a line of a log, which is a whole JSON object, from a plan and from other documents that we know.
func kindOfLine(line []byte) lineKind {
	line = bytes.TrimSpace(line)
	if !jsontext.Value(line).IsValid(jsontext.AllowDuplicateNames(true)) {
		return planLine
	}
	dec := jsontext.NewDecoder(bytes.NewReader(line), jsontext.AllowDuplicateNames(true))
	_, _ = dec.ReadToken()
	kind := logLine
	for dec.PeekKind() == '"' {
		token, _ := dec.ReadToken()
		switch name := token.String(); {
		case isPlanName(name):
			return planLine
		case foreign[name] != "":
			kind = streamLine
		}
		_ = dec.SkipValue()
	}
	return kind
}
