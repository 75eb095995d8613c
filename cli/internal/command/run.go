package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const runHelp = `Makes a refresh-only plan, sends it to DriftSentry, and says what it found. When the tool fails, DriftSentry is told so: otherwise
the workspace would stay as green as it was.

  driftsentry run -- terraform
  driftsentry run -- tofu -chdir=network -var-file=prod.tfvars
  driftsentry run -- terragrunt --all         each unit is a workspace: WORKSPACE/path/of/the/unit

What follows the tool are options of its plan. With -target or -exclude the plan is partial, and closes no drift; without them
driftsentry states that it covers the whole root. The plan file is in a folder of its own, which is removed; its JSON is never
written to a disk. What the tool prints goes to standard error.`

func (p *program) runCommand() *cobra.Command {
	var f sendFlags
	c := &cobra.Command{
		Use: "run -- TOOL [OPTION]…", Short: "Plan with -refresh-only, and send the result", Long: runHelp,
		Args: cobra.ArbitraryArgs, ValidArgs: choices["tool"],
		RunE: func(c *cobra.Command, args []string) error {
			job, err := planned(args)
			if err != nil {
				return err
			}
			s, err := p.sender(&f)
			if err != nil {
				return err
			}
			s.mode = "refresh-only"
			if s.scope == "" {
				s.scope = job.scope()
			}
			return s.run(c.Context(), job)
		},
	}
	f.add(c)
	return c
}

// planning is a call of a tool.
type planning struct {
	tool   string
	global []string // options before the command
	plan   []string // options of plan
	all    bool     // all units of Terragrunt
}

// planned reads the arguments after `--`.
func planned(args []string) (planning, error) {
	if len(args) == 0 {
		return planning{}, errors.New("say which tool makes the plan: driftsentry run -- terraform")
	}
	j := planning{tool: args[0]}
	if !slices.Contains(choices["tool"], j.name()) {
		return j, fmt.Errorf("%q is none of terraform, tofu and terragrunt", args[0])
	}
	for i, a := range args[1:] {
		name := optionName(a)
		switch {
		case name == "-chdir":
			j.global = append(j.global, a)
		case a == "--all" && j.name() == "terragrunt":
			j.all = true
		case a == "plan" && i == 0, name == "-refresh-only", name == "-input":
		case !strings.HasPrefix(a, "-") && i == 0:
			return j, fmt.Errorf("%q: driftsentry calls plan itself; give only its options", a)
		case slices.Contains([]string{"-out", "-destroy", "-refresh", "-json"}, name):
			return j, fmt.Errorf("%s does not go with a refresh-only plan that driftsentry reads; for another plan, see driftsentry send --help", a)
		default:
			j.plan = append(j.plan, a)
		}
	}
	return j, nil
}

// name is the tool without its folder.
func (j planning) name() string { return strings.TrimSuffix(filepath.Base(j.tool), ".exe") }

// optionName is an option without its value, with one dash: the tools take one or two.
func optionName(argument string) string {
	name, _, _ := strings.Cut(strings.Replace(argument, "--", "-", 1), "=")
	return name
}

// scope is what the options say about how much the plan covers.
func (j planning) scope() string {
	for _, a := range j.plan {
		name := optionName(a)
		if slices.Contains([]string{"-target", "-target-file", "-exclude", "-exclude-file"}, name) {
			return "partial"
		}
	}
	return "full"
}

// run plans and sends.
func (s *sender) run(ctx context.Context, j planning) (err error) {
	folder, err := os.MkdirTemp("", "driftsentry-")
	if err != nil {
		return fmt.Errorf("make a folder for the plan: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }() // The plan has secrets in it.
	if j.all {
		return s.runAll(ctx, j, folder)
	}
	file := filepath.Join(folder, "tfplan")
	arguments := slices.Concat(j.global, []string{"plan", "-refresh-only", "-input=false", "-out=" + file}, j.plan)
	if err := s.tool(ctx, j.tool, arguments); err != nil {
		s.tellFailure(ctx, s.workspace, err.Error())
		return err
	}
	plan, err := s.show(ctx, j.tool, j.global, file)
	if err != nil {
		return err
	}
	defer plan.Close()
	return s.send(ctx, s.workspace, plan)
}

// runAll plans every unit below the folder, and sends the plans, also when some units failed.
func (s *sender) runAll(ctx context.Context, j planning, folder string) error {
	arguments := slices.Concat(j.global, []string{"run", "--all", "--non-interactive", "--json-out-dir", folder, "--", "plan", "-refresh-only", "-input=false"}, j.plan)
	failed := s.tool(ctx, j.tool, arguments)
	root, err := os.OpenRoot(folder)
	if err != nil {
		return fmt.Errorf("read the plans: %w", err)
	}
	defer root.Close()
	found := 0
	var open, refused error
	err = fs.WalkDir(root.FS(), ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "tfplan.json" {
			return err
		}
		found++
		plan, err := root.Open(file)
		if err != nil {
			return err //nolint:wrapcheck // It names the file.
		}
		defer plan.Close()
		unit := s.workspace + "/" + path.Dir(file)
		switch err := s.send(ctx, unit, plan); {
		case errors.Is(err, errOpen):
			open = err
		case err != nil:
			refused = errors.Join(refused, fmt.Errorf("%s: %w", unit, err))
		}
		return ctx.Err() // The other units are sent, unless the job was stopped.
	})
	err = errors.Join(refused, err)
	switch {
	case failed != nil:
		s.tellFailure(ctx, s.workspace, failed.Error())
		return errors.Join(failed, err)
	case err == nil && found == 0:
		return errors.New("terragrunt made no plan: is there a unit below this folder?")
	}
	if err != nil {
		return err // A failure goes before what is open.
	}
	return open
}

// patience is how long a tool may take to stop after an interrupt: it has a lock to release.
const patience = 30 * time.Second

// command prepares a call of a tool, without the key, which is not its business.
func (p *program) command(ctx context.Context, tool string, arguments []string) *exec.Cmd {
	c := exec.CommandContext(ctx, tool, arguments...)
	c.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "DRIFTSENTRY_API_KEY=") || strings.HasPrefix(v, "DRIFTSENTRY_ID_TOKEN=")
	})
	c.Env = append(c.Env, "TF_IN_AUTOMATION=1")
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = patience
	return c
}

// tool calls a tool, and shows what it prints. Its error has the tool's own first one.
func (p *program) tool(ctx context.Context, tool string, arguments []string) error {
	c := p.command(ctx, tool, arguments)
	first := &firstError{}
	c.Stdout, c.Stderr = p.log, io.MultiWriter(p.log, first)
	err := c.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 2 && slices.Contains(arguments, "-detailed-exitcode") {
		return nil // The plan shows changes. It did not fail.
	}
	if err == nil {
		return nil
	}
	name := filepath.Base(tool) + " plan failed"
	if text := first.String(); text != "" {
		return fmt.Errorf("%s: %s (%w)", name, text, err)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// firstError keeps the first line of a tool that has `Error: `.
type firstError struct {
	line []byte
	done bool
}

// maxLine bounds the kept part of a line, in bytes.
const maxLine = 500

func (f *firstError) Write(b []byte) (int, error) {
	for _, c := range b {
		switch {
		case f.done:
			return len(b), nil
		case c != '\n':
			if len(f.line) < maxLine {
				f.line = append(f.line, c)
			}
		case bytes.Contains(f.line, []byte("Error: ")):
			f.done = true
		default:
			f.line = f.line[:0]
		}
	}
	return len(b), nil
}

// String is the line without colors and borders.
func (f *firstError) String() string {
	_, text, found := strings.Cut(string(f.line), "Error: ")
	if !found {
		return ""
	}
	for { // The colors: ESC [ … m
		before, rest, found := strings.Cut(text, "\x1b[")
		if !found {
			return strings.TrimSpace(text)
		}
		_, after, _ := strings.Cut(rest, "m")
		text = before + after
	}
}

// show is the JSON of a plan file, while the tool prints it.
func (p *program) show(ctx context.Context, tool string, global []string, file string) (io.ReadCloser, error) {
	absolute, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("find the plan file: %w", err)
	}
	c := p.command(ctx, tool, slices.Concat(global, []string{"show", "-json", absolute}))
	c.Stderr = p.log
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", tool, err)
	}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("call %s: %w", tool, err)
	}
	return &shown{out, c}, nil
}

// shown ends with an error when the tool does: what it printed until then is no plan.
type shown struct {
	io.ReadCloser
	command *exec.Cmd
}

func (s *shown) Read(b []byte) (int, error) {
	n, err := s.ReadCloser.Read(b)
	if errors.Is(err, io.EOF) {
		if failure := s.command.Wait(); failure != nil {
			return n, fmt.Errorf("%s show -json: %w", filepath.Base(s.command.Path), failure)
		}
	}
	return n, err //nolint:wrapcheck // It is passed on as it is.
}

// Close ends a tool that still prints.
func (s *shown) Close() error {
	err := s.ReadCloser.Close()
	if s.command.ProcessState == nil {
		_ = s.command.Wait() // What was read until now was enough.
	}
	return err //nolint:wrapcheck // It is passed on as it is.
}
