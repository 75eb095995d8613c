package plan

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRead_wrapper: lines around one plan are skipped and counted.
func TestRead_wrapper(t *testing.T) {
	one := drifted(update("a", `{"n":1}`, `{"n":2}`))
	pretty := strings.ReplaceAll(one, ",", ",\n  ")
	for name, tt := range map[string]struct {
		raw   string
		lines int
	}{
		"nothing":                           {one, 0},
		"an end of line":                    {one + "\r\n", 0},
		"white space":                       {"\n\n  \t" + one + "\n\n  \n", 0},
		"a command":                         {"[command]/bin/terraform show -json p\n" + one, 1},
		"a byte order mark":                 {"\xef\xbb\xbfterraform\n" + one, 1},
		"lines before, and blank ones":      {"terraform show\n\n  + set -x {\n " + one, 2},
		"a plan of several lines":           {"[command]x\n" + pretty + "\n::debug::exit 0\n::debug::stdout: {\"format_version\":1}\n\n", 3},
		"no end of line at the end":         {one + "\nbye", 1},
		"setup-terraform":                   {field(t, "case08a"), 3},
		"debug lines after":                 {field(t, "case08b"), 2},
		"a log of JSON before":              {`{"level":"info","msg":"show"}` + "\n" + `{"ts":1}` + "\n" + one, 2},
		"a log of JSON after":               {one + "\n" + `{"level":"info","msg":"done"}` + "\n", 1},
		"long lines of a log":               {strings.Repeat(`{"msg":"`+strings.Repeat("x", 20_000)+`"}`+"\n", 20) + pretty, 20},
		"a log of terraform plan":           {fixture(t, "plan_stream_tf1.11.4.jsonl") + one, strings.Count(fixture(t, "plan_stream_tf1.11.4.jsonl"), "\n")},
		"a plan that ends with its version": {strings.Replace(one, `"format_version":"1.2",`, "", 1)[:len(one)-len(`"format_version":"1.2",`)-1] + `,"format_version":"1.2"}`, 0},
		"lines in colors":                   {"\x1b[36;1mterraform show\x1b[0m\n\x1b[0m\x1b[1mdone\x1b[0m\n" + one, 2},
		"a plan in colors":                  {"\x1b[0m" + pretty + "\x1b[0m\n\x1b[1mbye\x1b[0m", 1},
		"HCL before":                        {"policy = jsonencode(\n  {\n    ~ a = 1\n  }\n" + one, 4},
		"many lines":                        {strings.Repeat("x\n", 100_000) + one + strings.Repeat("\ny", 100_000), 200_000},
	} {
		t.Run(name, func(t *testing.T) {
			p := read(t, tt.raw)
			if p.Wrapper != tt.lines || len(p.Changes) != 1 {
				t.Errorf("%d lines, %d changes", p.Wrapper, len(p.Changes))
			}
		})
	}
}

// TestRead_wrong_input: a file that is sent by mistake is named, and the message says what to do.
func TestRead_wrong_input(t *testing.T) {
	plan := drifted(update("a", `{"n":1}`, `{"n":2}`))
	utf16 := func(s string) string { return strings.ReplaceAll(s, "", "\x00")[1:] }
	utf32 := func(s string) string { return strings.ReplaceAll(s, "", "\x00\x00\x00")[3:] }
	for name, tt := range map[string]struct{ raw, what, remedy string }{
		"a binary plan file":      {"PK\x03\x04\x14\x00", "binary plan file", "terraform show -json"},
		"a state file":            {`{"version":4,"terraform_version":"1.11.4","serial":7,"lineage":"x","resources":[]}`, "a state file", "terraform show -json PLANFILE"},
		"a state in JSON":         {`{"format_version":"1.0","terraform_version":"1.11.4","values":{"root_module":{}}}`, "a state as", "terraform plan -out"},
		"an encrypted plan file":  {`{"meta":{"key_provider.pbkdf2.k":"e30="},"encrypted_data":"e30=","encryption_version":"v0"}`, "encrypted", "tofu show -json PLANFILE"},
		"a bookmark of HCP":       {`{"remote_plan_format":1,"run_id":"run-1","hostname":"app.terraform.io"}`, "bookmark", "logged in"},
		"the log stream":          {fixture(t, "plan_stream_tf1.11.4.jsonl"), "log stream", "terraform show -json PLANFILE"},
		"two plans":               {plan + "\n" + plan, "several JSON documents", "one plan at a time"},
		"two plans on a line":     {plan + plan, "several JSON documents", "one plan at a time"},
		"a plan with a tail":      {plan + " % ", "data after the plan", ""},
		"a list of plans":         {"[" + plan + "]", "must be a JSON object", "terraform show -json"},
		"a list of several lines": {"[\n" + plan + ",\n" + plan + "]", "must be a JSON object", ""},
		"UTF-32":                  {"\xff\xfe\x00\x00" + utf32(plan), "UTF-32", "iconv"},
		"UTF-32 without a mark":   {utf32(plan), "UTF-32", "UTF-8"},
		"UTF-32, the other way":   {"\x00\x00\x00" + utf32(plan), "UTF-32", "UTF-8"},
		"a log of JSON alone":     {`{"level":"info"}` + "\n" + `{"level":"warn"}` + "\n", "only lines of JSON", "terraform show -json"},
		"a log of JSON in a line": {`{"level":"info"}`, "only lines of JSON", "terraform show -json"},
		"text in colors":          {"\x1b[1mNo changes.\x1b[0m Your infrastructure matches\n", "text form", "terraform show -json"},
		"more text in colors":     {"\x1b[0m\x1b[1maws_instance.a: Refreshing state...\x1b[0m\n\nno JSON\n", "text form", "terraform show -json"},
		"two plans, one in lines": {plan + "\n" + strings.ReplaceAll(plan, ",", ",\n"), "several JSON documents", "one plan at a time"},
		"a large text":            {strings.TrimSuffix(plan, "]}") + `,{"address":"` + strings.Repeat("x", 17<<20), "in resource_drift[1]", "leave that out"},
		"UTF-16":                  {"\xff\xfe" + utf16(plan), "UTF-16", "UTF-8"},
		"UTF-16 without a mark":   {utf16(plan), "UTF-16", "UTF-8"},
		"an error page":           {"\n<!DOCTYPE html><html><body>502</body></html>", "HTML", ""},
		"the text form":           {"No changes. Your infrastructure matches the configuration.\n", "text form", "terraform show -json"},
		"lines of text":           {"Error: no plan\n\nsee above\n", "no line that starts", "terraform show -json"},
		"an empty body":           {"", "empty", "terraform show -json"},
		"a plan that is too long": {plan + strings.Repeat(" ", 20<<20), "larger than", slimming},
		"still too long":          {plan + strings.Repeat(" ", 20<<20), slimming, driftAlone},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(t.Context(), strings.NewReader(tt.raw), Options{Key: testKey, MaxBytes: 20 << 20})
			if e, ok := errors.AsType[*Error](err); !ok || !strings.Contains(e.Message, tt.what) || !strings.Contains(e.Message, tt.remedy) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestSlimming_documented: the message for a plan over the limit has the commands of the page. Mutation: a command of the page.
func TestSlimming_documented(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/sending-plans.md")
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "jq -c ") {
			commands = append(commands, strings.TrimSpace(line))
		}
	}
	if want := []string{slimming, driftAlone}; !slices.Equal(commands, want) {
		t.Errorf("the page has %q, the message %q", commands, want)
	}
}

// TestSlimming runs the commands in the message for a plan over the limit: the first changes nothing of what is read, the
// second nothing but how it ended. Mutations: prior_state or configuration among what the first one leaves out.
func TestSlimming(t *testing.T) {
	jq, err := exec.LookPath("jq")
	if err != nil {
		t.Skip("NOT RUN: jq is not installed, so the command that slims a plan is not tried")
	}
	slimmed := func(raw, command string) string {
		t.Helper()
		program := strings.TrimSuffix(strings.TrimPrefix(command, "jq -c '"), "' plan.json > slim.json")
		run := exec.CommandContext(t.Context(), jq, "-c", program)
		run.Stdin = strings.NewReader(raw)
		out, err := run.Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	states := func(p *Plan) string {
		var all strings.Builder
		for i := range p.Changes {
			s := p.Unpack(&p.Changes[i])
			fmt.Fprintf(&all, "%s %x %s %s %s\n", p.Changes[i].ResourceID(), p.Changes[i].Hash, s.Expected, s.Actual, s.Difference)
		}
		return all.String()
	}
	for _, name := range []string{"normal", "refresh_only"} {
		raw := fixture(t, name+"_tf1.11.4.json")
		opt := Options{Open: opened(t, raw, Options{})}
		opt.Open[Object{OriginDrift, "aws_thing.gone"}] = Open{}
		whole, slim := readWith(t, raw, opt), readWith(t, slimmed(raw, slimming), opt)
		if diff := cmp.Diff(whole.Evidence, slim.Evidence); diff != "" || states(slim) != states(whole) || slim.Slimmed || !bytes.Equal(slim.Root(), whole.Root()) {
			t.Errorf("%s: %s\n%s\nbecame\n%s", name, diff, states(whole), states(slim))
		}
		if got, want := slim.Judge(OriginDrift, "aws_thing.gone"), whole.Judge(OriginDrift, "aws_thing.gone"); got != want || !got.Resolved {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		opt.Mode = whole.Evidence.Mode
		alone := readWith(t, slimmed(raw, driftAlone), opt)
		if len(alone.Changes) != len(whole.Changes) || !alone.Slimmed || !alone.Evidence.Resolves() {
			t.Errorf("%s: %d changes of %d, %+v", name, len(alone.Changes), len(whole.Changes), alone.Evidence)
		}
	}
}
