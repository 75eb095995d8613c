package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/driftsentry/driftsentry/test/internal/pair"
	"github.com/driftsentry/driftsentry/testkit/localpg"
)

const cleanHelp = `Removes what runs have kept in .run, and the database, wherever that lies. It refuses while ` + "`make run`" + ` runs.`

func (a app) clean(_ []string) error {
	if info, err := pair.LoadInfo(a.dir); err == nil {
		if _, err := a.ask(info, "/traces"); err == nil {
			return fmt.Errorf("`make run` still runs (process %d): stop it first", info.PID)
		}
	}
	if err := localpg.Remove(filepath.Join(a.dir, "postgres")); err != nil {
		return err
	}
	// By name: RUN_DIR may be a folder with other things in it.
	for _, name := range []string{"bin", "tools", "secrets.json", "credentials.json", "launcher.json"} {
		if err := os.RemoveAll(filepath.Join(a.dir, name)); err != nil {
			return fmt.Errorf("remove what runs have kept: %w", err)
		}
	}
	if err := os.Remove(a.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.console.Say("%s is kept: there are other things in it", a.dir)
	}
	return nil
}
