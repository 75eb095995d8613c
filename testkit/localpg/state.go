package localpg

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// state is what a cluster keeps beside its data, in cluster.json.
type state struct {
	Port     int    `json:"port"`
	Password string `json:"password"`
}

func readState(dir string) (state, error) {
	path := filepath.Join(dir, "cluster.json")
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return state{Password: rand.Text()}, nil
	}
	if err != nil {
		return state{}, fmt.Errorf("read the cluster's port and password: %w", err)
	}
	var s state
	if err := json.Unmarshal(raw, &s); err != nil {
		return state{}, fmt.Errorf("%s is damaged: remove the folder %s to start afresh: %w", path, dir, err)
	}
	return s, nil
}

// save replaces the file in one step: a crash leaves the old one or the new one.
func (s state) save(dir string) error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("keep the cluster's port and password: %w", err)
	}
	path := filepath.Join(dir, "cluster.json")
	if err := os.WriteFile(path+".new", append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("keep the cluster's port and password: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("keep the cluster's port and password: %w", err)
	}
	return nil
}

// lockDir keeps two processes from running one cluster. The lock ends with the process, however it ends.
func lockDir(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("%s is another user's: run as that user, or have it removed: %w", dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("lock the cluster: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(f.Name())
		f.Close()
		return nil, fmt.Errorf("the PostgreSQL in %s is in use by process %s: stop that first", dir, strings.TrimSpace(string(holder)))
	}
	if err := errors.Join(f.Truncate(0), writeString(f, strconv.Itoa(os.Getpid())+"\n")); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock the cluster: %w", err)
	}
	return func() { f.Close() }, nil
}

func writeString(f *os.File, s string) error {
	_, err := f.WriteString(s)
	return err
}

// dataVersion is the major version that made the data, 0 when there is none.
func (c *Cluster) dataVersion() (int, error) {
	raw, err := os.ReadFile(filepath.Join(c.data(), "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the data's version: %w", err)
	}
	major, _, _ := strings.Cut(strings.TrimSpace(string(raw)), ".")
	version, err := strconv.Atoi(major)
	if err != nil {
		return 0, fmt.Errorf("read the data's version: %w", err)
	}
	return version, nil
}

// Remove deletes a stopped cluster with its data, wherever that lies.
func Remove(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("find the cluster's folder: %w", err)
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	unlock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer unlock()
	data := filepath.Join(home(dir), "data")
	if pid := postmasterPID(data); pid != 0 && runsIn(pid, data) {
		return fmt.Errorf("a PostgreSQL (process %d) still runs in %s: stop it first", pid, data)
	}
	return errors.Join(os.RemoveAll(home(dir)), os.RemoveAll(dir))
}
