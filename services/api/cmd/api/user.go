package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/process"
	"github.com/driftsentry/driftsentry/services/api/internal/app"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

func user(ctx context.Context, p *process.Program, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "create":
			return createUser(ctx, p, args[1:])
		case "set-password":
			return setPassword(ctx, p, args[1:])
		case "-h", "-help", "--help":
			return p.Help()
		}
	}
	return p.Wrong("api user: give create or set-password")
}

// setupLine is for a shell: the password is not in its history, and not among the arguments of a process.
const setupLine = `
With it the user sets a password, once. In a shell, which asks for the password (8 characters or more, without " and \):

  read -rsp 'New password: ' PASSWORD && printf '{"token":"%[2]s","newPassword":"%%s"}' "$PASSWORD" |
    curl -sS --fail-with-body -H 'Content-Type: application/json' -d @- %[1]s/api/v1/auth/password
`

func createUser(ctx context.Context, p *process.Program, args []string) error {
	set := p.Flags("user create", "Makes a user in the database of DATABASE_URL, and the account when it is new. Without a password it prints a setup\n"+
		"token, and the line with which the user sets one (POST /api/v1/auth/password at PUBLIC_URL).")
	account := set.String("account", "", "the `name` of the account")
	email := set.String("email", "", "the user's `email`")
	name := set.String("name", "", "the user's `name`")
	role := set.String("role", "", "`viewer`, engineer or admin")
	fromStdin := set.Bool("password-stdin", false, "read the password from standard input")
	if err := set.Parse(args); err != nil {
		return err
	}
	for _, required := range []string{"account", "email", "name", "role"} {
		if set.Lookup(required).Value.String() == "" {
			return set.Wrong("--%s is required", required)
		}
	}
	var password string
	if *fromStdin {
		var err error
		if password, err = readPassword(os.Stdin); err != nil {
			return err
		}
	}
	return app.WithIdentity(ctx, os.Environ(), p.Build, os.Stderr, func(users *identity.Service) error {
		u, setup, err := users.Bootstrap(ctx, *account, *email, *name, identity.Role(*role), password)
		if err != nil {
			return plain(err)
		}
		fmt.Printf("created the %s %s of the account %s\n", u.Role, u.Email, *account)
		if setup != nil {
			fmt.Printf("setup token: %s\nvalid until: %s\n", setup.Token, setup.ExpiresAt.Format(time.RFC3339))
			fmt.Printf(setupLine, cmp.Or(strings.TrimSuffix(os.Getenv("PUBLIC_URL"), "/"), fmt.Sprintf("http://localhost:%d", app.DefaultPort)), setup.Token)
		}
		return nil
	})
}

func setPassword(ctx context.Context, p *process.Program, args []string) error {
	set := p.Flags("user set-password", "Gives a user another password, which it reads from standard input. The user's sessions end.")
	email := set.String("email", "", "the user's `email`")
	fromStdin := set.Bool("password-stdin", false, "read the password from standard input; there is no other way")
	if err := set.Parse(args); err != nil {
		return err
	}
	if *email == "" || !*fromStdin {
		return set.Wrong("--email and --password-stdin are required")
	}
	password, err := readPassword(os.Stdin)
	if err != nil {
		return err
	}
	return app.WithIdentity(ctx, os.Environ(), p.Build, os.Stderr, func(users *identity.Service) error {
		u, err := users.ResetPassword(ctx, *email, password)
		if err != nil {
			return plain(err)
		}
		fmt.Printf("%s has a new password; all sessions have ended\n", u.Email)
		return nil
	})
}

// readPassword reads one line, or the whole input if it has no line break.
func readPassword(r io.Reader) (string, error) {
	const most = 4096
	text, err := io.ReadAll(io.LimitReader(r, most))
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	password := strings.TrimRight(string(text), "\r\n")
	if password == "" {
		return "", errors.New("read the password: standard input is empty")
	}
	return password, nil
}

// plain shows an error's message and fields, and also its cause, because the reader is an operator.
func plain(err error) error {
	f, ok := errors.AsType[*apierror.Error](err)
	if !ok || len(f.Fields) < 2 {
		return err
	}
	lines := make([]string, len(f.Fields))
	for i, field := range f.Fields {
		lines[i] = "  " + field.Field + ": " + field.Message
	}
	return errors.New(f.Message + "\n" + strings.Join(lines, "\n"))
}
