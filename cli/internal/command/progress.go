package command

import (
	"fmt"
	"io"
	"time"
)

// progress tells how much of a plan was read for sending: on a terminal in one line, elsewhere every 16 MiB.
type progress struct {
	w        io.Writer
	terminal bool
	next     time.Time
	bytes    int64 // at the last line
	shown    bool
}

func newProgress(w io.Writer) *progress {
	return &progress{w: w, terminal: columns(w) > 0, next: time.Now().Add(time.Second)}
}

const logEvery = 16 << 20

func (p *progress) read(n int64) {
	switch {
	case p.terminal && time.Now().After(p.next):
		fmt.Fprintf(p.w, "\rSending the plan: %.1f MiB", float64(n)/(1<<20))
		p.next, p.shown = time.Now().Add(100*time.Millisecond), true
	case !p.terminal && n-p.bytes >= logEvery:
		fmt.Fprintf(p.w, "Sending the plan: %d MiB\n", n>>20)
		p.bytes = n
	}
}

// end removes the line.
func (p *progress) end() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
