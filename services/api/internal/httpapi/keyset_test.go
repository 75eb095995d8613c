package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
)

// TestKeySet: a third party finds the key of each token by its kid, and only public halves are published.
func TestKeySet(t *testing.T) {
	private, public, err := token.NewKeyPair()
	if err != nil {
		t.Fatal(err)
	}
	_, next, err := token.NewKeyPair()
	if err != nil {
		t.Fatal(err)
	}
	api := apitest.Start(t, "JWT_SECRET=", "JWT_PRIVATE_KEY="+private, "JWT_PUBLIC_KEY="+public+next)
	a := api.Anonymous.Get("/.well-known/jwks.json").Want(http.StatusOK)
	var set struct{ Keys []struct{ Kid, X, D string } }
	if err := json.Unmarshal(a.Body, &set); err != nil || len(set.Keys) != 2 {
		t.Fatalf("%v: %s", err, a.Body)
	}
	if got := a.Header.Get("Cache-Control"); got != "public, max-age=300" {
		t.Errorf("Cache-Control: %s", got)
	}
	keys, err := token.ParsePublicKeys(public)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := token.NewAccessWithKeys("", "", keys, 0).Verify(api.Admin.Bearer); err != nil {
		t.Errorf("who has the public key alone cannot verify: %v", err)
	}
	if !strings.Contains(string(keys.JWKS()), set.Keys[0].Kid) && !strings.Contains(string(keys.JWKS()), set.Keys[1].Kid) {
		t.Errorf("the key that signs is not in %s", a.Body)
	}
	if strings.Contains(string(a.Body), `"d"`) {
		t.Errorf("a private half: %s", a.Body)
	}
	for _, bearer := range []string{api.Admin.Bearer, ""} {
		api.With(bearer).Get("/api/v1/users/me").Want(map[bool]int{true: http.StatusOK, false: http.StatusUnauthorized}[bearer != ""])
	}
	old := apitest.StartOn(t, api.DSN)
	if a := old.Anonymous.Get("/.well-known/jwks.json").Want(http.StatusOK); string(a.Body) != `{"keys":[]}` {
		t.Errorf("without keys: %s", a.Body)
	}
}
