package ws

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// pipe is a TCP connection: our side, and the client's.
func pipe(t *testing.T) (*socket, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialer := net.Dialer{Control: SmallBuffer}
	client, err := dialer.DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = client.Close()
		_ = server.Close()
	})
	s, err := newSocket(server)
	if err != nil {
		t.Fatal(err)
	}
	return s, client
}

// SmallBuffer makes a client as on a real network: with packets of 1,400 bytes, where the loopback's would be larger
// than its buffer.
func SmallBuffer(_, _ string, c syscall.RawConn) error {
	var err error
	failed := c.Control(func(fd uintptr) {
		err = errors.Join(
			syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1400),
			syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 16<<10))
	})
	return errors.Join(failed, err)
}

// fill writes until the kernel takes no more, here and at the client's side.
func fill(t *testing.T, s *socket) (total int) {
	t.Helper()
	chunk := make([]byte, 64<<10)
	for refused := 0; refused < 5; {
		n, err := s.WriteSome(chunk, 20*time.Millisecond)
		total += n
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			refused++
		case err != nil:
			t.Fatal(err)
		default:
			refused = 0
		}
	}
	return total
}

func TestSocket_WriteSome(t *testing.T) {
	t.Run("a client that reads slowly makes progress", func(t *testing.T) {
		if runtime.GOOS != "linux" {
			t.Skip("NOT RUN: only Linux tells what the client has acknowledged")
		}
		s, client := pipe(t)
		fill(t, s)
		go func() {
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			part := make([]byte, 512)
			for range tick.C {
				if _, err := io.ReadFull(client, part); err != nil {
					return
				}
			}
		}()
		// It takes several times the timeout until the kernel has room.
		if n, err := s.WriteSome([]byte("x"), 500*time.Millisecond); n != 1 || err != nil {
			t.Errorf("wrote %d, %v", n, err)
		}
	})
	t.Run("one that reads nothing does not", func(t *testing.T) {
		s, _ := pipe(t)
		fill(t, s)
		if n, err := s.WriteSome([]byte("x"), 50*time.Millisecond); n != 0 || err == nil {
			t.Errorf("wrote %d, %v", n, err)
		}
	})
	// As when the service itself had to wait for a processor. Mutation: WriteSome without its last attempt.
	t.Run("one that has room is not blamed for time that passed before the first attempt", func(t *testing.T) {
		s, _ := pipe(t)
		if n, err := s.WriteSome([]byte("x"), -time.Second); n != 1 || err != nil {
			t.Errorf("wrote %d, %v", n, err)
		}
	})
	// Mutation: attemptWrite waits after EAGAIN, for every caller.
	t.Run("one that is full is not waited for", func(t *testing.T) {
		s, _ := pipe(t)
		fill(t, s)
		if err := s.conn.SetWriteDeadline(time.Now().Add(5 * time.Second)); err != nil { // of who waits after all
			t.Fatal(err)
		}
		if n, err := s.TryWrite([]byte("x")); n != 0 || err != nil {
			t.Errorf("wrote %d, %v", n, err)
		}
	})
	t.Run("what the kernel keeps for a client is bounded", func(t *testing.T) {
		s, _ := pipe(t)
		if total := fill(t, s); total > 4*sendBuffer+6<<20 {
			t.Errorf("the kernel took %d bytes", total)
		}
	})
	t.Run("after a timeout it can be written to without waiting", func(t *testing.T) {
		s, client := pipe(t)
		total := fill(t, s)
		if _, err := s.WriteSome([]byte("x"), time.Millisecond); err == nil {
			t.Fatal("no error")
		}
		if _, err := io.CopyN(io.Discard, client, int64(total)); err != nil {
			t.Fatal(err)
		}
		if n, err := s.TryWrite([]byte("x")); n != 1 || err != nil {
			t.Errorf("wrote %d, %v", n, err)
		}
	})
}
