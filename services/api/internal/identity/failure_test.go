package identity_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/postgres"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// TestAttackUnseenGuessing: an account's admins see who tried to sign in as one of its users, from where and how often; others do
// not, and neither the emails of strangers nor passwords are stored. Mutations: no CountFailure; the view without account_id; the
// email as it was sent.
func TestAttackUnseenGuessing(t *testing.T) {
	api := apitest.Start(t, proxied)
	email := api.Viewer.User.Email
	for range 3 {
		signIn(api, "198.51.100.1", strings.ToUpper(email[:1])+email[1:], "a wrong password").Want(http.StatusUnauthorized)
	}
	signIn(api, "2001:db8:1:2:3::4", email, "a wrong password").Want(http.StatusUnauthorized)
	signIn(api, "198.51.100.1", "nobody@acme.example", "a wrong password").Want(http.StatusUnauthorized)
	signIn(api, "198.51.100.1", api.Other.User.Email, "a wrong password").Want(http.StatusUnauthorized)
	signIn(api, "198.51.100.1", email, apitest.Password).Want(http.StatusOK)
	// With a session that was stolen.
	api.Viewer.Post("/api/v1/auth/password", map[string]string{"currentPassword": "a wrong password", "newPassword": "a stolen password"},
		"X-Forwarded-For", "198.51.100.1").Want(http.StatusUnauthorized)

	type row struct {
		ActorRole, Subject, Message string
		Metadata                    struct {
			User    uuid.UUID
			Count   int
			Network string
			LastAt  time.Time
		}
	}
	failed := func(c *apitest.Client) map[string]row {
		var page struct {
			Items      []row
			Pagination struct{ Total int }
		}
		c.Get("/api/v1/audit?action=auth.failed").Want(http.StatusOK).Decode(&page)
		rows := map[string]row{}
		for _, r := range page.Items {
			rows[r.Metadata.Network] = r
		}
		if len(rows) != page.Pagination.Total {
			t.Errorf("%d rows, of %d", len(rows), page.Pagination.Total)
		}
		return rows
	}
	mine := failed(api.Admin)
	v4, v6 := mine["198.51.100.1/32"], mine["2001:db8:1:2::/64"]
	if len(mine) != 2 || v4.Subject != email || v4.Metadata.Count != 4 || v4.Metadata.User != api.Viewer.User.ID || v4.ActorRole != "system" ||
		v4.Message != "4 sign-ins failed" || v6.Metadata.Count != 1 || v6.Message != "a sign-in failed" {
		t.Errorf("the admin sees %+v", mine)
	}
	if others := failed(api.Other); len(others) != 1 || others["198.51.100.1/32"].Subject != api.Other.User.Email {
		t.Errorf("another account's admin sees %+v", others)
	}
	// In the order of time, among what was done.
	var all struct {
		Items []struct{ Action, Timestamp string }
	}
	api.Admin.Get("/api/v1/audit?limit=100").Want(http.StatusOK).Decode(&all)
	if len(all.Items) < 4 || all.Items[0].Action != "auth.login" {
		t.Errorf("the trail: %+v", all.Items)
	}
	for i := range all.Items[1:] {
		if all.Items[i].Timestamp < all.Items[i+1].Timestamp {
			t.Errorf("%s comes before %s", all.Items[i], all.Items[i+1])
		}
	}
	if n := pgtest.Value[int](t, api.DB, "select count(*)::int from failed_sign_in f where f::text ilike '%acme%' or f::text like '%nobody%'"); n != 0 {
		t.Errorf("%d rows name an email", n)
	}
}

// TestAttackFailureRows: what strangers cause to be counted is bounded in rows, and those of an email with a user do not make
// way for others. Mutations: no bound of an email's networks, or of the emails without a user.
func TestAttackFailureRows(t *testing.T) {
	api := apitest.Start(t)
	store := postgres.NewIdentityStore(api.DB)
	at := time.Now().UTC().Truncate(time.Hour)
	count := func(email string, user, account uuid.UUID, network string) {
		t.Helper()
		if err := store.CountFailure(t.Context(), identity.Failure{ID: uuid.New(), Email: []byte(email), User: user, Account: account, Network: network, At: at}); err != nil {
			t.Fatal(err)
		}
	}
	rows := func(where string) (n, sum int) {
		return pgtest.Value[int](t, api.DB, "select count(*)::int from failed_sign_in where "+where), pgtest.Value[int](t, api.DB, "select coalesce(sum(count), 0)::int from failed_sign_in where "+where)
	}
	const attempts, perEmail = 60, 20
	for i := range attempts {
		count("mine", api.Viewer.User.ID, api.Account, fmt.Sprintf("198.51.100.%d/32", i))
	}
	if n, sum := rows("email_hash = 'mine'"); n != perEmail+1 || sum != attempts {
		t.Errorf("%d rows count %d attempts of %d networks", n, sum, attempts)
	}
	if _, err := api.DB.Exec(t.Context(), `insert into failed_sign_in (id, email_hash, hour, network, count, first_at, last_at)
		select gen_random_uuid(), convert_to(i::text, 'utf8'), '`+at.Format(time.RFC3339)+`', 'x', 1, now(), now() from generate_series(1, 9999) i`); err != nil {
		t.Fatal(err)
	}
	for i := range attempts {
		count(fmt.Sprintf("stranger %d", i), uuid.Nil, uuid.Nil, "198.51.100.1/32")
		count("2", uuid.Nil, uuid.Nil, "x") // A row that is there goes on counting.
	}
	if n, sum := rows("user_id is null"); n != 10_001 || sum != 9999+2*attempts {
		t.Errorf("%d rows count %d attempts of strangers", n, sum)
	}
	count("another", api.Admin.User.ID, api.Account, "198.51.100.1/32")
	if n, _ := rows("email_hash = 'another'"); n != 1 {
		t.Error("strangers took the place of an email with a user")
	}
	before, err := store.Attempts(t.Context(), api.Viewer.User.ID, []byte("mine"), "198.51.100.1/32", at.Add(-time.Hour), at.Add(-time.Hour))
	if err != nil || before.Failed != attempts || before.Known {
		t.Errorf("%+v, %v", before, err)
	}
}

// TestSignInNetworks: a user has a bounded number of networks, of which the oldest makes way. Mutation: nothing is removed.
func TestSignInNetworks(t *testing.T) {
	api := apitest.Start(t, proxied)
	for i := range 55 {
		signIn(api, fmt.Sprintf("198.51.100.%d", i), api.Viewer.User.Email, apitest.Password).Want(http.StatusOK)
	}
	if n := pgtest.Value[int](t, api.DB, "select count(*)::int from sign_in_network where user_id = $1", api.Viewer.User.ID); n != 50 {
		t.Errorf("%d networks", n)
	}
	if n := pgtest.Value[int](t, api.DB, "select count(*)::int from sign_in_network where network = '198.51.100.54/32'"); n != 1 {
		t.Error("the newest is not there")
	}
}
