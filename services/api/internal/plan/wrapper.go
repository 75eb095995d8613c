package plan

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
)

// What a CI job prints around the plan: a command line before it, a debug line or an exit code after it.

// remedy says which command makes what we read.
const remedy = "send the output of `terraform show -json PLANFILE`, where PLANFILE is from `terraform plan -out PLANFILE`"

// The commands of docs/sending-plans.md that make a plan smaller. The first keeps all that it proves. What the second leaves does
// not show how the plan was made.
const (
	slimming   = "jq -c 'del(.planned_values, .output_changes, .relevant_attributes, .checks)' plan.json > slim.json"
	driftAlone = "jq -c '{format_version, terraform_version, timestamp, errored, complete, applyable, resource_drift}' plan.json > slim.json"
)

// howToSlim is what a plan over the limit is told.
const howToSlim = "slim it with `" + slimming + "` and send slim.json; if that is too large, too, send the drift alone, `" + driftAlone +
	"`, with mode=refresh-only, or with mode=normal and refreshed=true, as the plan was made"

// startOf knows files that are sent by mistake by their first bytes, skips a byte order mark, and skips the lines before the one
// that starts with the plan. It returns how many lines and how many bytes these are.
func startOf(buf *bufio.Reader) (lines int, skipped int64, err error) {
	head, err := buf.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, 0, err
	}
	if err := checkMagic(head); err != nil {
		return 0, 0, err
	}
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		if _, err := buf.Discard(3); err != nil {
			return 0, 0, err
		}
		head, skipped = head[3:], 3
	}
	if !bytes.HasPrefix(withoutColors(head), []byte("{")) && !looksLikeLines(head) {
		return 0, skipped, checkStart(withoutColors(head), len(head) == 512) // The decoder says what else is wrong with it.
	}
	colored, last := bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte("\x1b[")), textLine
	starting, content := true, false
	for {
		c, err := buf.ReadByte()
		switch {
		case errors.Is(err, io.EOF) && last == streamLine:
			return 0, 0, checkName("@level")
		case errors.Is(err, io.EOF) && last == logLine:
			return 0, 0, invalid("", "has no plan, only lines of JSON, such as those of a log: %s", remedy)
		case errors.Is(err, io.EOF) && colored:
			return 0, 0, invalid("", "is the text form of a plan: %s", remedy)
		case errors.Is(err, io.EOF):
			return 0, 0, invalid("", "has no line that starts with a JSON object: %s", remedy)
		case err != nil:
			return 0, 0, err
		}
		skipped++
		switch {
		case c == '\n':
			if content {
				lines++
			}
			starting, content = true, false
		case c == ' ' || c == '\t' || c == '\r':
		case c == '\x1b' && starting:
			n, err := skipColor(buf)
			if skipped += n; err != nil {
				return 0, 0, err
			}
		case c == '{' && starting:
			if err := buf.UnreadByte(); err != nil {
				return 0, 0, err
			}
			what, err := lineAt(buf)
			if err != nil || what == planLine {
				return lines, skipped - 1, err
			}
			if what != textLine {
				last = what
			}
			if _, err := buf.ReadByte(); err != nil {
				return 0, 0, err
			}
			starting, content = false, true
		default:
			starting, content = false, true
		}
	}
}

// checkStart refuses a text that cannot be JSON by its first byte. more says that it goes on after text.
func checkStart(text []byte, more bool) error {
	switch {
	case len(text) == 0 && !more:
		return invalid("", "is empty: %s", remedy)
	case len(text) == 0, bytes.IndexByte([]byte("{[\"-0123456789"), text[0]) >= 0:
		return nil
	}
	for _, literal := range [...]string{"null", "true", "false"} {
		if string(bytes.TrimSpace(text)) == literal {
			return nil
		}
	}
	return invalid("", "is text, not JSON: %s", remedy)
}

// looksLikeLines reports whether the input starts with a line of text and goes on: not with a JSON value of another kind.
func looksLikeLines(head []byte) bool {
	line, rest, more := bytes.Cut(withoutColors(head), []byte("\n"))
	if len(line) == 0 || !more && len(head) < 512 {
		return false
	}
	first := bytes.TrimLeft(line[1:], " \t\r")
	if line[0] == '[' && (len(first) == 0 || bytes.IndexByte([]byte(`{["0123456789-]`), first[0]) >= 0) {
		return false
	}
	return line[0] != '"' && (len(bytes.TrimSpace(rest)) > 0 || !more)
}

func checkMagic(head []byte) error {
	starts := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	text := withoutColors(head)
	nul := func(places ...int) bool { // of the first four bytes, exactly these are zero
		for i, c := range head[:min(len(head), 4)] {
			if (c == 0) != slices.Contains(places, i) {
				return false
			}
		}
		return len(head) >= 4
	}
	switch {
	case len(head) == 0:
		return invalid("", "is empty: %s", remedy)
	case starts("PK\x03\x04"):
		return invalid("", "is a binary plan file: send what `terraform show -json` prints for it")
	case starts("\x28\xb5\x2f\xfd"), starts("\xfd7zXZ"), starts("BZh"):
		return invalid("", "is compressed with zstd, xz or bzip2: send it as it is, or compressed by gzip with Content-Encoding: gzip")
	case starts("\x1f\x8b"):
		return invalid("", "is compressed: send it with Content-Encoding: gzip")
	case starts("\xff\xfe\x00\x00"), starts("\x00\x00\xfe\xff"), nul(1, 2, 3), nul(0, 1, 2):
		return invalid("", "is encoded as UTF-32: send UTF-8, such as with `iconv -f UTF-32 -t UTF-8`")
	case starts("\xff\xfe"), starts("\xfe\xff"), bytes.IndexByte(head[:min(len(head), 4)], 0) >= 0:
		return invalid("", "is encoded as UTF-16, as PowerShell writes with >: send UTF-8, such as with `| Out-File -Encoding utf8 plan.json`")
	case len(text) > 0 && text[0] == '<':
		return invalid("", "is HTML or XML, such as the error page of a proxy: %s", remedy)
	case bytes.HasPrefix(text, []byte("Terraform used the selected providers")),
		bytes.HasPrefix(text, []byte("OpenTofu used the selected providers")), bytes.HasPrefix(text, []byte("No changes.")):
		return invalid("", "is the text form of a plan: %s", remedy)
	}
	return nil
}

// foreign are the names at the top that only other documents have, and what these are.
var foreign = map[string]string{
	"@level":             "is the log stream of `terraform plan -json`",
	"@message":           "is the log stream of `terraform plan -json`",
	"values":             "is a state as `terraform show -json` prints it",
	"lineage":            "is a state file",
	"serial":             "is a state file",
	"encrypted_data":     "is an encrypted plan or state file",
	"encryption_version": "is an encrypted plan or state file",
	"remote_plan_format": "is the bookmark of a plan in HCP Terraform",
}

// remedies are the commands for what foreign knows, where it is not the usual one.
var remedies = map[string]string{
	"remote_plan_format": "run `terraform show -json PLANFILE` where you are logged in, and send what it prints",
	"encrypted_data":     "run `tofu show -json PLANFILE` with the key, and send what it prints",
	"encryption_version": "run `tofu show -json PLANFILE` with the key, and send what it prints",
}

// checkName refuses what is no plan by a name at its top.
func checkName(name string) error {
	what, ok := foreign[name]
	if !ok {
		return nil
	}
	how, ok := remedies[name]
	if !ok {
		how = remedy
	}
	return invalid("", "%s, not a plan: %s", what, how)
}

// rest counts the lines after the plan, which is done. A second document is refused: it may be another plan.
func rest(r io.Reader) (lines int, err error) {
	buf := bufio.NewReaderSize(r, lineBuffer)
	starting, first := true, true // of a line; of all lines, which is the end of the plan's own
	for {
		c, err := buf.ReadByte()
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return 0, err
		}
		color := int64(0)
		if c == '\x1b' {
			if color, err = skipColor(buf); err != nil {
				return 0, err
			}
		}
		what := logLine
		if c == '{' && (starting || first) {
			if err := buf.UnreadByte(); err != nil {
				return 0, err
			}
			if what, err = lineAt(buf); err != nil {
				return 0, err
			}
			if _, err := buf.ReadByte(); err != nil {
				return 0, err
			}
		}
		switch {
		case color > 0:
		case c == '\n':
			starting, first = true, false
		case c == ' ' || c == '\t' || c == '\r':
		case c == '{' && first, what == planLine:
			return 0, invalid("", "has several JSON documents: send one plan at a time")
		case first:
			return 0, invalid("", "has data after the plan, on the line on which it ends")
		default:
			if starting {
				lines++
			}
			starting = false
		}
	}
}
