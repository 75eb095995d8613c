package identity_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// TestAttackGraceByAnotherClock: how long a spent refresh token still works is the same on replicas whose clocks differ. Else a replica that
// is ahead ends the session of two tabs, and one that is behind takes a stolen token for longer.
//
// Mutations: SpendRefreshToken, or LockRefreshToken, with the replica's time.
func TestAttackGraceByAnotherClock(t *testing.T) {
	api := apitest.Start(t)
	for _, ahead := range []time.Duration{45 * time.Second, -45 * time.Second} {
		t.Run(fmt.Sprint(ahead), func(t *testing.T) {
			other := apitest.StartOn(t, api.DSN)
			other.Identity.Ahead(ahead)
			refresh := func(on *apitest.API, c *apitest.Client) *apitest.Response {
				return on.Anonymous.Post("/api/v1/auth/refresh", map[string]string{"refreshToken": c.Refresh})
			}
			for _, way := range [][]*apitest.API{{api, other}, {other, api}} {
				c := api.NewUser("acme", identity.Viewer)
				refresh(way[0], c).Want(http.StatusOK)
				refresh(way[1], c).Want(http.StatusOK)
				if _, err := api.DB.Exec(t.Context(), `update refresh_token set spent_at = spent_at - interval '31 s'
					where spent_at is not null and session_id in (select id from session where user_id = @user)`, pg.Args{"user": c.User.ID}); err != nil {
					t.Fatal(err)
				}
				refresh(way[1], c).Want(http.StatusUnauthorized)
			}
		})
	}
}
