package process

import (
	"context"
	"time"

	"github.com/driftsentry/driftsentry/pkg/pg"
)

// How often the database is looked at, and how long that may take. The address of the primary may have moved, and only a
// look tells: reads go on at a server that was fenced.
const (
	lookInterval = 2 * time.Second
	lookTimeout  = 2 * time.Second
)

// watchDatabase looks at the database until ctx ends. It ends the service, with an error that names the remedy, when
// DATABASE_URL leads through a pooler in a mode that mixes up statements. A refusal that will not pass by itself is
// reported once.
func (p *Process) watchDatabase(ctx context.Context) error {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	known, told := false, false
	for {
		err := p.look(ctx, &known)
		switch {
		case ctx.Err() != nil:
			return nil
		case pg.IsUnsafe(err):
			return err
		case err == nil:
			told = false
		case !told && pg.IsRefusal(err):
			told = true
			p.tel.Report(ctx, pg.Misconfigured(err))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// look asks the database whether it takes writes, and once whether a pooler is safe.
func (p *Process) look(ctx context.Context, known *bool) error {
	lookCtx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	if err := p.DB.Ping(lookCtx); err != nil || *known {
		return err
	}
	err := p.DB.CheckPooler(ctx)
	*known = err == nil
	return err
}
