package load

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/driftsentry/driftsentry/pkg/event"
)

// page is a part of the account's stream, as GET /events gives it.
type page struct {
	Items []struct {
		Position int64
		Cursor   string
		Event    struct {
			ID, Type, Subject string
			Data              struct{ ID string }
		}
	}
	Head    string
	HasMore bool
}

func (g *Generator) page(ctx context.Context, after string, limit int) (p page, err error) {
	query := url.Values{"limit": {fmt.Sprint(limit)}}
	if after != "" {
		query.Set("after", after)
	}
	status, data := g.exchange(ctx, 0, http.MethodGet, "/api/v1/events?"+query.Encode(), nil)
	if status != http.StatusOK {
		return p, fmt.Errorf("read the stream: status %d", status)
	}
	var answer struct{ Data page }
	if err := json.Unmarshal(data, &answer); err != nil {
		return p, fmt.Errorf("read the stream: %w", err)
	}
	return answer.Data, nil
}

func (g *Generator) head(ctx context.Context) (event.Cursor, error) {
	p, err := g.page(ctx, "", 1)
	if err != nil {
		return event.Cursor{}, err
	}
	return event.ParseCursor(p.Head)
}

// comparison is what of the acknowledged writes is wrong in the stream.
type comparison struct {
	missing int64 // acknowledged, and not there
	twice   int64 // there more than once
	gaps    int64 // positions that the stream itself lacks
}

// compare reads the stream from its beginning of this run to head, and looks for each write that was acknowledged.
func (g *Generator) compare(ctx context.Context, head event.Cursor) (c comparison, err error) {
	g.o.Note("Comparing %d acknowledged writes with the stream …", len(g.writes))
	seen := map[write]int{}
	at := g.began
	for at.Position < head.Position {
		p, err := g.page(ctx, at.String(), 500)
		if err != nil {
			return c, err
		}
		if len(p.Items) == 0 {
			c.gaps += head.Position - at.Position
			break
		}
		for _, item := range p.Items {
			c.gaps += item.Position - at.Position - 1
			at.Position = item.Position
			seen[write{item.Event.Type, item.Event.Data.ID}]++
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
