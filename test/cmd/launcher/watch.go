package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/test/internal/pair"
)

const watchHelp = `Signs in as the viewer of .run/credentials.json, opens the WebSocket, and prints the account's events. After a lost connection
it resumes where it was, until Ctrl-C.`

func (a app) watch(_ []string) error {
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
	viewer := credentials.Viewer
	c, err := client.New(info.APIURL, client.WithRealtime(info.RealtimeURL), client.WithPassword(viewer.Email, viewer.Password),
		client.WithRetry(client.Retry{Last: 10 * time.Second}))
	if err != nil {
		return err
	}
	stream := c.Stream(client.StreamOptions{
		OnState: func(s client.State) {
			switch s.Phase {
			case client.Connecting:
			case client.Live:
				a.console.Say("Watching %s as %s …", info.SocketURL, viewer.Email)
			case client.Waiting:
				a.console.Say("%v: again in %s", s.Err, s.Pause.Round(100*time.Millisecond))
			}
		},
		OnResync: func(_ context.Context, r client.Resync) error {
			a.console.Say("The place in the stream is gone (%s): going on from its end", r.Reason)
			return nil
		},
	})
	for e, err := range stream.Events(a.ctx) {
		if err != nil {
			return fmt.Errorf("watch %s as %s: %w", info.SocketURL, viewer.Email, unknown(err))
		}
		a.console.Block(line(a.console, e) + "\n")
	}
	return nil
}

// unknown says what to do when the services do not know the viewer.
func unknown(err error) error {
	if client.HasCode(err, client.CodeAuth) {
		return errors.Join(err, errors.New("the credentials in .run are those of another database: `make clean` removes them"))
	}
	return err
}
