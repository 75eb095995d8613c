package pair

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/driftsentry/driftsentry/client"
)

// account is the name of the account that a run makes.
const account = "demo"

// ensureAccounts makes the users and the API key unless an earlier run did, in this database. fresh says that the
// passwords are new.
func (r *run) ensureAccounts(ctx context.Context) (c Credentials, fresh bool, err error) {
	path := filepath.Join(r.Dir, "credentials.json")
	c, found, err := LoadCredentials(path)
	if err != nil {
		return c, false, err
	}
	if !found {
		c = Credentials{Admin: newPerson("admin"), Engineer: newPerson("engineer"), Viewer: newPerson("viewer")}
	}
	admin, err := client.New(r.apiURL(), client.WithPassword(c.Admin.Email, c.Admin.Password))
	if err != nil {
		return c, false, err
	}
	known := false
	if found {
		_, err := admin.SignIn(ctx)
		if err == nil && c.APIKey != "" {
			return c, false, nil
		}
		if err != nil && !client.HasCode(err, client.CodeAuth) {
			return c, false, err
		}
		known = err == nil
	}
	if !known {
		if err := r.createUsers(ctx, c); err != nil {
			return c, false, err
		}
	}
	created, err := admin.CreateAPIKey(ctx, client.NewAPIKey{Name: "make run", Scope: client.ScopeIngest})
	if err != nil {
		return c, false, fmt.Errorf("create an API key as %s: %w", c.Admin.Email, err)
	}
	c.APIKey = created.Key
	return c, !found, save(path, c)
}

func newPerson(role string) Person {
	return Person{Email: role + "@demo.example", Password: rand.Text()}
}

func (r *run) createUsers(ctx context.Context, c Credentials) error {
	defer r.Console.Slowly("Making the account %s with an admin, an engineer and a viewer …", account)()
	for role, p := range map[string]Person{"admin": c.Admin, "engineer": c.Engineer, "viewer": c.Viewer} {
		if err := r.createUser(ctx, role, p); err != nil {
			return err
		}
	}
	return nil
}

// createUser gives a user who is there already, with a password that nobody kept, the new one.
func (r *run) createUser(ctx context.Context, role string, p Person) error {
	name := strings.ToUpper(role[:1]) + role[1:]
	created, err := r.userCommand(ctx, p, "create", "--account", account, "--name", name, "--role", role)
	if err == nil {
		return nil
	}
	changed, errSet := r.userCommand(ctx, p, "set-password")
	if errSet == nil {
		return nil
	}
	return fmt.Errorf("create the %s: %w\n%s\nor set a new password: %w\n%s", role, err, created, errSet, changed)
}

func (r *run) userCommand(ctx context.Context, p Person, verb string, args ...string) (output []byte, err error) {
	cmd := r.program(ctx, "api", append([]string{"user", verb, "--email", p.Email, "--password-stdin"}, args...)...)
	cmd.Stdin = strings.NewReader(p.Password + "\n")
	out, err := cmd.CombinedOutput()
	return bytes.TrimSpace(out), err
}
