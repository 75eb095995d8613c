package localpg

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// owner is the unprivileged user that a root caller's server runs as. Nil means the caller.
type owner struct {
	name     string
	uid, gid uint32
}

// findOwner picks the user: the owner of existing data, else postgres, else an unprivileged one.
func (c *Cluster) findOwner() (*owner, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	if info, err := os.Stat(c.data()); err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 {
			return &owner{name: "uid " + strconv.Itoa(int(st.Uid)), uid: st.Uid, gid: st.Gid}, nil
		}
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if errUID != nil || errGID != nil {
			continue
		}
		return &owner{name: name, uid: uint32(uid), gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and neither the user postgres nor the user nobody exists")
}

// home is the folder that holds the data and fetched programs of the cluster in dir: dir itself, unless it lies
// elsewhere since an earlier start.
func home(dir string) string {
	if _, err := os.Stat(filepath.Join(elsewhere(dir), "data")); err == nil {
		return elsewhere(dir)
	}
	return dir
}

func (c *Cluster) data() string { return filepath.Join(c.home, "data") }

// relocate finds a place for new data. The server can't use a checkout below a folder that only root can enter, such
// as /root.
func (c *Cluster) relocate(ctx context.Context) error {
	if c.owner == nil || c.reachable(ctx, c.home) {
		return nil
	}
	unreachable := c.home
	c.home = elsewhere(c.dir)
	c.say("PostgreSQL does not run as root, and the user %s cannot enter %s: the data goes to %s", c.owner.name, unreachable, c.home)
	if err := os.MkdirAll(c.home, 0o755); err != nil {
		return fmt.Errorf("make a folder for the data: %w", err)
	}
	if !c.reachable(ctx, c.home) {
		return fmt.Errorf("the user %s can enter neither %s nor %s", c.owner.name, unreachable, c.home)
	}
	return nil
}

// elsewhere names a folder for the data of the cluster in dir. /var/lib is root's, so no other user can lay a trap in
// it.
func elsewhere(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return filepath.Join("/var/lib", "driftsentry-"+hex.EncodeToString(sum[:6]))
}

// reachable asks the system rather than the mode bits: the change of folder happens as the other user.
func (c *Cluster) reachable(ctx context.Context, dir string) bool {
	cmd := exec.CommandContext(ctx, "true")
	cmd.Dir = dir
	cmd.SysProcAttr = c.owner.attributes()
	return cmd.Run() == nil
}

// attributes start a process as the owner and out of the terminal's process group, so that Ctrl-C reaches only us.
func (o *owner) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if o != nil {
		attr.Credential = &syscall.Credential{Uid: o.uid, Gid: o.gid}
	}
	return attr
}

// give hands a file or folder to the owner.
func (o *owner) give(path string) error {
	if o == nil {
		return nil
	}
	return os.Chown(path, int(o.uid), int(o.gid))
}

// command is one of PostgreSQL's programs, run as the owner in a folder it can enter.
func (c *Cluster) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = c.home
	// Nothing of the caller's PG* and locale settings reaches the server.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "HOME=" + cmd.Dir}
	if v := os.Getenv("LD_LIBRARY_PATH"); v != "" {
		cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+v)
	}
	cmd.SysProcAttr = c.owner.attributes()
	return cmd
}
