//go:build faults && linux

package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/test/internal/workload"
)

// TestDiskFull fills the disk of Postgres while clients write, read and listen. Writes get 503 and leave nothing half done, and when
// there is room again both services go on without a restart. Postgres itself may end, when it can't even write its log; then its
// supervisor starts it again.
//
// Mutation: no translation of Postgres's class 53 (pkg/pg), and writes get a 500.
func TestDiskFull(t *testing.T) {
	disk := smallDisk(t)
	r := startRun(t, 1, "NATS_URL=")
	ballast := filepath.Join(disk, "ballast")
	full := fault{
		name: "Postgres's disk is full", silent: "a page comes by the host's metrics",
		inject: func(ctx context.Context, r *run) (func(context.Context) error, error) {
			if err := fill(ballast); err != nil {
				return nil, err
			}
			return func(ctx context.Context) error {
				err := os.Remove(ballast)
				select {
				case <-r.cluster.Done():
					err = errors.Join(err, r.cluster.Restart(ctx))
				default:
				}
				return err
			}, r.refusedForSpace(ctx)
		},
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	o, err := r.try(ctx, full)
	if err != nil {
		t.Fatal(err)
	}
	for status, n := range o.answers {
		if !allowed(full, status) {
			t.Errorf("%d responses with status %d", n, status)
		}
	}
	if n := o.after[500]; n > 0 {
		t.Errorf("%d responses with status 500 when it was over", n)
	}
	t.Logf("responses %s; recovered in %s", answers(o.answers), o.recovery)
	r.finish()
}

// refusedForSpace sends plans until one is refused because the disk is full.
func (r *run) refusedForSpace(ctx context.Context) error {
	c := r.client(r.t, r.api[0], r.token, client.WithRetry(client.Retry{Tries: 1}))
	for round := 0; ctx.Err() == nil; round++ {
		plan, err := json.Marshal(workload.Plan(2000, round))
		if err != nil {
			return err
		}
		_, err = c.SendPlan(ctx, "large", bytes.NewReader(plan), client.PlanOptions{})
		if failed, ok := errors.AsType[*client.Error](err); ok {
			r.t.Logf("a plan got %d %s", failed.Status, failed.Message)
			if failed.Status == http.StatusServiceUnavailable && strings.Contains(failed.Message, "no space left") {
				return nil
			}
		}
	}
	return context.Cause(ctx)
}

// smallDisk is a file system of its own for the cluster that the test starts.
func smallDisk(t *testing.T) string {
	t.Helper()
	t.TempDir() // That of the test stays where it is.
	dir, err := os.MkdirTemp("", "driftsentry-disk-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(dir) })
	if err := syscall.Mount("disk", dir, "tmpfs", 0, "size=320m,mode=0755"); err != nil {
		t.Skipf("NOT RUN: a disk of its own for Postgres: %v; run as root", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("TMPDIR", dir)
	return dir
}

// fill writes until there is no room.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for block := make([]byte, 1<<16); ; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
