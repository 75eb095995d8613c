//go:build compose

package compose

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/client"
)

// restored decides after a backup and restores it. Mutations in deploy/restore that it catches: no new epoch (the socket
// goes on as if nothing had been), sessions left open. Not yet tried: the databases not exchanged.
func (s *installation) restored(t *testing.T) {
	s.worked(t)
	admin := s.signIn(t)
	s.drift = s.undecided(t, admin)
	file := strings.TrimSpace(string(s.script(t, "backup", t.TempDir())))
	events, lost := s.watch(t)
	s.approve(t, admin)
	await(t, events, "drift.approved")
	ahead := s.head(t, admin)

	t.Logf("%s", s.script(t, "restore", file))
	await(t, lost, "epoch")
	if a := s.get(t, "/api/v1/users/me", "Authorization", "Bearer "+admin.token); a.status != http.StatusUnauthorized {
		t.Errorf("a session from before is still open: %d %s", a.status, a.body)
	}
	admin = s.signIn(t)
	if d, err := admin.GetDrift(t.Context(), s.drift); err != nil || d.Status != client.Detected {
		t.Errorf("the drift is %s: %v", d.Status, err)
	}
	if a := s.get(t, "/api/v1/events?after="+ahead, "Authorization", "Bearer "+admin.token); a.status != http.StatusConflict {
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
	half := filepath.Join(folder, "half.dump.gpg")
	if err := os.WriteFile(half, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	admin := s.signIn(t)
	cmd := s.scriptCommand("restore", half)
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Errorf("half a backup was restored:\n%s", out)
	}
	if d, err := admin.GetDrift(t.Context(), s.drift); err != nil || d.Status != client.Approved { // The session still holds.
		t.Errorf("the drift is %s: %v", d.Status, err)
	}
}

func (s *installation) undecided(t *testing.T, c user) string {
	t.Helper()
	list, err := c.ListDrifts(t.Context(), client.DriftQuery{Status: client.Detected}, client.Page{Size: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Items) == 0 {
		t.Fatal("every drift is decided")
	}
	return list.Items[0].ID
}

func (s *installation) head(t *testing.T, c user) string {
	t.Helper()
	page, err := c.ListEvents(t.Context(), "", 1)
	if err != nil {
		t.Fatal(err)
	}
	return page.Head
}
