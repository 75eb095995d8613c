package main

import (
	"math/rand/v2"
	"path/filepath"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/test/internal/pair"
)

const demoHelp = `While ` + "`make run`" + ` runs in another terminal, keeps changes coming every few seconds, as CI and colleagues make them: plans,
decisions, comments, checks that fail. Ctrl-C ends it.`

func (a app) demo(_ []string) error {
	credentials, found, err := pair.LoadCredentials(filepath.Join(a.dir, "credentials.json"))
	if err != nil {
		return err
	}
	info, err := pair.LoadInfo(a.dir)
	if err != nil {
		return err
	}
	if !found {
		return pair.ErrNotRunning
	}
	d := pair.Demo{Random: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))} //nolint:gosec // It only chooses what comes next.
	if d.CI, err = client.New(info.APIURL, client.WithAPIKey(credentials.APIKey)); err != nil {
		return err
	}
	if d.Engineer, err = client.New(info.APIURL, client.WithPassword(credentials.Engineer.Email, credentials.Engineer.Password)); err != nil {
		return err
	}
	a.console.Say("Changes come every few seconds: watch them at %s. Ctrl-C ends it.", info.APIURL)
	return d.Run(a.ctx, a.console.Say)
}
