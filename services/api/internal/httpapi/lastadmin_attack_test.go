package httpapi_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// TestAttackLastAdmin: an account keeps an active admin who has a password, whatever is done, and also when two admins remove each
// other at once on two replicas. An admin who never set a password does not count. Mutations: administers without HasPassword,
// or without IsActive; LockAdmins with the ids alone, or without `for update`.
func TestAttackLastAdmin(t *testing.T) {
	api := apitest.Start(t)
	other := apitest.StartOn(t, api.DSN)
	patch := func(c *apitest.Client, id uuid.UUID, body string) *apitest.Response {
		return c.Do(http.MethodPatch, "/api/v1/users/"+id.String(), []byte(body))
	}
	// Of the account "other" the two replicas have made an admin each.
	admins := func() int {
		return pgtest.Value[int](t, api.DB, `select count(*)::int from app_user
			where account_id = $1 and role = 'admin' and is_active and password_hash is not null`, api.OtherAccount)
	}
	var never struct{ User struct{ ID uuid.UUID } }
	api.Other.Post("/api/v1/users", map[string]string{"email": "never@other.example", "name": "Never", "role": "admin"}).Want(201).Decode(&never)
	patch(api.Other, other.Other.User.ID, `{"isActive":false}`).Want(200)
	for _, body := range []string{`{"role":"viewer"}`, `{"role":"engineer","name":"Gone"}`, `{"isActive":false}`} {
		patch(api.Other, api.Other.User.ID, body).Want(409)
	}
	patch(api.Other, api.Other.User.ID, `{"name":"The last one"}`).Want(200)
	patch(api.Other, never.User.ID, `{"role":"viewer"}`).Want(200)
	patch(api.Other, never.User.ID, `{"role":"admin"}`).Want(200)

	last := api.Other
	for round := range 20 {
		second := api.NewUser("other", identity.Admin)
		elsewhere := other.With(second.Bearer) // The same session, on the other replica.
		elsewhere.Get("/api/v1/users").Want(200)
		var wg sync.WaitGroup
		statuses := make([]int, 2)
		depose := func(i int, by *apitest.Client, whom uuid.UUID) {
			a, err := by.Try(t.Context(), http.MethodPatch, "/api/v1/users/"+whom.String(), map[string]any{"role": "viewer"})
			if err != nil {
				t.Error(err)
				return
			}
			statuses[i] = a.Status
		}
		if round%2 == 1 { // Each removes oneself: the second one to do so is the last.
			wg.Go(func() { depose(0, last, last.User.ID) })
			wg.Go(func() { depose(1, elsewhere, second.User.ID) })
		} else {
			wg.Go(func() { depose(0, last, second.User.ID) })
			wg.Go(func() { depose(1, elsewhere, last.User.ID) })
		}
		wg.Wait()
		if n := admins(); n != 1 {
			t.Fatalf("%d admins are left after %v", n, statuses)
		}
		if refused := statuses[0] + statuses[1] - http.StatusOK; refused != http.StatusForbidden && refused != http.StatusConflict {
			t.Fatalf("%v: one must win, and the other be refused", statuses)
		}
		id := pgtest.Value[uuid.UUID](t, api.DB, `select id from app_user
			where account_id = $1 and role = 'admin' and is_active and password_hash is not null`, api.OtherAccount)
		if id == second.User.ID {
			last = second
		}
	}
}
