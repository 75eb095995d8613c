// Command api is the DriftSentry service that takes plans and decisions.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/driftsentry/driftsentry/services/api/internal/app"
)

// Set by the linker: -ldflags "-X main.version=1.2.3 -X main.commit=abc". What is not set comes from the build itself.
var version, commit string

const usage = `api takes plans and decisions, and keeps the record of them.

  api [serve]              serve until SIGINT or SIGTERM; a second signal forces
  api migrate              bring the database to the newest schema
  api redact               mask in what is stored what the present rules call secret
  api healthcheck          exit with 0 when the service of this machine is ready
  api user create          make a user, and the account when it is new
  api user set-password    give a user another password
  api version              say what this is

Each command tells more with -h. The configuration is in environment variables, which .env.example lists.
`

// errUsage says that the command line was wrong, and that this has been told already.
var errUsage = errors.New("wrong usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	// The next signal finds the default behaviour, which is to end at once.
	context.AfterFunc(ctx, stop)
	os.Exit(exitCode(run(ctx, os.Args[1:])))
}

// exitCode tells the error, if there is one.
func exitCode(err error) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	}
	fmt.Fprintln(os.Stderr, "api:", err)
	return 1
}

func run(ctx context.Context, args []string) error {
	name := "serve"
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	switch name {
	case "serve", "-h", "-help", "--help", "help":
		if name != "serve" {
			_, err := os.Stdout.WriteString(usage)
			return err
		}
		return serve(ctx, args)
	case "migrate":
		return migrate(ctx, args)
	case "redact":
		return redact(ctx, args)
	case "healthcheck":
		return healthcheck(ctx, args)
	case "user":
		return user(ctx, args)
	case "version", "-version", "--version":
		b := build()
		_, err := fmt.Printf("api %s (%s)\n", b.Version, b.Commit)
		return err
	}
	fmt.Fprintf(os.Stderr, "api: there is no command %q\n\n%s", name, usage)
	return errUsage
}

func serve(ctx context.Context, args []string) error {
	if err := flags("serve", "Serves until SIGINT or SIGTERM. In-flight requests are answered; a second signal forces.").parse(args); err != nil {
		return err
	}
	config, err := app.LoadConfig(os.Environ())
	if err != nil {
		return err
	}
	return app.Serve(ctx, config, build())
}

func migrate(ctx context.Context, args []string) error {
	if err := flags("migrate", "Brings the database of DATABASE_URL to the newest schema. Several may run at once; one waits for the other.").parse(args); err != nil {
		return err
	}
	return app.Migrate(ctx, os.Environ(), build(), os.Stdout)
}

func redact(ctx context.Context, args []string) error {
	if err := flags("redact", "Reads all that is stored again with the present rules of redaction, from the beginning or where it was stopped. A service does this once by itself after an upgrade. It wants the service's DATABASE_URL and DATA_KEY.").parse(args); err != nil {
		return err
	}
	return app.Redact(ctx, os.Environ(), build(), os.Stdout)
}

// build is what this program was built from.
func build() app.Build {
	b := app.Build{Version: version, Commit: commit}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && b.Commit == "" {
			b.Commit = setting.Value
		}
	}
	return b
}

// flagSet is a command's flags and what it takes nothing besides.
type flagSet struct{ *flag.FlagSet }

func flags(command, about string) flagSet {
	set := flag.NewFlagSet(command, flag.ContinueOnError)
	set.Usage = func() {
		out := set.Output()
		fmt.Fprintf(out, "api %s\n\n%s\n", command, about)
		set.VisitAll(func(f *flag.Flag) {
			argument, text := flag.UnquoteUsage(f)
			fmt.Fprintf(out, "\n  --%s %s\n        %s\n", f.Name, argument, text)
		})
	}
	return flagSet{set}
}

// parse reads the flags. Help goes to stdout, since it was asked for.
func (s flagSet) parse(args []string) error {
	for _, arg := range args {
		if arg == "-h" || arg == "-help" || arg == "--help" {
			s.SetOutput(os.Stdout)
		}
	}
	if err := s.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage // The flag set has told it.
	}
	if s.NArg() > 0 {
		return s.wrong("there is nothing to give but flags: %q", s.Arg(0))
	}
	return nil
}

// wrong tells what is wrong with the command line.
func (s flagSet) wrong(format string, args ...any) error {
	fmt.Fprintf(s.Output(), "api %s: %s\n\n", s.Name(), fmt.Sprintf(format, args...))
	s.Usage()
	return errUsage
}
