package localpg

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// oldest is the first major version that the schema and the tests are made for.
const oldest = 14

// programs is a folder with PostgreSQL's programs and their major version.
type programs struct {
	dir     string
	version int
}

func (p programs) path(name string) string { return filepath.Join(p.dir, name) }

// finder looks for PostgreSQL's programs and installs them when there are none.
type finder struct {
	// globs are where systems keep the programs, beside PATH.
	globs []string
	// version tells a program's major version, run as the user who will run it.
	version func(ctx context.Context, postgres string) (int, error)
	// installers are tried in order until one makes programs appear.
	installers []installer
}

// installer brings the programs to the machine and returns the folder, or "" when the globs find it now.
type installer struct {
	name    string
	install func(ctx context.Context, version int) (string, error)
}

func (c *Cluster) finder() finder {
	f := finder{
		globs: []string{
			"/usr/lib/postgresql/*/bin",                            // Debian, Ubuntu
			"/usr/pgsql-*/bin",                                     // Red Hat
			"/opt/homebrew/opt/postgresql@*/bin",                   // Homebrew on Apple silicon
			"/usr/local/opt/postgresql@*/bin",                      // Homebrew on Intel
			"/Applications/Postgres.app/Contents/Versions/*/bin",   // Postgres.app
			filepath.Join(c.home, "programs", "postgres-*", "bin"), // what we fetched earlier
		},
		version: c.programVersion,
	}
	if apt, err := exec.LookPath("apt-get"); err == nil && os.Geteuid() == 0 {
		f.installers = append(f.installers, installer{"apt-get", debian{
			aptGet: apt, clusterConfig: "/etc/postgresql-common/createcluster.conf", say: c.opts.Log,
		}.install})
	}
	f.installers = append(f.installers, installer{"embedded-postgres", c.fetch})
	return f
}

// find returns the newest programs, or with want ≠ 0 those of that major version, which made the data that is there.
func (f finder) find(ctx context.Context, want int) (programs, error) {
	found, ok := f.look(ctx, want, f.candidates())
	if ok {
		return found, nil
	}
	problems := []error{fmt.Errorf("no PostgreSQL %s on this machine", wanted(want))}
	for _, in := range f.installers {
		dir, err := in.install(ctx, want)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", in.name, err))
			continue
		}
		candidates := f.candidates()
		if dir != "" {
			candidates = append(candidates, dir)
		}
		if found, ok := f.look(ctx, want, candidates); ok {
			return found, nil
		}
		problems = append(problems, fmt.Errorf("%s: brought no PostgreSQL %s", in.name, wanted(want)))
	}
	return programs{}, fmt.Errorf("%w\ninstall PostgreSQL (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql@17), or set DATABASE_URL (tests: TEST_DATABASE_URL) to a server of yours",
		errors.Join(problems...))
}

func wanted(version int) string {
	if version == 0 {
		return fmt.Sprintf("%d or newer", oldest)
	}
	return fmt.Sprintf("%d, which made the data that is there,", version)
}

// candidates are the folders that may hold programs, each once.
func (f finder) candidates() []string {
	var dirs []string
	if path, err := exec.LookPath("initdb"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	for _, glob := range f.globs {
		matches, _ := filepath.Glob(glob) // It fails only for a malformed pattern.
		dirs = append(dirs, matches...)
	}
	for i, dir := range dirs {
		// A link on PATH leads to the folder that has the other programs too.
		if target, err := filepath.EvalSymlinks(filepath.Join(dir, "initdb")); err == nil {
			dirs[i] = filepath.Dir(target)
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// look returns the candidate with the highest version, or with the wanted one.
func (f finder) look(ctx context.Context, want int, dirs []string) (programs, bool) {
	var usable []programs
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
			continue
		}
		version, err := f.version(ctx, filepath.Join(dir, "postgres"))
		if err != nil || version < oldest || want != 0 && version != want {
			continue
		}
		usable = append(usable, programs{dir, version})
	}
	if len(usable) == 0 {
		return programs{}, false
	}
	return slices.MaxFunc(usable, func(a, b programs) int { return cmp.Compare(a.version, b.version) }), true
}

// programVersion runs the program as the server's user, which also proves that this user can.
func (c *Cluster) programVersion(ctx context.Context, postgres string) (int, error) {
	out, err := c.command(ctx, postgres, "--version").Output() // postgres (PostgreSQL) 17.2 (Debian 17.2-1)
	if err != nil {
		return 0, fmt.Errorf("ask %s for its version: %w", postgres, err)
	}
	fields := strings.Fields(string(out))
	if len(fields) < 3 {
		return 0, fmt.Errorf("%s says a strange version: %q", postgres, out)
	}
	digits := fields[2]
	if end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		digits = digits[:end] // 17.2, 18beta1
	}
	return strconv.Atoi(digits)
}
