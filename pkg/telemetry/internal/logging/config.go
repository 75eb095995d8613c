// Package logging is where log lines go: to the standard output and a file, by a
// bounded asynchronous writer, and to the exporter.
package logging

import (
	"io"
	"log/slog"
)

// Config says what is logged and how.
type Config struct {
	// Level is the least severe level that is logged.
	Level slog.Level
	// Format of Output: FormatJSON (default) or FormatPretty.
	Format string
	// Output defaults to os.Stdout.
	Output io.Writer
	// File, when set, gets every line too, as JSON. Its directory is created and
	// the file is rotated.
	File string
}

// Formats of Config.
const (
	FormatJSON   = "json"
	FormatPretty = "pretty"
)
