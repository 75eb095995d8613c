//go:build compose

package compose

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/apiclient"
)

// restored decides after a backup and restores it. Mutations in deploy/restore that it catches: no new epoch (the socket
// goes on as if nothing had been), sessions left open. Not yet tried: the databases not exchanged.
func (s *installation) restored(t *testing.T) {
	s.worked(t)
	admin := s.signIn(t)
	s.drift = s.undecided(t, admin)
	file := strings.TrimSpace(string(s.script(t, "backup", t.TempDir())))
	events, notes := s.watch(t)
	s.approve(t, admin)
	await(t, events, "drift.approved")
	ahead := s.head(t, admin)

	t.Logf("%s", s.script(t, "restore", file))
	await(t, notes, "our place in the stream is gone (epoch): going on from its head")
	if a := s.get(t, "/api/v1/users/me", "Authorization", "Bearer "+admin.Token); a.status != http.StatusUnauthorized {
		t.Errorf("a session from before is still open: %d %s", a.status, a.body)
	}
	admin = s.signIn(t)
	var d drift
	s.read(t, admin, "/api/v1/drifts/"+s.drift, &d)
	if d.Status != "detected" {
		t.Errorf("the drift is %s", d.Status)
	}
	if a := s.get(t, "/api/v1/events?after="+ahead, "Authorization", "Bearer "+admin.Token); a.status != http.StatusConflict {
		t.Errorf("a cursor from before: %d %s", a.status, a.body)
	}
	// The services write as they did, and migrations have the owner's rights.
	s.approve(t, admin)
	await(t, events, "drift.approved")
}

func (s *installation) unrestorable(t *testing.T) {
	s.worked(t)
	folder := t.TempDir()
	whole, err := os.ReadFile(strings.TrimSpace(string(s.script(t, "backup", folder))))
	if err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(folder, "half.dump")
	if err := os.WriteFile(half, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	admin := s.signIn(t)
	cmd := s.scriptCommand("restore", half)
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Errorf("half a backup was restored:\n%s", out)
	}
	var d drift
	s.read(t, admin, "/api/v1/drifts/"+s.drift, &d) // The session still holds.
	if d.Status != "approved" {
		t.Errorf("the drift is %s", d.Status)
	}
}

func (s *installation) undecided(t *testing.T, c apiclient.Client) string {
	t.Helper()
	var list struct{ Items []drift }
	s.read(t, c, "/api/v1/drifts?status=detected&limit=1", &list)
	if len(list.Items) == 0 {
		t.Fatal("every drift is decided")
	}
	return list.Items[0].ID
}

func (s *installation) head(t *testing.T, c apiclient.Client) string {
	t.Helper()
	var page struct{ Head string }
	s.read(t, c, "/api/v1/events?limit=1", &page)
	return page.Head
}

func (s *installation) read(t *testing.T, c apiclient.Client, path string, data any) {
	t.Helper()
	a := s.get(t, path, "Authorization", "Bearer "+c.Token)
	if a.status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, a.status, a.body)
	}
	if err := json.Unmarshal(a.body, &struct{ Data any }{data}); err != nil {
		t.Fatal(err)
	}
}
