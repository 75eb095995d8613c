package plan

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// read reads a plan that must be good.
func read(t *testing.T, raw string, changes ...bool) *Plan {
	t.Helper()
	p, err := readUnpacked(strings.NewReader(raw), Options{Key: testKey, Changes: len(changes) > 0})
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return p
}

// readUnpacked reads a plan and unpacks all its changes.
func readUnpacked(r io.Reader, opt Options) (*Plan, error) {
	p, err := Read(context.Background(), r, opt)
	for i := range p.changes() {
		p.Changes[i].States = p.Unpack(&p.Changes[i])
	}
	return p, err
}

func (p *Plan) changes() []Change {
	if p == nil {
		return nil
	}
	return p.Changes
}

// one reads a plan that must have one change.
func one(t *testing.T, raw string, changes ...bool) Change {
	t.Helper()
	p := read(t, raw, changes...)
	if len(p.Changes) != 1 {
		t.Fatalf("got %d changes, want 1: %+v", len(p.Changes), p.Changes)
	}
	return p.Changes[0]
}

// drifted is a plan with these elements of resource_drift.
func drifted(entries ...string) string {
	return `{"format_version":"1.2","terraform_version":"1.11.4","complete":true,"errored":false,"resource_drift":[` +
		strings.Join(entries, ",") + `]}`
}

// update is an entry for aws_thing.NAME. rest are further members of its change, such as masks.
func update(name, before, after string, rest ...string) string {
	members := strings.Join(append([]string{
		`"actions":["update"]`, `"before":` + before, `"after":` + after}, rest...), ",")
	return fmt.Sprintf(`{"address":"aws_thing.%s","mode":"managed","type":"aws_thing","name":%q,`+
		`"provider_name":"registry.terraform.io/hashicorp/aws","change":{%s}}`, name, name, members)
}

func fixture(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "plans", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestRead_fixtures(t *testing.T) {
	type change struct {
		ID, Actions, Planned string
		Severity             Severity
		Difference           string
	}
	const masked = `{"expected":"[redacted]","actual":"[redacted]"}`
	drift := func(planned ...string) []change {
		return []change{
			{"aws_db_instance.main", "update", planned[0], Warning, `{"password":` + masked + `,"tags.owner_token":` + masked + `}`},
			{"aws_instance.web", "update", planned[1], Warning, `{"instance_type":{"expected":"t3.micro","actual":"m5.4xlarge"}}`},
			{"aws_s3_bucket.logs", "delete", planned[2], Critical,
				`{"id":{"expected":"e72bc25319c6f686","actual":null},"name":{"expected":"logs","actual":null}}`},
			{`aws_security_group.db["blue"]`, "update", planned[3], Critical,
				`{"cidr_blocks[\"0.0.0.0/0\"]":{"expected":null,"actual":"0.0.0.0/0"}}`},
		}
	}
	for _, tt := range []struct {
		name     string
		changes  []change
		moves    []Move
		resolves bool
		errored  bool
	}{
		{name: "refresh_only", changes: drift("", "", "", ""), resolves: true},
		{name: "normal", changes: drift("update", "update", "create", "update"), resolves: true},
		{name: "clean", resolves: true},
		{name: "errored", errored: true},
		{name: "targeted_incomplete"},
		{name: "moved_noop", moves: []Move{{"terraform_data.a", "terraform_data.a2", "terraform_data", "builtin/terraform"}}, resolves: true},
	} {
		for _, changes := range []bool{false, true} { // no resource here has a planned change without a drift
			t.Run(fmt.Sprintf("%s/changes=%t", tt.name, changes), func(t *testing.T) {
				raw := fixture(t, tt.name+"_tf1.11.4.json")
				p, err := readUnpacked(strings.NewReader(raw), Options{Key: testKey, Changes: changes})
				if err != nil {
					t.Fatal(err)
				}
				var got []change
				for _, c := range p.Changes {
					got = append(got, change{c.ResourceID(), strings.Join(c.Actions, ","), c.PlannedAction, c.Severity, string(c.Difference)})
					if c.Origin != OriginDrift || c.Provider != "dev/fakecloud" || c.Mode != "managed" {
						t.Errorf("%s: origin %s, provider %s, mode %s", c.Address, c.Origin, c.Provider, c.Mode)
					}
				}
				if d := cmp.Diff(tt.changes, got); d != "" {
					t.Error(d)
				}
				if d := cmp.Diff(tt.moves, p.Moves); d != "" {
					t.Error(d)
				}
				if p.Judge(OriginDrift, "a.b").Resolved != tt.resolves || p.Errored != tt.errored || p.Slimmed || p.Timestamp == nil {
					t.Errorf("plan says %+v", p)
				}
			})
		}
	}
}

// shown is everything that a plan and an error have to show.
func shown(p *Plan, err error) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%+v\n%+v\n", p, err)
	if p != nil {
		all, _ := json.Marshal(p)
		b.Write(all)
		for _, c := range p.Changes {
			fmt.Fprintf(&b, "%s\n%s\n%s\n%s\n", c.ResourceID(), c.Expected, c.Actual, c.Difference)
		}
	}
	return b.String()
}

func TestRead_fixture_secrets_show_nowhere(t *testing.T) {
	files, err := filepath.Glob("testdata/plans/*")
	if err != nil || len(files) < 7 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		// Broken copies make the error texts show themselves too.
		for _, cut := range []int{len(raw), len(raw) / 2, len(raw) / 3} {
			for _, input := range [][]byte{raw[:cut], append(bytes.Clone(raw[:cut]), "hunter2-from-var"...)} {
				out := shown(readUnpacked(bytes.NewReader(input), Options{Key: testKey, Changes: true}))
				for _, secret := range []string{"hunter2-from-var", "changed-by-hand", "leaked-by-hand", "s3cr3t-v1"} {
					if strings.Contains(out, secret) {
						t.Errorf("%s, %d bytes: %s shows", file, cut, secret)
					}
				}
			}
		}
	}
}

func TestRead_errors(t *testing.T) {
	entry := func(s string) string { return drifted(s) }
	for _, tt := range []struct{ name, raw, path, message string }{
		{"nothing", "", "", "is empty"},
		{"text", "no drift", "", "is text, not JSON: send the output of `terraform show -json"},
		{"the name of a file", "plan.json", "", "is text, not JSON"},
		{"an error in a line", "Error: no state\n", "", "is text, not JSON"},
		{"a literal", "null\n", "", "must be a JSON object"},
		{"white space", " \n\t", "", "is empty"},
		{"zstd", "\x28\xb5\x2f\xfd\x00", "", "compressed with zstd"},
		{"a list", "[]", "", "must be a JSON object"},
		{"a string", `"x"`, "", "must be a JSON object"},
		{"half a plan", `{"format_version":"1.2","resource_drift":[{"addr`, "resource_drift[0]", "not complete JSON"},
		{"a binary plan", "PK\x03\x04...", "", "terraform show -json"},
		{"gzip", "\x1f\x8b\x08\x00", "", "Content-Encoding"},
		{"UTF-16", "\xff\xfe{\x00", "", "UTF-16"},
		{"the stream form", fixture(t, "plan_stream_tf1.11.4.jsonl"), "", "terraform show -json"},
		{"a state", `{"format_version":"1.0","values":{}}`, "", "a state"},
		{"no state", `{"format_version":"1.0"}`, "", "nothing of a plan"},
		{"no version", `{"resource_drift":[]}`, "format_version", "required"},
		{"empty HCP version", `{"plan_format_version":"","resource_drift":[]}`, "plan_format_version", "required"},
		{"version 2", `{"format_version":"2.0","errored":false}`, "format_version", "not supported"},
		{"version x", `{"format_version":"x","errored":false}`, "format_version", "not supported"},
		{"version is a number", `{"format_version":1.2}`, "format_version", "must be a string"},
		{"timestamp is no time", `{"format_version":"1.2","timestamp":"yesterday"}`, "timestamp", "RFC 3339"},
		{"errored is no boolean", `{"format_version":"1.2","errored":"false"}`, "errored", "must be a boolean"},
		{"complete is no boolean", `{"format_version":"1.2","complete":1}`, "complete", "must be a boolean"},
		{"resource_drift is no list", `{"format_version":"1.2","resource_drift":{}}`, "resource_drift", "must be a list"},
		{"prior_state is no object", `{"format_version":"1.2","prior_state":[]}`, "prior_state", "must be an object"},
		{"invalid UTF-8", entry(update("a", `{"a":"`+"\xff"+`"}`, `{}`)), "resource_drift[0]", "not valid JSON"},
		{"invalid UTF-8 where nothing is read", `{"format_version":"1.2","checks":["` + "\xc0\x80" + `"]}`, "", "not valid JSON"},
		{"lone surrogate", entry(update("a", `{"a":"\ud800"}`, `{}`)), "resource_drift[0]", "not valid JSON"},
		{"NUL in the version", `{"format_version":"1.2\u0000"}`, "format_version", "NUL"},
		{"a raw NUL", entry(update("a", `{"a":"x`+"\x00"+`"}`, `{}`)), "resource_drift[0]", "not valid JSON"},
		{"nested too deeply where nothing is read",
			`{"format_version":"1.2","checks":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, "", "nesting"},
		{"modules nested too deeply", `{"format_version":"1.2","planned_values":{"root_module":` +
			strings.Repeat(`{"child_modules":[`, 102) + strings.Repeat(`]}`, 102) + `}}`, "planned_values.root_module", "nested too deeply"},
		{"the same name twice", `{"format_version":"1.2","errored":true,"errored":false}`, "", "duplicate name"},
		{"data after the plan", drifted() + `{"format_version":"1.2"}`, "", "several JSON documents"},
		{"rubbish after the plan", drifted() + `xyz`, "", "data after the plan"},
		{"too large", drifted() + strings.Repeat(" ", 1<<20), "", "larger than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Read(t.Context(), strings.NewReader(tt.raw), Options{Key: testKey, MaxBytes: 1 << 20})
			e, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("got %+v, %v", p, err)
			}
			// A path may go deeper than the case says.
			if !strings.HasPrefix(e.Path, tt.path) || tt.path == "" && e.Path != "" || !strings.Contains(e.Message, tt.message) {
				t.Errorf("got %q: %q", e.Path, e.Message)
			}
			if errors.Is(err, ErrTooLarge) != (tt.name == "too large") {
				t.Errorf("errors.Is(%v, ErrTooLarge) is wrong", err)
			}
		})
	}
}

func TestRead_failing_reader_is_not_an_input_error(t *testing.T) {
	broken := errors.New("broken pipe")
	for _, start := range []string{"", drifted()[:60]} {
		_, err := Read(t.Context(), io.MultiReader(strings.NewReader(start), iotest.ErrReader(broken)), Options{Key: testKey})
		if _, ok := errors.AsType[*Error](err); ok || !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", len(start), err)
		}
	}
	if _, err := Read(t.Context(), strings.NewReader(drifted()), Options{}); err == nil {
		t.Error("a missing key is not an error")
	}
}

func TestRead_in_small_pieces(t *testing.T) {
	raw := fixture(t, "normal_tf1.11.4.json")
	p, err := readUnpacked(iotest.OneByteReader(strings.NewReader(raw)), Options{Key: testKey})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(read(t, raw), p, cmpopts.IgnoreUnexported(Plan{}, Change{})); d != "" {
		t.Error(d)
	}
}

func TestRead_formats(t *testing.T) {
	entries := `"resource_drift":[` + update("a", `{"n":1}`, `{"n":2}`) + `]`
	for name, raw := range map[string]string{
		"Terraform 1.0":        `{"format_version":"0.2","terraform_version":"1.0.11",` + entries + `}`,
		"OpenTofu":             `{"format_version":"1.2","terraform_version":"1.10.0","errored":false,` + entries + `}`,
		"a later minor":        `{"format_version":"1.99","a_new_field":{"x":[1]},` + entries + `}`,
		"HCP":                  `{"plan_format_version":"1.1","provider_schemas":{"x":{}},"provider_format_version":"1.0",` + entries + `}`,
		"version last":         `{` + entries + `,"format_version":"1.2"}`,
		"byte order mark":      "\xef\xbb\xbf" + drifted(update("a", `{"n":1}`, `{"n":2}`)),
		"white space":          "\n\t {\n\"format_version\" : \"1.2\" , " + strings.ReplaceAll(entries, ":", " :\n ") + " }\n\n",
		"null where it may be": `{"format_version":"1.2","complete":null,"timestamp":null,"resource_changes":null,"prior_state":null,"variables":null,"output_changes":null,` + entries + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			c := one(t, raw)
			if string(c.Difference) != `{"n":{"expected":1,"actual":2}}` {
				t.Error(string(c.Difference))
			}
		})
	}
}

func TestRead_metadata(t *testing.T) {
	p := read(t, `{"plan_format_version":"1.1","terraform_version":"1.9.0","timestamp":"2026-11-23T01:08:33+01:00","applyable":true,"complete":false,"errored":true}`)
	if v := readWith(t, `{"format_version":"1.2","errored":false,"terraform_version":"password=hunter22"}`, Options{}).TerraformVersion; v != "password=[redacted]" {
		t.Errorf("a version that is a secret is %s", v)
	}
	if p.FormatVersion != "1.1" || p.TerraformVersion != "1.9.0" || !p.Errored || !p.Slimmed ||
		!p.Timestamp.Equal(time.Date(2026, 11, 23, 0, 8, 33, 0, time.UTC)) || *p.Complete || !*p.Applyable {
		t.Errorf("%+v", p)
	}
}

func TestRead_which_entries_are_changes(t *testing.T) {
	// entry of resource_drift or resource_changes with other values on both sides.
	entry := func(address, actions, rest string) string {
		return fmt.Sprintf(`{"address":%q,"type":"aws_thing","change":{"actions":%s,"before":{"n":1},"after":{"n":2}}%s}`, address, actions, rest)
	}
	lists := func(drift, changes string) string {
		return `{"format_version":"1.2","complete":true,"resource_changes":[` + changes + `],"resource_drift":[` + drift + `]}`
	}
	const upd = `["update"]`
	for _, tt := range []struct {
		name, raw string
		changes   bool
		want      string
	}{
		{"drift", lists(entry("a.b", upd, ""), ""), false, "drift a.b()"},
		{"no-op is none", lists(entry("a.b", `["no-op"]`, ""), ""), true, ""},
		{"read is none", lists(entry("a.b", `["read"]`, ""), entry("a.c", `["read"]`, "")), true, ""},
		{"forget is none", lists("", entry("a.c", `["forget"]`, "")), true, ""},
		{"a data source is none", lists(entry("data.a.b", upd, `,"mode":"data"`), entry("data.a.c", upd, `,"mode":"data"`)), true, ""},
		{"a planned change alone is none", lists("", entry("a.b", upd, "")), false, ""},
		{"a planned change alone, asked for", lists("", entry("a.b", upd, "")), true, "change a.b(update)"},
		{"a planned change of a drift only says what is planned", lists(entry("a.b", upd, ""), entry("a.b", `["delete","create"]`, "")), true, "drift a.b(replace)"},
		{"a no-op drift leaves the planned change", lists(entry("a.b", `["no-op"]`, ""), entry("a.b", upd, "")), true, "change a.b(update)"},
		{"drift comes first", lists(entry("a.z", upd, ""), entry("a.b", upd, "")), true, "drift a.z() change a.b(update)"},
		{"a deposed object is one of its own",
			lists(entry("a.b", upd, "")+","+entry("a.b", `["delete"]`, `,"deposed":"0a1b"`), entry("a.b", `["delete"]`, `,"deposed":"0a1b"`)),
			false, "drift a.b() drift a.b (deposed 0a1b)(delete)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := readUnpacked(strings.NewReader(tt.raw), Options{Key: testKey, Changes: tt.changes})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range p.Changes {
				got = append(got, fmt.Sprintf("%s %s(%s)", c.Origin, c.ResourceID(), c.PlannedAction))
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("got %q, want %q", s, tt.want)
			}
		})
	}
	t.Run("the two lists have opposite directions", func(t *testing.T) {
		for origin, raw := range map[Origin]string{
			OriginDrift: lists(entry("a.b", upd, ""), ""), OriginChange: lists("", entry("a.b", upd, "")),
		} {
			c := one(t, raw, true)
			want := map[Origin]string{OriginDrift: `{"n":1} {"n":2}`, OriginChange: `{"n":2} {"n":1}`}[origin]
			if got := string(c.Expected) + " " + string(c.Actual); got != want {
				t.Errorf("%s: got %s, want %s", origin, got, want)
			}
		}
	})
	t.Run("a moved drift keeps the address it had", func(t *testing.T) {
		p := read(t, lists(entry("a.b", upd, `,"previous_address":"a.old"`), entry("a.b", upd, `,"previous_address":"a.old"`)))
		if len(p.Changes) != 1 || p.Changes[0].PreviousAddress != "a.old" || cmp.Diff(p.Moves, []Move{{From: "a.old", To: "a.b", Type: "aws_thing"}}) != "" {
			t.Errorf("%+v", p)
		}
	})
}
