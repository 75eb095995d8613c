package logging

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// gate is an output that is stuck until it is opened.
type gate struct {
	open chan struct{}
	b    bytes.Buffer
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	return g.b.Write(p)
}

func TestAsyncWriter_Stuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		w := newAsyncWriter(g)
		line := append(bytes.Repeat([]byte("x"), 1023), '\n')
		const lines = 5000
		for range lines {
			if n, err := w.Write(line); n != len(line) || err != nil {
				t.Fatalf("Write: %d, %v", n, err)
			}
		}
		synctest.Wait()
		if len(w.pending) > maxPending {
			t.Errorf("%d bytes are pending", len(w.pending))
		}
		if w.dropped.Load() == 0 {
			t.Error("no dropped line was counted")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := w.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Flush: %v", err)
		}
		if err := w.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v", err)
		}
		dropped := w.dropped.Load()
		if _, err := w.Write(line); err != nil || w.dropped.Load() != dropped+1 {
			t.Errorf("a line after Close was not dropped: %v", err)
		}

		close(g.open)
		synctest.Wait()
		if written := int64(g.b.Len() / len(line)); written+dropped != lines {
			t.Errorf("%d lines written and %d dropped of %d", written, dropped, lines)
		}
		if _, err := w.Write([]byte("late\n")); err != nil || !bytes.HasSuffix(g.b.Bytes(), []byte("late\n")) {
			t.Errorf("a line after all was written is missing: %v", err)
		}
	})
}

func TestAsyncWriter_KeepsEveryLine(t *testing.T) {
	var b bytes.Buffer
	w := newAsyncWriter(&b)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 500 {
				if _, err := fmt.Fprintf(w, "%d-%d\n", i, j); err != nil {
					t.Error(err)
				}
				if j%100 == 0 {
					if err := w.Flush(t.Context()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := map[int]int{}
	for line := range bytes.Lines(b.Bytes()) {
		var i, j int
		if _, err := fmt.Sscanf(string(line), "%d-%d\n", &i, &j); err != nil || next[i] != j {
			t.Fatalf("line %q is torn or out of order: %v", line, err)
		}
		next[i]++
	}
	for i := range 8 {
		if next[i] != 500 {
			t.Errorf("writer %d has %d lines", i, next[i])
		}
	}
}
