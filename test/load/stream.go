package load

import (
	"context"
	"fmt"

	"github.com/driftsentry/driftsentry/pkg/event"
)

func (g *Generator) head(ctx context.Context) (event.Cursor, error) {
	p, err := g.api(0).ListEvents(ctx, "", 1)
	if err != nil {
		return event.Cursor{}, fmt.Errorf("read the stream: %w", err)
	}
	return event.ParseCursor(p.Head)
}

// comparison counts the differences between the acknowledged writes and the stream.
type comparison struct {
	missing int64 // acknowledged, and not in the stream
	twice   int64 // in the stream more than once
	gaps    int64 // positions that the stream itself lacks
}

// compare reads the stream from the beginning of this run to head, and looks for each acknowledged write.
func (g *Generator) compare(ctx context.Context, head event.Cursor) (c comparison, err error) {
	g.o.Note("Comparing %d acknowledged writes with the stream …", len(g.writes))
	seen := map[write]int{}
	at, after := g.began, g.began.String()
	for at.Position < head.Position {
		p, err := g.api(0).ListEvents(ctx, after, 500)
		if err != nil {
			return c, fmt.Errorf("read the stream: %w", err)
		}
		if len(p.Items) == 0 {
			c.gaps += head.Position - at.Position
			break
		}
		for _, item := range p.Items {
			c.gaps += item.Position - at.Position - 1
			at.Position, after = item.Position, item.Cursor
			seen[write{item.Type, item.Subject}]++
		}
	}
	for _, w := range g.writes {
		switch n := seen[w]; {
		case n == 0:
			c.missing++
		case n > 1:
			c.twice++
		}
	}
	return c, nil
}
