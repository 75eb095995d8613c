package process

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

// Flags are those of a command, which takes nothing else.
type Flags struct {
	*flag.FlagSet

	program string
}

// Flags makes the flags of a command. about is what its help says.
func (p *Program) Flags(command, about string) Flags {
	set := flag.NewFlagSet(command, flag.ContinueOnError)
	set.Usage = func() {
		out := set.Output()
		fmt.Fprintf(out, "%s %s\n\n%s\n", p.Name, command, about)
		set.VisitAll(func(f *flag.Flag) {
			argument, text := flag.UnquoteUsage(f)
			fmt.Fprintf(out, "\n  --%s %s\n        %s\n", f.Name, argument, text)
		})
	}
	return Flags{set, p.Name}
}

// Parse reads the flags. Help goes to standard output, since it was asked for.
func (s Flags) Parse(args []string) error {
	for _, arg := range args {
		if arg == "-h" || arg == "-help" || arg == "--help" {
			s.SetOutput(os.Stdout)
		}
	}
	if err := s.FlagSet.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage // The flag set has told it.
	}
	if s.NArg() > 0 {
		return s.Wrong("unexpected argument: %q", s.Arg(0))
	}
	return nil
}

// Wrong says what is wrong with the command line.
func (s Flags) Wrong(format string, args ...any) error {
	fmt.Fprintf(s.Output(), "%s %s: %s\n\n", s.program, s.Name(), fmt.Sprintf(format, args...))
	s.Usage()
	return errUsage
}
