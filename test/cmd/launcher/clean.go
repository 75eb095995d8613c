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

const cleanHelp = `Removes the files of runs in .run, and their database, wherever it is. It refuses while ` + "`make run`" + ` runs.`

func (a app) clean(_ []string) error {
	if info, err := pair.LoadInfo(a.dir); err == nil {
		if _, err := a.ask(info, "/traces"); err == nil {
			return fmt.Errorf("`make run` still runs (process %d): stop it first", info.PID)
		}
	}
	if err := localpg.Remove(filepath.Join(a.dir, "postgres")); err != nil {
		return err
	}
	// By name: RUN_DIR may contain other files.
	for _, name := range []string{"bin", "tools", "secrets.json", "credentials.json", "launcher.json"} {
		if err := os.RemoveAll(filepath.Join(a.dir, name)); err != nil {
			return fmt.Errorf("remove the files of runs: %w", err)
		}
	}
	if err := os.Remove(a.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.console.Say("%s stays, because it contains other files", a.dir)
	}
	return nil
}
