package logging

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Dial is the level of the log, which someone may change for a while. Make it
// with NewDial. It is a slog.Leveler.
type Dial struct {
	level      slog.LevelVar
	configured slog.Level

	mu    sync.Mutex
	timer *time.Timer // nil while the level is the configured one
	until time.Time   // with its monotonic reading: steps of the clock do not count
	turns int         // tells a timer that came too late
}

// NewDial makes a dial that stands at the configured level.
func NewDial(configured slog.Level) *Dial {
	d := &Dial{configured: configured}
	d.level.Set(configured)
	return d
}

// Level implements slog.Leveler.
func (d *Dial) Level() slog.Level { return d.level.Level() }

// Configured is the level that the dial goes back to.
func (d *Dial) Configured() slog.Level { return d.configured }

// Left is how long the level stays what it is; 0 is without an end.
func (d *Dial) Left() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer == nil {
		return 0
	}
	return max(time.Until(d.until), 0)
}

// Turn sets the level for that long, and tells the log now and when it goes back.
// The last call counts.
func (d *Dial) Turn(ctx context.Context, to slog.Level, length time.Duration, log *slog.Logger, attrs ...slog.Attr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stop()
	d.turns++
	turn := d.turns
	attrs = append(attrs, slog.Duration("for", length))
	d.set(to, func(change []slog.Attr) {
		log.LogAttrs(ctx, slog.LevelWarn, "the log level was changed by hand", append(change, attrs...)...)
	})
	d.until = time.Now().Add(length)
	d.timer = time.AfterFunc(length, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.turns == turn && d.timer != nil {
			d.timer = nil
			d.set(d.configured, func(change []slog.Attr) {
				log.LogAttrs(context.Background(), slog.LevelWarn, "the log level is the configured one again", change...)
			})
		}
	})
}

// Stop leaves the level as it is.
func (d *Dial) Stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stop()
}

func (d *Dial) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

// set has its line written at the more talkative of the two levels, so that it is seen.
func (d *Dial) set(to slog.Level, tell func(change []slog.Attr)) {
	from := d.Level()
	d.level.Set(min(from, to))
	tell([]slog.Attr{slog.String("from", LevelName(from)), slog.String("to", LevelName(to))})
	d.level.Set(to)
}
