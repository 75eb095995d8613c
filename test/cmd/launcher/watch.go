package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/test/internal/apiclient"
	"github.com/driftsentry/driftsentry/test/internal/pair"
	"github.com/driftsentry/driftsentry/test/internal/watcher"
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
	w := watcher.Watcher{
		API: apiclient.Client{Base: info.APIURL}, SocketURL: info.SocketURL,
		Email: credentials.Viewer.Email, Password: credentials.Viewer.Password,
		Topics: []string{event.TopicDrifts, event.TopicAlerts, event.TopicChecks},
		Event:  func(f watcher.Frame) { a.console.Block(watcher.Line(a.console, f) + "\n") },
		Note:   func(line string) { a.console.Say("%s", line) },
		Ready:  func() { a.console.Say("Watching %s as %s …", info.SocketURL, credentials.Viewer.Email) },
	}
	err = w.Run(a.ctx)
	if errors.Is(err, watcher.ErrSignIn) {
		return fmt.Errorf("the viewer of .run/credentials.json is unknown to %s: %w", info.APIURL, err)
	}
	return err
}
