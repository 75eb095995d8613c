package localpg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	embedded "github.com/fergusstrange/embedded-postgres"
)

// releases are the fetchable builds by major version; the first is the one for new data.
var releases = []embedded.PostgresVersion{embedded.V17, embedded.V18, embedded.V16, embedded.V15, embedded.V14}

// fetch downloads PostgreSQL's programs with embedded-postgres, which knows the builds of each system. That library
// fetches only on the way to a running server, so it gets a throw-away one; as root it stops at initdb, when the
// programs are already there.
func (c *Cluster) fetch(ctx context.Context, version int) (string, error) {
	release, err := releaseOf(version)
	if err != nil {
		return "", err
	}
	c.say("Fetching PostgreSQL %s …", release)
	scratch, err := os.MkdirTemp("", "driftsentry-fetch-")
	if err != nil {
		return "", fmt.Errorf("make a folder for the download: %w", err)
	}
	defer os.RemoveAll(scratch)
	target := filepath.Join(c.home, "programs", "postgres-"+string(release))
	// Unpacked under another name and then renamed: a download that is cut off leaves nothing that looks whole.
	fresh := filepath.Join(c.home, "programs", "new-"+string(release))
	if err := errors.Join(os.RemoveAll(fresh), os.MkdirAll(fresh, 0o755)); err != nil {
		return "", fmt.Errorf("make a folder for the programs: %w", err)
	}
	config := embedded.DefaultConfig().Version(release).Logger(io.Discard).Port(uint32(freePort())). //nolint:gosec // a port fits
														CachePath(filepath.Join(scratch, "cache")).RuntimePath(filepath.Join(scratch, "run")).BinariesPath(fresh)
	if url := os.Getenv("POSTGRES_BINARIES_URL"); url != "" {
		config = config.BinaryRepositoryURL(url)
	}

	done := make(chan error, 1)
	go func() {
		server := embedded.NewDatabase(config)
		err := server.Start()
		if err == nil {
			err = server.Stop()
		}
		done <- err
	}()
	select {
	case err = <-done:
	case <-ctx.Done(): // The library takes no context; its download ends with the process.
		return "", context.Cause(ctx)
	}
	if err != nil && os.Geteuid() != 0 {
		return "", err
	}
	if _, missing := os.Stat(filepath.Join(fresh, "bin", "initdb")); missing != nil {
		return "", errors.Join(err, missing)
	}
	if err := errors.Join(os.RemoveAll(target), os.Rename(fresh, target)); err != nil {
		return "", fmt.Errorf("put the programs in place: %w", err)
	}
	return filepath.Join(target, "bin"), nil
}

func releaseOf(version int) (embedded.PostgresVersion, error) {
	if version == 0 {
		return releases[0], nil
	}
	for _, r := range releases {
		if strings.HasPrefix(string(r), fmt.Sprintf("%d.", version)) {
			return r, nil
		}
	}
	return "", fmt.Errorf("no build of PostgreSQL %d to fetch", version)
}
