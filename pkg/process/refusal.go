package process

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/rest"
)

// Some requests never reach a handler: net/http writes its response to what it cannot read (a malformed request line or header, an
// escape in the path that is none, headers that are too long) straight to the connection, as plain text. Here these
// responses are replaced, at the connection, by one that went through the edge: it has our envelope, an ID, an access line,
// and is counted. Nothing of such a request is known but where it came from.

// refusals is a listener whose connections do so.
type refusals struct {
	net.Listener
	handler http.Handler
}

func (l refusals) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		return &conn{tcp, l.handler}, nil
	}
	return c, err
}

type conn struct {
	*net.TCPConn
	handler http.Handler
}

// NetConn is the connection without this layer, for those who take it over.
func (c *conn) NetConn() net.Conn { return c.TCPConn }

// refusalHeaders are all the headers of a response that net/http writes by itself. A response of a handler has a Date.
var refusalHeaders = []byte("\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n")

// Write replaces what net/http writes by itself, which it does in one piece.
func (c *conn) Write(p []byte) (int, error) {
	line, _, _ := bytes.Cut(p, []byte("\r\n"))
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) || !bytes.HasPrefix(p[len(line):], refusalHeaders) {
		return c.TCPConn.Write(p)
	}
	why := apierror.New(apierror.Invalid, "the request is malformed: its first line, its path or its headers are not valid HTTP/1.1")
	if bytes.HasPrefix(line, []byte("HTTP/1.1 431")) {
		why = apierror.New(apierror.HeadersTooLarge, "the headers are longer than 64 KiB")
	}
	if err := c.refuse(why); err != nil {
		return 0, err
	}
	return len(p), nil
}

// refuse sends a request through the edge of which nothing is known, and writes the response.
func (c *conn) refuse(why error) error {
	ctx := context.WithValue(context.Background(), refusalKey{}, why)
	r := (&http.Request{
		Method: "_OTHER", URL: &url.URL{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody,
		RemoteAddr: c.RemoteAddr().String(),
	}).WithContext(ctx)
	w := &kept{header: http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}}}
	c.handler.ServeHTTP(w, r)
	response := http.Response{
		StatusCode: w.status, ProtoMajor: 1, ProtoMinor: 1, Header: w.header, Close: true,
		Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()),
	}
	var all bytes.Buffer // so that it is written in one piece, too
	if err := response.Write(&all); err != nil {
		return err
	}
	_, err := c.TCPConn.Write(all.Bytes())
	return err
}

// kept is a response that is kept.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *kept) Header() http.Header         { return w.header }
func (w *kept) WriteHeader(status int)      { w.status = status }
func (w *kept) Write(p []byte) (int, error) { return w.body.Write(p) }

type refusalKey struct{}

// refuse responds to what refusals send through the edge.
func refuse(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if why, ok := r.Context().Value(refusalKey{}).(error); ok {
			rest.Error(w, r, why)
			return
		}
		next.ServeHTTP(w, r)
	})
}
