// Package cli_test tries the program driftsentry on the real services, as a job of a CI system and as a person at a terminal.
package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/test/internal/replica"
	"github.com/driftsentry/driftsentry/testkit/oidctest"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// patience bounds every wait. Only a failing test comes near it.
const patience = 5 * time.Minute

const plan = "../../services/api/internal/plan/testdata/plans/refresh_only_tf1.11.4.json"

var programs replica.Programs

func TestMain(m *testing.M) { replica.Main(m, &programs) }

// desk is a running pair, the program, and the environment of a shell.
type desk struct {
	program  string
	url      string
	apiKey   string
	config   string   // the folder of the user's configuration
	environ  []string // nothing but what the program needs
	engineer *client.Client
	admin    *client.Client
	password string
}

const engineer = "engineer@acme.example"

func newDesk(ctx context.Context, t *testing.T) *desk {
	t.Helper()
	environ := replica.Environ(pgtest.DSN(t), slices.Concat(replica.Unhurried, []string{
		"LOG_LEVEL=warn", "OUTGOING_NETWORKS=127.0.0.0/8", "OUTGOING_CA=" + oidctest.CA(),
	})...)
	d := &desk{program: filepath.Join(t.TempDir(), "driftsentry"), password: rand.Text()}
	for _, role := range []string{"admin", "engineer"} {
		if err := replica.CreateUser(ctx, programs.API, environ, "acme", role+"@acme.example", role, d.password); err != nil {
			t.Fatal(err)
		}
	}
	if err := replica.Compile(ctx, "", d.program, "cli/cmd/driftsentry"); err != nil {
		t.Fatal(err)
	}
	pair := replica.StartPair(ctx, t, programs, environ)
	as := func(role string) *client.Client {
		c, err := client.New(pair.API.URL(), client.WithPassword(role+"@acme.example", d.password))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	key, err := as("admin").CreateAPIKey(ctx, client.NewAPIKey{Name: "ci", Scope: client.ScopeIngest})
	if err != nil {
		t.Fatal(err)
	}
	d.admin = as("admin")
	d.engineer, d.url, d.apiKey, d.config = as("engineer"), pair.API.URL(), key.Key, t.TempDir()
	d.environ = []string{
		"DRIFTSENTRY_URL=" + d.url, "DRIFTSENTRY_REALTIME_URL=" + pair.Realtime.URL(), "DRIFTSENTRY_API_KEY=" + d.apiKey,
		"XDG_CONFIG_HOME=" + d.config, "PATH=" + t.TempDir(),
	}
	return d
}

// result is how a run of the program ended.
type result struct {
	status   int
	out, log string
}

// run runs the program with more variables, and what it reads.
func (d *desk) run(ctx context.Context, t *testing.T, environ []string, in string, args ...string) result {
	t.Helper()
	var out, log bytes.Buffer
	c := exec.CommandContext(ctx, d.program, args...)
	c.Env, c.Stdin, c.Stdout, c.Stderr = slices.Concat(d.environ, environ), strings.NewReader(in), &out, &log
	err := c.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatal(err)
	}
	return result{c.ProcessState.ExitCode(), out.String(), log.String()}
}

// expect compares the exit status, and looks for texts in what was printed.
func (r result) expect(t *testing.T, status int, texts ...string) {
	t.Helper()
	if r.status != status {
		t.Errorf("exit status %d, want %d", r.status, status)
	}
	for _, text := range texts {
		if !strings.Contains(r.out+r.log, text) {
			t.Errorf("%q is missing", text)
		}
	}
	if t.Failed() {
		t.Fatalf("standard output:\n%s\nstandard error:\n%s", r.out, r.log)
	}
}

// lastCheck is the newest check of a workspace.
func (d *desk) lastCheck(ctx context.Context, t *testing.T, workspace string) client.Check {
	t.Helper()
	list, err := d.engineer.ListChecks(ctx, client.CheckQuery{Workspace: workspace}, client.Page{Size: 1})
	if err != nil || len(list.Items) == 0 {
		t.Fatalf("%v, %d checks", err, len(list.Items))
	}
	check, err := d.engineer.GetCheck(ctx, list.Items[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	return check
}

func TestCLI(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	d := newDesk(ctx, t)
	raw, err := os.ReadFile(plan)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	t.Run("send", func(t *testing.T) { d.send(ctx, t, text) })
	t.Run("what is wrong is said", func(t *testing.T) { d.mistakes(ctx, t, text) })
	t.Run("a pull request is a preview", func(t *testing.T) { d.preview(ctx, t, text) })
	t.Run("a tool that cannot be called is a failed check", func(t *testing.T) { d.failure(ctx, t, text) })
	t.Run("a plan that is cut off is a failed check", func(t *testing.T) { d.cut(ctx, t, text) })
	t.Run("the job's own token is a key", func(t *testing.T) { d.ownToken(ctx, t, text) })
	t.Run("a person decides", func(t *testing.T) { d.decide(ctx, t) })
	t.Run("watch", func(t *testing.T) { d.watch(ctx, t, text) })
	t.Run("the shell completes", func(t *testing.T) {
		d.run(ctx, t, nil, "", "__complete", "send", "--scope", "").expect(t, 0, "full\npartial\n")
	})
}

// send sends a plan as a job of GitHub does. Mutations: the exit status 0 for open drifts, no run URL, a trace of its own in place of
// the job's.
func (d *desk) send(ctx context.Context, t *testing.T, text string) {
	t.Helper()
	const traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	summary := filepath.Join(t.TempDir(), "summary.md")
	job := []string{
		"DRIFTSENTRY_WORKSPACE=prod", "CI=true", "GITHUB_ACTIONS=true", "GITHUB_EVENT_NAME=schedule", "GITHUB_REF_NAME=main", "GITHUB_SHA=c0ffee",
		"GITHUB_SERVER_URL=https://github.example", "GITHUB_REPOSITORY=acme/infra", "GITHUB_RUN_ID=7", "GITHUB_ACTOR=ada",
		"GITHUB_STEP_SUMMARY=" + summary, "TRACEPARENT=00-" + traceID + "-00f067aa0ba902b7-01",
	}
	d.run(ctx, t, job, text, "send").expect(t, 2, "prod: drifted. 4 new", "aws_security_group.db", "4 open drifts that are not approved: 2 critical, 2 warning.", "Trace "+traceID)
	check := d.lastCheck(ctx, t, "prod")
	want := client.Source{Ref: "main", Commit: "c0ffee", RunURL: "https://github.example/acme/infra/actions/runs/7", TriggeredBy: "ada"}
	if check.Source != want || check.TraceID != traceID {
		t.Errorf("%+v, trace %s", check.Source, check.TraceID)
	}
	if written, err := os.ReadFile(summary); err != nil || !strings.Contains(string(written), "<td>aws_instance.web</td>") {
		t.Errorf("%v: %s", err, written)
	}
	in := []string{"DRIFTSENTRY_WORKSPACE=prod"}
	for on, status := range map[string]int{"any": 2, "critical": 2, "warning": 2, "new": 0, "never": 0} {
		d.run(ctx, t, in, text, "send", "--fail-on", on).expect(t, status)
	}
	r := d.run(ctx, t, in, "", "send", "--json", "--slim=none", plan) // It is another body, seen again.
	var response client.PlanResult
	if err := json.Unmarshal([]byte(r.out), &response); err != nil || response.Check.Counts.Unchanged != 4 {
		t.Errorf("%v: %s", err, r.out)
	}
	for drift, err := range d.engineer.Drifts(ctx, client.DriftQuery{Workspace: "prod"}) {
		if err == nil {
			_, err = d.engineer.ApproveDrift(ctx, drift.ID, client.Decision{Reason: "as agreed on Monday"})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	later := timestamp.ReplaceAllString(text, `"timestamp":"`+time.Now().UTC().Format(time.RFC3339)+`"`)
	d.run(ctx, t, in, later, "send", "--timeout=1m").expect(t, 0, "Nothing is open that needs a decision. 4 approved.")
}

var timestamp = regexp.MustCompile(`"timestamp": *"[^"]*"`)

// mistakes: each says what to do.
func (d *desk) mistakes(ctx context.Context, t *testing.T, text string) {
	t.Helper()
	for name, tt := range map[string]struct {
		environ, args []string
		in, want      string
	}{
		"no workspace":      {args: []string{"send"}, in: text, want: "set DRIFTSENTRY_WORKSPACE, or give --workspace"},
		"no address":        {environ: []string{"DRIFTSENTRY_URL="}, args: []string{"send", "-w", "x"}, in: text, want: "set DRIFTSENTRY_URL, or give --url"},
		"no key":            {environ: []string{"DRIFTSENTRY_API_KEY="}, args: []string{"send", "-w", "x"}, in: text, want: "set DRIFTSENTRY_API_KEY"},
		"a wrong key":       {environ: []string{"DRIFTSENTRY_API_KEY=ds_nothing"}, args: []string{"send", "-w", "x"}, in: text, want: "Check DRIFTSENTRY_API_KEY"},
		"an odd address":    {args: []string{"send", "-w", "x", "--url=example.com"}, in: text, want: "is not the address of a service"},
		"an odd value":      {args: []string{"send", "-w", "x", "--scope=all"}, in: text, want: `--scope: "all" is not one of: full, partial`},
		"no plan":           {args: []string{"send", "-w", "x"}, want: "the plan is empty"},
		"no such file":      {args: []string{"send", "-w", "x", "none.json"}, want: "open none.json"},
		"an unknown flag":   {args: []string{"send", "--wrokspace=x"}, want: "unknown flag: --wrokspace"},
		"an unknown verb":   {args: []string{"sent"}, want: `unknown command "sent"`},
		"nobody signed in":  {args: []string{"list"}, want: "driftsentry login"},
		"nothing to ask at": {args: []string{"login"}, want: "set DRIFTSENTRY_EMAIL and DRIFTSENTRY_PASSWORD"},
		"no reason":         {args: []string{"approve", "x"}, want: `required flag(s) "reason" not set`},
		"no tool":           {args: []string{"run", "-w", "x"}, want: "say which tool makes the plan"},
	} {
		t.Run(name, func(t *testing.T) {
			r := d.run(ctx, t, tt.environ, tt.in, tt.args...)
			r.expect(t, 1, "driftsentry: ", tt.want)
			if r.out != "" {
				t.Errorf("standard output has %q", r.out)
			}
		})
	}
}

// preview: mutation: Preview of the job not looked at.
func (d *desk) preview(ctx context.Context, t *testing.T, text string) {
	t.Helper()
	environ := []string{"CI=true", "GITLAB_CI=true", "CI_MERGE_REQUEST_IID=3", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME=fix", "DRIFTSENTRY_WORKSPACE=merge-request"}
	d.run(ctx, t, environ, text, "send").expect(t, 2, "its plan is sent as a preview", "a preview: nothing was recorded")
	if list, err := d.engineer.ListDrifts(ctx, client.DriftQuery{Workspace: "merge-request"}, client.Page{}); err != nil || len(list.Items) > 0 {
		t.Errorf("%v, %d drifts", err, len(list.Items))
	}
	d.run(ctx, t, environ, text, "send", "--purpose=record", "--fail-on=new").expect(t, 2, "4 new")
}

// failure: the program is not on the PATH, which is empty.
func (d *desk) failure(ctx context.Context, t *testing.T, text string) {
	t.Helper()
	d.run(ctx, t, nil, "", "run", "-w", "broken", "--", "terraform").expect(t, 1, "terraform plan failed", "there is no workspace broken yet")
	d.run(ctx, t, nil, text, "send", "-w", "broken").expect(t, 2)
	d.run(ctx, t, nil, "", "run", "-w", "broken", "--run-url=https://ci.example/8", "--", "terraform").expect(t, 1, "DriftSentry knows that the run of broken failed")
	if c := d.lastCheck(ctx, t, "broken"); c.Status != client.CheckErrored || !strings.Contains(c.FailureReason, "terraform plan failed") || c.RunURL != "https://ci.example/8" {
		t.Errorf("%+v", c)
	}
}

// cut: mutation: tellFailure left out of send.
func (d *desk) cut(ctx context.Context, t *testing.T, text string) {
	t.Helper()
	var compact bytes.Buffer // as the tools print it
	if err := json.Compact(&compact, []byte(text)); err != nil {
		t.Fatal(err)
	}
	d.run(ctx, t, nil, compact.String(), "send", "-w", "cut").expect(t, 2)
	d.run(ctx, t, nil, compact.String()[:compact.Len()/2], "send", "-w", "cut").expect(t, 1, "unexpected EOF", "DriftSentry knows that the run of cut failed")
	if c := d.lastCheck(ctx, t, "cut"); c.Status != client.CheckErrored || !strings.Contains(c.FailureReason, "the plan cannot be read") {
		t.Errorf("%+v", c)
	}
}

// decide goes through a day at a terminal. Mutations: the session not kept, or readable for others; a password in the file.
func (d *desk) decide(ctx context.Context, t *testing.T) {
	t.Helper()
	person := []string{"DRIFTSENTRY_EMAIL=" + engineer, "DRIFTSENTRY_PASSWORD=" + d.password}
	d.run(ctx, t, person, "", "login").expect(t, 0, "Signed in")
	kept, err := filepath.Glob(filepath.Join(d.config, "driftsentry", "*"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("%v, %q", err, kept)
	}
	info, err := os.Stat(kept[0])
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", err, info.Mode())
	}
	if raw, err := os.ReadFile(kept[0]); err != nil || strings.Contains(string(raw), d.password) {
		t.Errorf("%v, or the password is in the file", err)
	}
	var drifts []client.Drift
	r := d.run(ctx, t, nil, "", "list", "--json", "--workspace=merge-request", "--severity=critical", "--status=detected,triaged")
	if err := json.Unmarshal([]byte(r.out), &drifts); err != nil || len(drifts) != 2 {
		t.Fatalf("%v: %s%s", err, r.out, r.log)
	}
	one, two := drifts[0], drifts[1]
	d.run(ctx, t, nil, "", "list", "--limit=1").expect(t, 0, "There are more than 1")
	d.run(ctx, t, nil, "", "show", one.ID).expect(t, 0, one.ResourceID, "drift.created")
	d.run(ctx, t, nil, "", "approve", one.ID, "--reason=short").expect(t, 1, "must have 10 to 1000 characters")
	d.run(ctx, t, nil, "", "approve", one.ID, "-r", "as agreed on Monday", "--version=1").expect(t, 0, "approved "+one.ResourceID)
	d.run(ctx, t, nil, "", "reject", one.ID, two.ID, "-r", "nobody agreed to this").expect(t, 1, "409")
	d.run(ctx, t, nil, "", "reject", two.ID, "-r", "nobody agreed to this").expect(t, 0, "rejected "+two.ResourceID)
	if got, err := d.engineer.GetDrift(ctx, two.ID); err != nil || got.Status != client.Rejected || got.RejectedBy != engineer {
		t.Errorf("%+v, %v", got, err)
	}
	d.run(ctx, t, nil, "", "reopen", one.ID, "-r", "that was the wrong one").expect(t, 0, "reopened "+one.ResourceID)
	d.run(ctx, t, nil, "", "approve", one.ID, "-r", "as agreed on Monday", "--until=soon").expect(t, 1, "--until: give a day")
	d.run(ctx, t, nil, "", "approve", one.ID, "-r", "as agreed on Monday", "--until="+time.Now().AddDate(0, 1, 0).Format(time.DateOnly)).expect(t, 0, "approved "+one.ResourceID)
	d.run(ctx, t, nil, "", "comment", one.ID, "until the launch").expect(t, 0)
	if got, err := d.engineer.GetDrift(ctx, one.ID); err != nil || got.ApprovedUntil.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
	d.run(ctx, t, nil, "", "show", one.ID).expect(t, 0, "until the launch")
	d.run(ctx, t, nil, "", "export", "--status=approved", "--severity=critical").expect(t, 0, "id,workspace,resourceId", one.ID)
	d.run(ctx, t, nil, "", "export", "--format=xls").expect(t, 1, "csv, ndjson")
	d.suppressed(ctx, t, one)
	d.run(ctx, t, nil, "", "logout").expect(t, 0)
	d.run(ctx, t, nil, "", "list").expect(t, 1, "you are not signed in")
}

// suppressed looks at a drift that a rule ignores. Mutations: --suppressed not sent; show without the rule.
func (d *desk) suppressed(ctx context.Context, t *testing.T, one client.Drift) {
	t.Helper()
	made, err := d.admin.CreateRule(ctx, client.RuleDraft{
		Effect: client.IgnoreDrifts, Match: client.RuleMatch{Workspaces: []string{one.Workspace}, Addresses: []string{one.ResourceID}}, Reason: "nobody looks at this one",
	})
	if err != nil {
		t.Fatal(err)
	}
	for {
		got, err := d.admin.GetDrift(ctx, one.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.Suppressed != nil {
			break
		}
	}
	if r := d.run(ctx, t, nil, "", "list", "--workspace="+one.Workspace); r.status != 0 || strings.Contains(r.out, one.ID) {
		t.Errorf("%d: %s%s", r.status, r.out, r.log)
	}
	d.run(ctx, t, nil, "", "list", "--workspace="+one.Workspace, "--suppressed=true").expect(t, 0, one.ID)
	d.run(ctx, t, nil, "", "export", "--suppressed=any").expect(t, 0, one.ID)
	d.run(ctx, t, nil, "", "show", one.ID).expect(t, 0, "ignored by rule "+made.ID+": nobody looks at this one")
	d.run(ctx, t, nil, "", "list", "--suppressed=all").expect(t, 1, "suppressed")
}

// watch prints an event of a plan that is sent meanwhile, and ends well when it is interrupted.
func (d *desk) watch(ctx context.Context, t *testing.T, text string) {
	t.Helper()
	c := exec.CommandContext(ctx, d.program, "watch", "--json")
	c.Env = slices.Concat(d.environ, []string{"DRIFTSENTRY_EMAIL=" + engineer, "DRIFTSENTRY_PASSWORD=" + d.password})
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	log, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(log).ReadString('\n'); err != nil || !strings.HasPrefix(line, "live ") {
		t.Fatalf("%v: %q", err, line)
	}
	d.run(ctx, t, nil, text, "send", "-w", "watched").expect(t, 2)
	var e client.Event
	if err := json.NewDecoder(out).Decode(&e); err != nil || e.Type != client.DriftCreated {
		t.Errorf("%v: %+v", err, e)
	}
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("after an interrupt: %v", err)
	}
}
