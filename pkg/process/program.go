package process

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/health"
)

// Program is a service's command line: serve, which is the default, healthcheck, version, help, and commands of its own.
// It exits with 0, with 1 after an error, and with 2 when it was called wrongly.
type Program struct {
	Name  string
	Usage string
	Build Build
	// Port is the default of PORT.
	Port uint16
	// About says what serve does, and Serve does it.
	About string
	Serve func(ctx context.Context, environ []string, b Build) error
	// Commands are the service's own, by name.
	Commands map[string]func(ctx context.Context, p *Program, args []string) error
}

// errUsage says that the command line was wrong, and that the user has been told so.
var errUsage = errors.New("wrong usage")

// Main runs the program until SIGINT or SIGTERM, and exits.
func (p *Program) Main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	// The next signal has its default effect: the program ends at once.
	context.AfterFunc(ctx, stop)
	os.Exit(p.exitCode(p.run(ctx, os.Args[1:])))
}

// exitCode prints the error, if there is one.
func (p *Program) exitCode(err error) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", p.Name, err)
	return 1
}

func (p *Program) run(ctx context.Context, args []string) error {
	name := "serve"
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	if command, ok := p.Commands[name]; ok {
		return command(ctx, p, args)
	}
	switch name {
	case "serve":
		if err := p.Flags(name, p.About).Parse(args); err != nil {
			return err
		}
		return p.Serve(ctx, os.Environ(), p.Build)
	case "healthcheck":
		return p.healthcheck(ctx, args)
	case "version", "-version", "--version":
		_, err := fmt.Printf("%s %s (%s)\n", p.Name, p.Build.Version, p.Build.Commit)
		return err
	case "-h", "-help", "--help", "help":
		return p.Help()
	}
	return p.Wrong(fmt.Sprintf("%s: there is no command %q", p.Name, name))
}

// Help prints the usage.
func (p *Program) Help() error {
	_, err := os.Stdout.WriteString(p.Usage)
	return err
}

// Wrong says what is wrong with the command line, and prints the usage.
func (p *Program) Wrong(problem string) error {
	fmt.Fprintf(os.Stderr, "%s\n\n%s", problem, p.Usage)
	return errUsage
}

func (p *Program) healthcheck(ctx context.Context, args []string) error {
	if err := p.Flags("healthcheck", "Asks the service on HOST and PORT whether it is ready, and prints its response. Exits with 0 when it is.").Parse(args); err != nil {
		return err
	}
	c := struct {
		Host string `env:"HOST"`
		Port string `env:"PORT"`
	}{Port: fmt.Sprint(p.Port)}
	if err := config.Load(&c, os.Environ()); err != nil {
		return err
	}
	report, err := health.Probe(ctx, c.Host, c.Port)
	if len(report) > 0 {
		fmt.Printf("%s\n", report)
	}
	return err
}

// Build is what a program was built from.
type Build struct{ Version, Commit string }

// NewBuild returns the values that the linker has set, or else those that Go stores in the program.
func NewBuild(version, commit string) Build {
	b := Build{Version: version, Commit: commit}
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
