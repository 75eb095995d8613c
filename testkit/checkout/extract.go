package checkout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
)

// ErrNoHistory is the error of Extract where the commit is not there.
var ErrNoHistory = errors.New("the commit is not in this checkout's history (git fetch --unshallow)")

// Extract writes these paths of a commit, or all of it, into a folder.
func Extract(ctx context.Context, root, commit, into string, paths ...string) error {
	// A checkout of another user is refused by git otherwise, as in a container.
	git := func(args ...string) *exec.Cmd {
		return exec.CommandContext(ctx, "git", append([]string{"-c", "safe.directory=*", "-C", root}, args...)...)
	}
	if out, err := git("cat-file", "-e", commit+"^{commit}").CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %w: %s", commit, ErrNoHistory, err, bytes.TrimSpace(out))
	}
	archive, err := git(append([]string{"archive", commit}, paths...)...).Output()
	if err != nil {
		return fmt.Errorf("git archive %s: %w", commit, err)
	}
	extract := exec.CommandContext(ctx, "tar", "-x", "-C", into)
	extract.Stdin = bytes.NewReader(archive)
	if out, err := extract.CombinedOutput(); err != nil {
		return fmt.Errorf("extract %s: %w: %s", commit, err, out)
	}
	return nil
}
