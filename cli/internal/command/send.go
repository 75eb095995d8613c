package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/driftsentry/driftsentry/cli/internal/planfile"
	"github.com/driftsentry/driftsentry/cli/internal/report"
	"github.com/driftsentry/driftsentry/cli/internal/runner"
	"github.com/driftsentry/driftsentry/client"
)

const sendHelp = `Sends a plan to DriftSentry, and says what it found.

The plan is what "terraform show -json PLANFILE" or "tofu show -json PLANFILE" prints. It comes from standard input, or from a file. A file
that "plan -out" made is also taken: then the tool must be on the PATH (--tool says which one, when both are).

  terraform plan -refresh-only -out tfplan && terraform show -json tfplan | driftsentry send
  driftsentry send tfplan

What a plan does not say about itself, you have to say, or no drift is closed:
  --refreshed          a normal plan was made with refresh, which is the tools' default
  --scope=full         OpenTofu, and Terraform before 1.8: without -target and -exclude

The job's run, branch and commit are read from GitHub's and GitLab's variables. The plan of a pull request or a merge request is sent as a
preview, which records nothing but the check (--purpose=record changes that).`

// sendFlags are the flags that send and run have in common.
type sendFlags struct {
	workspace, scope, mode, purpose, slim, failOn, summary string
	refreshed, changes, json                               bool
	source                                                 client.Source
	timeout                                                time.Duration
}

func (f *sendFlags) add(c *cobra.Command) {
	set := c.Flags()
	set.StringVarP(&f.workspace, "workspace", "w", "", "workspace that the plan is of [DRIFTSENTRY_WORKSPACE]")
	set.StringVar(&f.scope, "scope", "", "full or partial: whether the plan covers the whole root")
	set.StringVar(&f.purpose, "purpose", "", "record or preview (default: preview in a pull request or merge request, else record)")
	set.BoolVar(&f.changes, "include-changes", false, "also record what the plan would apply")
	set.StringVar(&f.slim, "slim", string(planfile.Safe), "what to leave out: none, safe (what proves nothing about drift) or drift (all but the drift)")
	set.StringVar(&f.failOn, "fail-on", "any", "what makes the exit status 2: any, critical, warning (or worse), new, never")
	set.BoolVar(&f.json, "json", false, "print the response as JSON, in place of a table")
	set.StringVar(&f.summary, "summary", "", "append a summary in Markdown to this file [GITHUB_STEP_SUMMARY]")
	set.DurationVar(&f.timeout, "timeout", 10*time.Minute, "give up sending after this time")
	set.StringVar(&f.source.Ref, "ref", "", "branch or tag (default: the job's)")
	set.StringVar(&f.source.Commit, "commit", "", "commit (default: the job's)")
	set.StringVar(&f.source.RunURL, "run-url", "", "address of the job (default: the job's)")
	set.StringVar(&f.source.TriggeredBy, "triggered-by", "", "who started the job (default: the job's)")
	complete(c, "scope", "purpose", "slim", "fail-on")
}

// choices are the values of flags that take no others.
var choices = map[string][]string{
	"scope":    {"full", "partial"},
	"mode":     {"refresh-only", "normal", "destroy"},
	"purpose":  {"record", "preview"},
	"slim":     {string(planfile.Whole), string(planfile.Safe), string(planfile.Drift)},
	"fail-on":  {"any", "critical", "warning", "new", "never"},
	"tool":     {"terraform", "tofu", "terragrunt"},
	"severity": {"critical", "warning", "info"},
	"status":   {"detected", "triaged", "approved", "rejected", "resolved"},
}

// complete names the values of flags to the shell.
func complete(c *cobra.Command, flags ...string) {
	for _, flag := range flags {
		if err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(choices[flag], cobra.ShellCompDirectiveNoFileComp)); err != nil {
			panic(err) // There is no such flag.
		}
	}
}

func (p *program) sendCommand() *cobra.Command {
	var f sendFlags
	var tool string
	c := &cobra.Command{
		Use: "send [FILE]", Short: "Send a plan", Long: sendHelp, Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := p.sender(&f)
			if err != nil {
				return err
			}
			plan, err := p.open(c.Context(), args, tool)
			if err != nil {
				return err
			}
			defer plan.Close()
			return s.send(c.Context(), s.workspace, plan)
		},
	}
	f.add(c)
	c.Flags().StringVar(&f.mode, "mode", "", "refresh-only, normal or destroy: how the plan was made, for a slimmed one")
	c.Flags().BoolVar(&f.refreshed, "refreshed", false, "the plan was made with refresh")
	c.Flags().StringVar(&tool, "tool", "", "the program that reads a plan file: terraform, tofu or terragrunt")
	complete(c, "mode", "tool")
	return c
}

// open opens the plan: standard input, a file of JSON, or what the tool shows of a plan file.
func (p *program) open(ctx context.Context, args []string, tool string) (io.ReadCloser, error) {
	if len(args) == 0 || args[0] == "-" {
		if columns(p.log) > 0 && isTerminal(p.in) {
			fmt.Fprintln(p.log, "Reading the plan from standard input; driftsentry send --help tells what to send.")
		}
		return io.NopCloser(p.in), nil
	}
	file, err := os.Open(args[0])
	if err != nil {
		return nil, fmt.Errorf("open the plan: %w", err)
	}
	magic := make([]byte, 4)
	n, err := file.ReadAt(magic, 0)
	if err != nil && !errors.Is(err, io.EOF) || n < 4 || string(magic) != "PK\x03\x04" {
		return file, nil
	}
	file.Close()
	if tool == "" {
		if tool, err = foundTool(); err != nil {
			return nil, err
		}
	}
	return p.show(ctx, tool, nil, args[0])
}

// foundTool is the one program on the PATH that can show a plan.
func foundTool() (string, error) {
	var found []string
	for _, name := range []string{"terraform", "tofu"} {
		if _, err := exec.LookPath(name); err == nil {
			found = append(found, name)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return "", fmt.Errorf("this file has to be shown by the tool that made it, and %d of terraform and tofu are on the PATH: give --tool", len(found))
}

// sender sends the plans of one command.
type sender struct {
	*program
	*sendFlags
	client  *client.Client
	traceID string
}

// sender checks the flags, before anything takes time.
func (p *program) sender(f *sendFlags) (*sender, error) {
	var err error
	if f.workspace, err = p.setting(f.workspace, "workspace", "DRIFTSENTRY_WORKSPACE"); err != nil {
		return nil, err
	}
	for _, given := range []struct {
		flag, value string
		optional    bool
	}{{"scope", f.scope, true}, {"mode", f.mode, true}, {"purpose", f.purpose, true}, {"slim", f.slim, false}, {"fail-on", f.failOn, false}} {
		if (given.value != "" || !given.optional) && !slices.Contains(choices[given.flag], given.value) {
			return nil, fmt.Errorf("--%s: %q is not one of: %s", given.flag, given.value, strings.Join(choices[given.flag], ", "))
		}
	}
	credentials, err := p.credentials()
	if err != nil {
		return nil, err
	}
	if f.purpose == "" && p.job.Preview {
		f.purpose = "preview"
		fmt.Fprintf(p.log, "This job of %s is about a change that is not merged: its plan is sent as a preview. --purpose=record changes that.\n", p.job.Host)
	}
	fill(&f.source.Ref, p.job.Source.Ref)
	fill(&f.source.Commit, p.job.Source.Commit)
	fill(&f.source.RunURL, p.job.Source.RunURL)
	fill(&f.source.TriggeredBy, p.job.Source.TriggeredBy)
	fill(&f.summary, p.job.Summary)
	trace := p.trace()
	c, err := p.client(credentials, client.WithHeaders(trace.set))
	if err != nil {
		return nil, err
	}
	return &sender{p, f, c, trace.id()}, nil
}

// credentials are the API key, or else the token that the host of the job issues.
func (p *program) credentials() (client.Option, error) {
	if key := p.getenv("DRIFTSENTRY_API_KEY"); key != "" {
		return client.WithAPIKey(key), nil
	}
	audience := p.getenv("DRIFTSENTRY_AUDIENCE")
	if audience == "" {
		var err error
		if audience, err = p.address(); err != nil {
			return nil, err
		}
	}
	if source := runner.Tokens(p.getenv, audience); source != nil {
		return client.WithTokenSource(source), nil
	}
	return nil, errors.New(`set DRIFTSENTRY_API_KEY: an admin makes one of scope "ingest"
Or let the job use its own token, which an admin has to trust: in GitHub Actions with "permissions: id-token: write", in GitLab CI with "id_tokens: DRIFTSENTRY_ID_TOKEN"`)
}

func fill(flag *string, value string) {
	if *flag == "" {
		*flag = value
	}
}

// send sends one plan, and says what it found. A plan that cannot be read to its end is told as a failure of the run.
func (s *sender) send(ctx context.Context, workspace string, plan io.Reader) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	source := &noted{r: planfile.Slim(plan, planfile.Slimming(s.slim))}
	progress := newProgress(s.log)
	result, err := s.client.SendPlan(ctx, workspace, source, client.PlanOptions{
		Scope: s.scope, Mode: s.mode, Refreshed: s.refreshed, Purpose: s.purpose, IncludeChanges: s.changes, Source: s.source, Progress: progress.read,
	})
	progress.end()
	if source.err != nil {
		s.tellFailure(ctx, workspace, "the plan cannot be read: "+source.err.Error())
		return source.err
	}
	if err != nil {
		return fmt.Errorf("send the plan: %w", err)
	}
	return s.tell(result)
}

// noted keeps the error of a reader.
type noted struct {
	r   io.Reader
	err error
}

func (n *noted) Read(b []byte) (int, error) {
	count, err := n.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		n.err = err
	}
	return count, err //nolint:wrapcheck // It is passed on as it is.
}

// tell shows the result, and decides the exit status.
func (s *sender) tell(r client.PlanResult) error {
	if s.json {
		if err := encode(s.out, r); err != nil {
			return err
		}
	} else {
		report.Text(s.out, r, s.traceID, s.table())
	}
	if s.summary != "" {
		if err := s.writeSummary(r); err != nil {
			fmt.Fprintln(s.log, "The summary of the job is not written:", err)
		}
	}
	if r.Open == nil {
		fmt.Fprintln(s.log, "The server is older than this program, and does not count what is open: the exit status follows the drifts of this plan.")
	}
	if fails(s.failOn, r) {
		return errOpen
	}
	return nil
}

func (s *sender) writeSummary(r client.PlanResult) error {
	f, err := os.OpenFile(s.summary, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err //nolint:wrapcheck // It names the file.
	}
	report.Markdown(f, r, s.traceID)
	return f.Close() //nolint:wrapcheck // It names the file.
}

// fails reports whether a result is what --fail-on is about.
func fails(on string, r client.PlanResult) bool {
	counts, _ := report.Attention(r)
	switch on {
	case "critical":
		return counts[client.Critical] > 0
	case "warning":
		return counts[client.Critical]+counts[client.Warning] > 0
	case "new":
		return r.Check.Counts.New+r.Check.Counts.Changed > 0
	case "never":
		return false
	}
	return counts[client.Critical]+counts[client.Warning]+counts[client.Info] > 0
}

// tellFailure tells DriftSentry that the run failed, also when ctx has ended. It never fails the command, which has failed already.
func (s *sender) tellFailure(ctx context.Context, workspace, reason string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	const maxReason = 1000 // of the API, in characters
	if text := []rune(reason); len(text) > maxReason {
		reason = string(text[:maxReason])
	}
	_, err := s.client.SendFailure(ctx, workspace, reason, s.purpose, s.source)
	switch {
	case client.HasCode(err, client.CodeNotFound):
		fmt.Fprintf(s.log, "The failure is not recorded: there is no workspace %s yet. Check the name; if it is right, the first run that gives a plan makes it.\n", report.Printable(workspace))
	case err != nil:
		fmt.Fprintln(s.log, "The failure is not recorded:", s.explain(err))
	default:
		fmt.Fprintf(s.log, "DriftSentry knows that the run of %s failed. Trace %s.\n", report.Printable(workspace), s.traceID)
	}
}

func encode(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(value); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}
