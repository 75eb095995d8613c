package ws

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // What RFC 6455 uses it for needs no collision resistance.
	"encoding/base64"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/driftsentry/driftsentry/pkg/apierror"
)

const (
	subprotocol       = "driftsentry.v1"
	headerProtocol    = "Sec-Websocket-Protocol"
	headerVersion     = "Sec-Websocket-Version"
	headerKey         = "Sec-Websocket-Key"
	supportedVersion  = "13"
	keySize           = 16
	acceptMagic       = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	switchingDeadline = 10 * time.Second
)

// checkUpgrade checks that the request is for our protocol (RFC 6455, section 4.2.1), and returns its key.
func checkUpgrade(w http.ResponseWriter, r *http.Request) (string, error) {
	key := r.Header.Get(headerKey)
	raw, err := base64.StdEncoding.DecodeString(key)
	switch {
	case r.Method != http.MethodGet:
		return "", apierror.New(apierror.Invalid, "a WebSocket begins with GET")
	case !r.ProtoAtLeast(1, 1) || r.ProtoMajor != 1:
		return "", apierror.New(apierror.Invalid, "a WebSocket needs HTTP/1.1")
	case !hasToken(r.Header, "Connection", "upgrade") || !hasToken(r.Header, "Upgrade", "websocket"):
		w.Header().Set("Upgrade", "websocket")
		return "", apierror.New(apierror.Invalid, "this is a WebSocket: send the header Upgrade: websocket")
	case r.Header.Get(headerVersion) != supportedVersion:
		w.Header().Set("Sec-WebSocket-Version", supportedVersion)
		return "", apierror.InvalidField("Sec-WebSocket-Version", "must be %s", supportedVersion)
	case err != nil || len(raw) != keySize:
		return "", apierror.InvalidField("Sec-WebSocket-Key", "must be %d bytes in base64", keySize)
	case !slices.Contains(list(r.Header, headerProtocol), subprotocol):
		return "", apierror.InvalidField("Sec-WebSocket-Protocol", "must have %s", subprotocol)
	}
	return key, nil
}

// upgrade responds with 101 and takes the connection over, with the data that the client has already sent. The status
// goes through the response writer, so that telemetry sees it.
func upgrade(w http.ResponseWriter, key string) (conn net.Conn, early []byte, err error) {
	sum := sha1.Sum([]byte(key + acceptMagic)) //nolint:gosec // As above.
	h := w.Header()
	h.Set("Upgrade", "websocket")
	h.Set("Connection", "Upgrade")
	// Written with the letter case of the RFC, which a few clients require.
	h["Sec-WebSocket-Accept"] = []string{base64.StdEncoding.EncodeToString(sum[:])}
	h["Sec-WebSocket-Protocol"] = []string{subprotocol}
	control := http.NewResponseController(w)
	// The server's own write deadline still applies here; a connection that can't take a header is unusable.
	_ = control.SetWriteDeadline(time.Now().Add(switchingDeadline))
	w.WriteHeader(http.StatusSwitchingProtocols)
	conn, buffered, err := control.Hijack()
	if err != nil {
		return nil, nil, err
	}
	if layer, ok := conn.(interface{ NetConn() net.Conn }); ok { // Package process has one around it.
		conn = layer.NetConn()
	}
	if n := buffered.Reader.Buffered(); n > 0 {
		peeked, err := buffered.Peek(n)
		if err != nil {
			return conn, nil, err
		}
		early = bytes.Clone(peeked)
	}
	return conn, early, conn.SetDeadline(time.Time{})
}

// list splits a header of comma-separated values.
func list(h http.Header, name string) []string {
	var all []string
	for _, line := range h.Values(name) {
		for value := range strings.SplitSeq(line, ",") {
			if value = strings.TrimSpace(value); value != "" {
				all = append(all, value)
			}
		}
	}
	return all
}

func hasToken(h http.Header, name, value string) bool {
	return slices.ContainsFunc(list(h, name), func(v string) bool { return strings.EqualFold(v, value) })
}
