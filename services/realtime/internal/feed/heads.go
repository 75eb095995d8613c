package feed

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/realtime/internal/hub"
)

// watchHeads checks the heads of all streams regularly, until ctx ends.
func (f *Feed) watchHeads(ctx context.Context) {
	tick := time.NewTicker(f.config.HeadCheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-f.look:
		}
		f.tell(ctx, f.guard(func() error { return f.checkHeads(ctx) }))
	}
}

func (f *Feed) lookNow() {
	select {
	case f.look <- struct{}{}:
	default:
	}
}

// known is the published position of a stream before its head was looked up; it may have grown since.
type known struct {
	stream *hub.Stream
	epoch  string
	head   int64
}

func (f *Feed) checkHeads(ctx context.Context) error {
	streams := f.hub.Streams()
	if len(streams) == 0 {
		return nil
	}
	accounts, before := make([]uuid.UUID, len(streams)), make([]known, len(streams))
	for i, s := range streams {
		accounts[i], before[i] = s.Account(), known{s, s.Epoch(), s.Head()}
	}
	heads, err := f.store.Heads(ctx, accounts)
	if err != nil {
		return err
	}
	for _, k := range before {
		w, ok := heads[k.stream.Account()]
		switch {
		case !ok: // It has no events yet.
		case w.Epoch != k.epoch:
			k.stream.Reset(hub.ReasonEpoch, w)
		case w.Head < k.head:
			k.stream.Reset(hub.ReasonAhead, w)
		case k.stream.Want(w.Head):
			f.healed.Add(ctx, 1)
		}
	}
	return nil
}
