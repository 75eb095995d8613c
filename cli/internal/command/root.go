// Package command is the program driftsentry: its commands, flags, settings and exit statuses.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/driftsentry/driftsentry/cli/internal/report"
	"github.com/driftsentry/driftsentry/cli/internal/runner"
	"github.com/driftsentry/driftsentry/client"
)

// Exit statuses.
const (
	Fine   = 0
	Failed = 1
	Open   = 2 // something is open that --fail-on is about
)

// errOpen ends a command with Open. What is open was said before.
var errOpen = errors.New("something is open")

// program is what all commands share.
type program struct {
	version string
	getenv  func(string) string
	in      io.Reader
	out     io.Writer // results
	log     io.Writer // everything else
	job     runner.Job

	url, realtime string
}

// Environment is where the program runs. Standard input, output and error may be terminals.
type Environment struct {
	Version  string
	Getenv   func(string) string
	In       io.Reader
	Out, Err io.Writer
	Job      runner.Job
}

// Run runs the program with its arguments, without its name, and returns the exit status.
func Run(ctx context.Context, e Environment, args []string) int {
	p := &program{version: e.Version, getenv: e.Getenv, in: e.In, out: e.Out, log: e.Err, job: e.Job}
	root := p.root()
	root.SetArgs(args)
	root.SetIn(e.In)
	root.SetOut(e.Out)
	root.SetErr(e.Err)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return Fine
	case errors.Is(err, errOpen):
		return Open
	}
	fmt.Fprintln(e.Err, "driftsentry: "+strings.ReplaceAll(p.explain(err), "\n", "\n  "))
	return Failed
}

const rootHelp = `driftsentry sends Terraform and OpenTofu plans to DriftSentry, and shows and decides the drifts that it recorded.

In CI, with an API key of scope "ingest":

  driftsentry run -- terraform              plan with -refresh-only, and send the result, or that it failed
  terraform show -json tfplan | driftsentry send
                                            send a plan that you made yourself

At your desk, after driftsentry login:

  driftsentry list                          what is open
  driftsentry approve ID --reason "…"       accept a drift
  driftsentry watch                         changes as they happen

Settings come from flags, or from the environment:

  DRIFTSENTRY_URL          the address of DriftSentry, such as https://driftsentry.example.com
  DRIFTSENTRY_API_KEY      the API key, for send and run
  DRIFTSENTRY_ID_TOKEN     in its place, the job's own token, in GitLab CI; GitHub Actions gives one where the job has the permission
                           id-token: write
  DRIFTSENTRY_AUDIENCE     the audience to ask GitHub for; the address of DriftSentry without it
  DRIFTSENTRY_WORKSPACE    the workspace, for send and run
  DRIFTSENTRY_EMAIL, DRIFTSENTRY_PASSWORD
                           sign in with these in place of a stored session
  DRIFTSENTRY_REALTIME_URL the address of realtime, where it is not that of the API
  TRACEPARENT              the trace that the request continues; one begins here without it

Exit status of send and run: 0 nothing is open that needs a decision, 2 something is (--fail-on says what counts), 1 the command
failed. Every other command: 0, or 1 when it failed.`

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use: "driftsentry", Short: "Send plans to DriftSentry, and decide drifts", Long: rootHelp,
		SilenceErrors: true, SilenceUsage: true,
	}
	root.PersistentFlags().StringVar(&p.url, "url", "", "address of DriftSentry [DRIFTSENTRY_URL]")
	root.PersistentFlags().StringVar(&p.realtime, "realtime-url", "", "address of realtime, if it has its own [DRIFTSENTRY_REALTIME_URL]")
	root.AddCommand(p.sendCommand(), p.runCommand(), p.listCommand(), p.showCommand(), p.commentCommand(), p.exportCommand(), p.watchCommand(), p.loginCommand(), p.logoutCommand(), p.versionCommand())
	for _, d := range decisions {
		root.AddCommand(p.decideCommand(d))
	}
	return root
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version of this program", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(p.out, "driftsentry "+p.version)
			return err //nolint:wrapcheck // It names the file.
		},
	}
}

// setting is a flag's value, or else that of a variable.
func (p *program) setting(flag, name, variable string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if value := p.getenv(variable); value != "" {
		return value, nil
	}
	return "", fmt.Errorf("set %s, or give --%s", variable, name)
}

// address is that of the service, without a slash at the end.
func (p *program) address() (string, error) {
	url, err := p.setting(p.url, "url", "DRIFTSENTRY_URL")
	return strings.TrimRight(url, "/"), err
}

// client is a client of the service, with the credentials of options.
func (p *program) client(options ...client.Option) (*client.Client, error) {
	url, err := p.address()
	if err != nil {
		return nil, err
	}
	options = append(options, client.WithUserAgent("driftsentry/"+p.version))
	if p.realtime == "" {
		p.realtime = p.getenv("DRIFTSENTRY_REALTIME_URL")
	}
	if p.realtime != "" {
		options = append(options, client.WithRealtime(p.realtime))
	}
	c, err := client.New(url, options...)
	if err != nil {
		return nil, fmt.Errorf("DRIFTSENTRY_URL or --url: %w", err)
	}
	return c, nil
}

// explain makes a text for people of an error.
func (p *program) explain(err error) string {
	text := err.Error()
	e, ok := errors.AsType[*client.Error](err)
	if !ok {
		return text
	}
	for _, f := range e.Fields {
		if strings.Contains(text, f.Message) {
			continue
		}
		text += fmt.Sprintf("\n%s: %s", f.Field, f.Message)
	}
	switch e.Code {
	case client.CodeAuth:
		text += "\nCheck DRIFTSENTRY_API_KEY, or the trust in the job's token, or sign in again: driftsentry login"
	case client.CodeForbidden:
		text += "\nAn API key may only send plans; your role, or the key's list of workspaces, does not allow this."
	case client.CodePayloadTooLarge:
		text += "\nTry --slim=drift, which sends the drift alone."
	case client.CodeNotFound:
		text += "\nIf the address is right, the server may be older than this program (" + p.version + ")."
	default:
	}
	return text
}

// table says how the output shows drifts.
func (p *program) table() report.Table {
	n := columns(p.out)
	return report.Table{Columns: n, Color: n > 0 && p.getenv("NO_COLOR") == ""}
}

// columns is the width of a terminal, 0 for anything else.
func columns(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}
