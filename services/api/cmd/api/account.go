package main

import (
	"context"
	"fmt"
	"os"

	"github.com/driftsentry/driftsentry/pkg/process"
	"github.com/driftsentry/driftsentry/services/api/internal/app"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

func account(ctx context.Context, p *process.Program, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "set":
			return setAccount(ctx, p, args[1:])
		case "-h", "-help", "--help":
			return p.Help()
		}
	}
	return p.Wrong("api account: give set")
}

func setAccount(ctx context.Context, p *process.Program, args []string) error {
	set := p.Flags("account set", "Says whether values of an account's resources are stored, in the database of DATABASE_URL. With hidden, what comes from now on\n"+
		"is stored as paths and keyed hashes only. Where the service has VALUES=hidden, that is so for all accounts.")
	name := set.String("account", "", "the `name` of the account")
	values := set.String("values", "", "`shown` or hidden")
	if err := set.Parse(args); err != nil {
		return err
	}
	if *name == "" {
		return set.Wrong("--account is required")
	}
	if *values != app.ValuesShown && *values != app.ValuesHidden {
		return set.Wrong("--values must be %s or %s", app.ValuesShown, app.ValuesHidden)
	}
	return app.WithIdentity(ctx, os.Environ(), p.Build, os.Stderr, func(users *identity.Service) error {
		if err := users.HideValues(ctx, *name, *values == app.ValuesHidden); err != nil {
			return plain(err)
		}
		fmt.Printf("the values of the account %s are %s from now on\n", *name, *values)
		return nil
	})
}
