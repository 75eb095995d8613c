package localpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// debian installs PostgreSQL with apt-get. The caller is root.
type debian struct {
	aptGet string
	// clusterConfig is where postgresql-common reads whether a new server gets a cluster that runs at once.
	clusterConfig string
	say           func(string)
}

// install leaves no server of the distribution running and no setting changed: the one that would make and start a
// cluster of its own is off only during the installation.
func (d debian) install(ctx context.Context, version int) (string, error) {
	d.say("PostgreSQL is not on this machine: installing it with apt-get …")
	if err := d.apt(ctx, "install", "-y", "--no-install-recommends", "postgresql-common"); err != nil {
		d.say("Bringing apt's package lists up to date …")
		if err := d.apt(ctx, "update"); err != nil {
			return "", err
		}
		if err := d.apt(ctx, "install", "-y", "--no-install-recommends", "postgresql-common"); err != nil {
			return "", err
		}
	}
	restore, err := d.withoutCluster()
	if err != nil {
		return "", err
	}
	name := "postgresql"
	if version != 0 {
		name += "-" + strconv.Itoa(version)
	}
	return "", errors.Join(d.apt(ctx, "install", "-y", "--no-install-recommends", name), restore())
}

// withoutCluster turns the making of a cluster off and returns what puts the file back.
func (d debian) withoutCluster() (restore func() error, err error) {
	old, err := os.ReadFile(d.clusterConfig)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read apt's cluster settings: %w", err)
	}
	absent := err != nil
	if err := os.WriteFile(d.clusterConfig, append(old, "\ncreate_main_cluster = false\n"...), 0o644); err != nil {
		return nil, fmt.Errorf("keep apt from starting a server: %w", err)
	}
	return func() error {
		if absent {
			return os.Remove(d.clusterConfig)
		}
		return os.WriteFile(d.clusterConfig, old, 0o644)
	}, nil
}

func (d debian) apt(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, d.aptGet, args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, tail(strings.TrimSpace(string(out)), 5))
	}
	return nil
}
