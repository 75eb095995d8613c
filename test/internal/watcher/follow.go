package watcher

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// silence is how many heartbeats may be missing before we take the connection for dead.
const silence = 3

// follow reads the socket to its end, which is always an error.
func (w *Watcher) follow(ctx context.Context, conn *websocket.Conn, heard chan struct{}) error {
	// Reading does not end with ctx: cancelling it would cut the connection instead of closing it.
	readCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	frames := make(chan Frame)
	ended := make(chan error, 1)
	var reader sync.WaitGroup
	reader.Go(func() { ended <- read(readCtx, conn, frames) })
	defer reader.Wait()
	defer cancel()

	var goodbye error // the announced reason of the end
	timeout := time.Hour
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	renewal := time.NewTimer(time.Until(w.renewal))
	defer renewal.Stop()
	for {
		select {
		case f := <-frames:
			if f.Type == "welcome" && f.HeartbeatMS > 0 {
				timeout = silence * time.Duration(f.HeartbeatMS) * time.Millisecond
			}
			deadline.Reset(timeout)
			if f.Type == "reconnect" {
				goodbye = leaving{time.Now().Add(time.Duration(f.AfterMS) * time.Millisecond)}
			}
			if err := w.handle(ctx, conn, f); err != nil {
				return err
			}
		case <-heard:
			deadline.Reset(timeout)
		case <-deadline.C:
			return fmt.Errorf("nothing was heard for %s", timeout)
		case <-renewal.C:
			if err := w.prolong(ctx, conn); err != nil {
				// The old token still holds for a while.
				w.Note(fmt.Sprintf("the token could not be prolonged: %v", err))
				w.renewal = time.Now().Add(lastPause)
			}
			renewal.Reset(time.Until(w.renewal))
		case err := <-ended:
			if goodbye != nil {
				return goodbye
			}
			return err
		case <-ctx.Done():
			return conn.Close(websocket.StatusNormalClosure, "")
		}
	}
}

func read(ctx context.Context, conn *websocket.Conn, frames chan<- Frame) error {
	for {
		var f Frame
		if err := wsjson.Read(ctx, conn, &f); err != nil {
			if e, ok := errors.AsType[websocket.CloseError](err); ok {
				return fmt.Errorf("the server closed: %w", e)
			}
			return fmt.Errorf("the connection broke: %w", err)
		}
		select {
		case frames <- f:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (w *Watcher) handle(ctx context.Context, conn *websocket.Conn, f Frame) error {
	switch f.Type {
	case "welcome":
		w.pauses.Reset()
		if w.cursor == "" {
			w.cursor = f.Cursor
		}
		return w.send(ctx, conn, request{Type: "subscribe", ID: "subscribe", Topics: w.Topics, After: w.cursor})
	case "ack":
		if f.ID == "subscribe" {
			w.Ready()
		}
	case "event":
		w.cursor = f.Cursor
		if f.Position > w.seen { // It may come twice across reconnects.
			w.seen = f.Position
			w.Event(f)
		}
	case "position":
		w.cursor = f.Cursor
	case "resync":
		// What lies between is lost to us; a program with lists would load them anew here.
		w.cursor, w.seen = f.Cursor, 0
		w.Note("our place in the stream is gone (" + f.Reason + "): going on from its head")
	case "reconnect":
		w.Note("the server is about to restart")
	case "error":
		return fmt.Errorf("the server refused: %s: %s (trace %s)", f.Code, f.Message, f.TraceID)
	}
	return nil
}

// prolong gets a fresh token and tells the socket of it.
func (w *Watcher) prolong(ctx context.Context, conn *websocket.Conn) error {
	if err := w.authenticate(ctx); err != nil {
		return err
	}
	return w.send(ctx, conn, request{Type: "auth", ID: "auth", Token: w.session.AccessToken})
}

func (w *Watcher) send(ctx context.Context, conn *websocket.Conn, r request) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := wsjson.Write(ctx, conn, r); err != nil {
		return fmt.Errorf("the connection broke: %w", err)
	}
	return nil
}
