package ws

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// socket is the TCP connection. It writes without waiting, and waits without holding a buffer: of ten thousand
// connections nearly all are idle.
type socket struct {
	conn net.Conn
	raw  syscall.RawConn

	// The call under way in each direction; each direction has one goroutine at a time. The functions are here so that
	// a call allocates nothing.
	writing struct {
		p       []byte
		waiting bool
		n       int
		err     error
	}
	reading struct {
		buffer *[]byte
		n      int
		err    error
	}
	write1, read1 func(fd uintptr) bool
}

// sendBuffer bounds the kernel's buffer for a client that doesn't read; by default it can grow to megabytes.
const sendBuffer = 256 << 10

func newSocket(conn net.Conn) (*socket, error) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, fmt.Errorf("a connection of type %T can't be written to without waiting", conn)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("reach the connection's descriptor: %w", err)
	}
	// Heartbeats find dead peers; the kernel's own probes would wake every connection twice as often.
	if err := errors.Join(tcp.SetDeadline(time.Time{}), tcp.SetKeepAlive(false), tcp.SetWriteBuffer(sendBuffer)); err != nil {
		return nil, fmt.Errorf("set up the connection: %w", err)
	}
	s := &socket{conn: conn, raw: raw}
	s.write1, s.read1 = s.attemptWrite, s.attemptRead
	return s, nil
}

// TryWrite implements hub.Conn.
func (s *socket) TryWrite(p []byte) (int, error) { return s.write(p, false) }

// WriteSome implements hub.Conn. The kernel accepts more only when a large part of its buffer is free; a client that
// has acknowledged anything meanwhile is slow, and not stuck.
func (s *socket) WriteSome(p []byte, timeout time.Duration) (int, error) {
	n, err := s.writeInTime(p, timeout)
	if cleared := s.conn.SetWriteDeadline(time.Time{}); cleared != nil {
		return n, errors.Join(err, cleared)
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	// On a busy machine the time may have passed before the first attempt to write. That is not the client's fault.
	if n, tried := s.write(p, false); n > 0 || tried != nil {
		return n, tried
	}
	return 0, err
}

func (s *socket) writeInTime(p []byte, timeout time.Duration) (int, error) {
	for before, _ := s.progress(); ; {
		if err := s.conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
			return 0, err
		}
		n, err := s.write(p, true)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		now, _ := s.progress()
		if now == before {
			return 0, err
		}
		before = now
	}
}

// progress is how many bytes the client has acknowledged, and how many are still in the kernel; 0 where the
// kernel doesn't report it.
func (s *socket) progress() (acknowledged uint64, waiting int) {
	_ = s.raw.Control(func(fd uintptr) { acknowledged, waiting = progress(int(fd)) })
	return acknowledged, waiting
}

func (s *socket) write(p []byte, waiting bool) (int, error) {
	w := &s.writing
	w.p, w.waiting, w.n, w.err = p, waiting, 0, nil
	err := s.raw.Write(s.write1)
	w.p = nil
	if err == nil {
		err = w.err
	}
	return w.n, err
}

func (s *socket) attemptWrite(fd uintptr) (done bool) {
	w := &s.writing
	n, err := retried(syscall.Write, fd, w.p)
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return !w.waiting
	case err != nil:
		w.err = fmt.Errorf("write: %w", err)
	default:
		w.n = n
	}
	return true
}

// buffers for reading. A frame that is larger is put together from several.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 4<<10)
	return &b
}}

// read waits for data and passes it to use.
func (s *socket) read(use func([]byte)) error {
	r := &s.reading
	r.buffer, r.n, r.err = nil, 0, nil
	if err := s.raw.Read(s.read1); err != nil {
		return err
	}
	if r.buffer != nil {
		defer buffers.Put(r.buffer)
	}
	if r.err != nil {
		return r.err
	}
	use((*r.buffer)[:r.n])
	return nil
}

func (s *socket) attemptRead(fd uintptr) (done bool) {
	r := &s.reading
	buffer := buffers.Get().(*[]byte)
	n, err := retried(syscall.Read, fd, *buffer)
	switch {
	case errors.Is(err, syscall.EAGAIN):
		buffers.Put(buffer)
		return false
	case err != nil:
		r.err = fmt.Errorf("read: %w", err)
	case n == 0:
		r.err = io.EOF
	}
	r.buffer, r.n = buffer, n
	return true
}

// retried calls again after a signal.
func retried(call func(int, []byte) (int, error), fd uintptr, p []byte) (int, error) {
	for {
		n, err := call(int(fd), p)
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}
