//go:build stack

package stack

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"testing"
)

type disk struct{ store, folder, size string }

// disks are those of the stores, as compose's volumes. They hold what one test makes, and little more.
var disks = []disk{
	{"tempo", "var/tempo", "64m"}, {"loki", "loki", "64m"}, {"prometheus", "prometheus", "200m"},
}

// TestDiskFull fills the disk of each store, one after the other, while requests go on: none fails, the store says what is wrong, in its
// log or by ending, and when there is room again what comes is stored. One that ended is started again, as Docker does.
//
// Mutation: the ballast stays, and nothing new is stored.
func TestDiskFull(t *testing.T) {
	s := start(t, options{smallDisks: true, extra: []string{"RATE_LIMIT_REQUESTS=1000000"}})
	j := s.work(t)
	for name, store := range map[string]*program{"tempo": s.tempo, "loki": s.loki, "prometheus": s.prometheus} {
		t.Run(name, func(t *testing.T) {
			i := slices.IndexFunc(disks, func(d disk) bool { return d.store == name })
			ballast := filepath.Join(s.path(disks[i].folder), "ballast")
			s.during(t, j, func(wave func()) {
				eventually(t, name+" says that its disk is full", func(context.Context) error {
					fill(t, ballast) // What it has freed, too.
					wave()
					return s.troubled(t, store)
				})
				if err := os.Remove(ballast); err != nil {
					t.Error(err)
				}
				select {
				case <-store.Done():
					store.again(t)
				default:
				}
				s.ready(t, store)
			})
			eventually(t, "what comes after is stored", func(ctx context.Context) error {
				c := newCaller() // Those of before may have been dropped.
				j.look(t, c)
				return s.stored(ctx, c)
			})
			s.expect(t, `time() - timestamp(up{job="driftsentry-api"}) < 5`)
		})
	}
}

// troubled reports whether the program has ended, or has said that there is no space.
func (s *system) troubled(t *testing.T, p *program) error {
	t.Helper()
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err
	}
	if said := noSpace.Find(text); said != nil {
		t.Logf("%s said: %s", p.Name(), said)
		return nil
	}
	select {
	case <-p.Done():
		t.Logf("%s ended: %v", p.Name(), p.Err())
		return nil
	default:
		return errors.New("it said nothing")
	}
}

var noSpace = regexp.MustCompile(`(?m)^.*(no space left on device|[Dd]isk (is )?full).*$`)

func mount(t *testing.T, dir, size string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("disk", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("NOT RUN: a disk of its own for %s: %v; run as root", filepath.Base(dir), err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// fill writes until there is no room.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) // It never gives room back.
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 1<<12); ; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
