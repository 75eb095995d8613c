package logging

import (
	"io"
	"log/slog"
	"os"
	"path"
	"strconv"
	"strings"
	"unicode"

	"github.com/lmittmann/tint"
)

// prettyHandler writes short coloured lines for people; NO_COLOR is honoured.
func prettyHandler(w io.Writer, level slog.Leveler) slog.Handler {
	return tint.NewTextHandler(w, &tint.Options{
		Level:       level,
		TimeFormat:  "15:04:05.000",
		NoColor:     os.Getenv("NO_COLOR") != "",
		ReplaceAttr: prettyAttr,
	})
}

func prettyAttr(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 {
		switch a.Key {
		case slog.LevelKey:
			if level, ok := a.Value.Any().(slog.Level); ok {
				return prettyLevel(level)
			}
		case "span_id":
			return slog.Attr{} // the trace ID is the one to copy
		case "error.stack":
			return slog.String(a.Key, shortStack(a.Value.String()))
		}
	}
	switch a.Value.Kind() {
	case slog.KindString:
		// tint lets escape sequences through, which a client's path may hold.
		a.Value = slog.StringValue(Visible(a.Value.String()))
	case slog.KindAny:
		if err, ok := a.Value.Any().(error); ok {
			return tint.Attr(9, slog.String(a.Key, Visible(err.Error())))
		}
	}
	return a
}

func prettyLevel(l slog.Level) slog.Attr {
	switch LevelName(l) {
	case "trace":
		return tint.Attr(8, slog.String(slog.LevelKey, "TRC"))
	case "debug":
		return tint.Attr(7, slog.String(slog.LevelKey, "DBG"))
	case "info":
		return tint.Attr(10, slog.String(slog.LevelKey, "INF"))
	case "warn":
		return tint.Attr(11, slog.String(slog.LevelKey, "WRN"))
	case "error":
		return tint.Attr(9, slog.String(slog.LevelKey, "ERR"))
	}
	return tint.Attr(13, slog.String(slog.LevelKey, "FTL"))
}

// shortStack keeps the innermost few places of a formatted stack.
func shortStack(stack string) string {
	var places []string
	for line := range strings.Lines(stack) {
		if place, ok := strings.CutPrefix(line, "\t"); ok && len(places) < 5 {
			places = append(places, path.Base(strings.TrimSpace(place)))
		}
	}
	return strings.Join(places, " < ")
}

// Visible writes what is not printable as Go escapes it, so that nothing from
// outside can break a line or steer a terminal.
func Visible(s string) string {
	hidden := func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if hidden(r) {
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
