package identity_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// TestAttackUserEnumeration: an email without a user costs the work of a wrong password, one hash of the same
// parameters, and gets the same response. It counts hashes, since a time measured on a busy machine proves nothing.
// Mutations: matches that returns immediately for a nil hash, and login that returns when Credentials finds no user,
// count no hash.
func TestAttackUserEnumeration(t *testing.T) {
	api := apitest.Start(t)
	gone := api.NewUser("acme", identity.Viewer)
	api.Admin.Do(http.MethodPatch, "/api/v1/users/"+gone.User.ID.String(), map[string]bool{"isActive": false}).Want(200)
	api.Admin.Post("/api/v1/users", map[string]string{"email": "new@acme.example", "name": "New", "role": "viewer"}).Want(201)

	var hashes []string
	api.Identity.OnCompare(func(hash string) {
		hashes = append(hashes, hash[:strings.LastIndex(hash[:strings.LastIndex(hash, "$")], "$")])
	})
	attempt := func(email, password string) (work []string, message string) {
		hashes = nil
		a := api.Nobody.Post("/api/v1/auth/login", map[string]string{"email": email, "password": password})
		if a.Status != http.StatusUnauthorized {
			t.Errorf("%s: %d", email, a.Status)
		}
		return hashes, a.Error.Message
	}
	wantWork, wantMessage := attempt(api.Viewer.User.Email, "not the password")
	if len(wantWork) != 1 || !strings.HasPrefix(wantWork[0], "$argon2id$") {
		t.Fatalf("a wrong password costs %q", wantWork)
	}
	for name, email := range map[string]string{"unknown": "nobody@acme.example", "deactivated": gone.User.Email, "without a password": "new@acme.example"} {
		if work, message := attempt(email, apitest.Password); !slices.Equal(work, wantWork) || message != wantMessage {
			t.Errorf("%s: the work is %q, the response %q; a wrong password's %q, %q", name, work, message, wantWork, wantMessage)
		}
	}
}
