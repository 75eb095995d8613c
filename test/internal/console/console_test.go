package console

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestSource(t *testing.T) {
	t.Run("gives whole lines with their source's name", func(t *testing.T) {
		var out strings.Builder
		s := New(&out, false, 0).Source("api", Cyan)
		fmt.Fprint(s, "one\ntwo\r\nthr")
		fmt.Fprint(s, "ee\n\nlast")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		want := "api      │ one\napi      │ two\napi      │ three\napi      │ \napi      │ last\n"
		if out.String() != want {
			t.Errorf("got\n%swant\n%s", out.String(), want)
		}
	})
	t.Run("colours the name only", func(t *testing.T) {
		var out strings.Builder
		fmt.Fprintln(New(&out, true, 0).Source("api", Cyan), "one")
		if want := "\x1b[36mapi      │ \x1b[0mone\n"; out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
	})
	t.Run("does not keep an endless line", func(t *testing.T) {
		var out strings.Builder
		s := New(&out, false, 0).Source("api", Cyan)
		fmt.Fprint(s, strings.Repeat("x", maxLine))
		if len(s.partial) != 0 || !strings.Contains(out.String(), "xxx") {
			t.Errorf("%d bytes are kept", len(s.partial))
		}
	})
}

func TestConsole_keeps_lines_apart(t *testing.T) {
	var out strings.Builder
	c := New(&out, false, 0)
	var writers sync.WaitGroup
	for _, name := range []string{"api", "realtime"} {
		writers.Go(func() {
			s := c.Source(name, Cyan)
			for range 100 {
				fmt.Fprint(s, strings.Repeat(name[:1], 20))
				fmt.Fprintln(s, strings.Repeat(name[:1], 20))
			}
		})
	}
	writers.Go(func() {
		for range 100 {
			c.Block("block\nof two\n")
		}
	})
	writers.Wait()
	text := out.String()
	for _, line := range []string{"api      │ " + strings.Repeat("a", 40), "realtime │ " + strings.Repeat("r", 40), "block\nof two"} {
		if n := strings.Count(text, line+"\n"); n != 100 {
			t.Errorf("%d times %q, want 100", n, line)
		}
	}
}

func TestConsole_Slowly_is_silent_when_quick(t *testing.T) {
	var out strings.Builder
	c := New(&out, false, 0)
	c.Slowly("Building …")()
	c.Say("Built %d programs", 2)
	if want := "» Built 2 programs\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
