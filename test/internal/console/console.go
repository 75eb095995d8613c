// Package console lets several programs share one terminal: lines are never mixed, and each begins with its source's
// name in colour.
package console

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Console is the terminal. Its methods may be called from several goroutines.
type Console struct {
	mu    sync.Mutex
	out   io.Writer
	color bool
	width int
	quiet atomic.Bool
}

// Open makes a console from a file. If the file is a terminal, the console has its colours and width.
func Open(f *os.File) *Console {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return New(f, false, 0)
	}
	return New(f, os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb", int(size.Col))
}

// New makes a console from any writer. Width 0 means unknown.
func New(out io.Writer, color bool, width int) *Console {
	return &Console{out: out, color: color, width: width}
}

// Color reports whether colours are shown.
func (c *Console) Color() bool { return c.color }

// Width is the number of columns, 0 when it is unknown.
func (c *Console) Width() int { return c.width }

// Color is an SGR parameter, for Paint.
type Color string

// The colours in use. Dim and Bold are no colours, but chosen in the same way.
const (
	Red     Color = "31"
	Green   Color = "32"
	Yellow  Color = "33"
	Blue    Color = "34"
	Magenta Color = "35"
	Cyan    Color = "36"
	Bold    Color = "1"
	Dim     Color = "2"
)

// Paint colours a text if the console shows colours.
func (c *Console) Paint(color Color, text string) string {
	if !c.color || text == "" {
		return text
	}
	return "\x1b[" + string(color) + "m" + text + "\x1b[0m"
}

// Say writes one line of the launcher itself.
func (c *Console) Say(format string, args ...any) {
	c.write([]byte(c.Paint(Bold, "» ") + fmt.Sprintf(format, args...) + "\n"))
}

// Block writes lines unchanged, with no other line between them.
func (c *Console) Block(text string) { c.write([]byte(text)) }

// Slowly says the line if the work that it names takes longer than a second.
func (c *Console) Slowly(format string, args ...any) (done func()) {
	timer := time.AfterFunc(time.Second, func() { c.Say(format, args...) })
	return func() { timer.Stop() }
}

func (c *Console) write(p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = c.out.Write(p) // An error can't be shown: the terminal is gone.
}

// Quietly leaves out the lines of programs that only inform, until the function that it returns is called.
func (c *Console) Quietly() (done func()) {
	c.quiet.Store(true)
	return func() { c.quiet.Store(false) }
}

// nameWidth aligns the lines of all sources.
const nameWidth = 8

// Source is a writer for one program's output.
func (c *Console) Source(name string, color Color) *Source {
	return &Source{console: c, prefix: c.Paint(color, fmt.Sprintf("%-*s │ ", nameWidth, name))}
}

// Source writes a program's lines. It is for one goroutine, as the output of a process is.
type Source struct {
	console *Console
	prefix  string
	partial []byte
}

// maxLine bounds the stored part of a line that does not end.
const maxLine = 64 << 10

// Write implements io.Writer. A line is shown once it is complete.
func (s *Source) Write(p []byte) (int, error) {
	var out bytes.Buffer
	rest := slices.Concat(s.partial, p)
	for {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		if !whole && len(line) < maxLine {
			break
		}
		s.line(&out, line)
		rest = after
		if !whole {
			break
		}
	}
	s.partial = bytes.Clone(rest)
	if out.Len() > 0 {
		s.console.write(out.Bytes())
	}
	return len(p), nil
}

// Close writes a last line that did not end.
func (s *Source) Close() error {
	if len(s.partial) > 0 {
		var out bytes.Buffer
		s.line(&out, s.partial)
		s.console.write(out.Bytes())
		s.partial = nil
	}
	return nil
}

func (s *Source) line(out *bytes.Buffer, line []byte) {
	if s.console.quiet.Load() && bytes.Contains(line, []byte(" INF ")) {
		return
	}
	out.WriteString(s.prefix)
	out.WriteString(strings.TrimRight(string(line), "\r"))
	out.WriteByte('\n')
}
