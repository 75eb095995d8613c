package rest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
)

// The envelope of a success: successStart, the data, successEnd.
const (
	successStart = `{"success":true,"data":`
	successEnd   = `}`
)

// Data responds with the success envelope around data, which encoding/json encodes.
func Data(w http.ResponseWriter, status int, data any) error {
	encoded, err := json.Marshal(data)
	if err != nil {
		return err
	}
	Encoded(w, status, func(b []byte) []byte { return append(b, encoded...) })
	return nil
}

// OK is Data with status 200.
func OK(w http.ResponseWriter, data any) error { return Data(w, http.StatusOK, data) }

// buffers are for encoding. A page of twenty drifts takes 40 KiB: left to the garbage collector, it was most of what a list
// allocates.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// maxBufferKept keeps the memory of one huge response from being held for good.
const maxBufferKept = 256 << 10

// Encoded responds with the success envelope around data that appendData appends as JSON.
func Encoded(w http.ResponseWriter, status int, appendData func([]byte) []byte) {
	_ = TryEncoded(w, status, func(b []byte) ([]byte, error) { return appendData(b), nil })
}

// TryEncoded is Encoded for data that can fail to be encoded. Then there is no response yet.
func TryEncoded(w http.ResponseWriter, status int, appendData func([]byte) ([]byte, error)) error {
	buffer, _ := buffers.Get().(*[]byte)
	b, err := appendData(append((*buffer)[:0], successStart...))
	if err == nil {
		b = append(b, successEnd...)
		Raw(w, status, b)
	}
	if cap(b) <= maxBufferKept {
		*buffer = b
		buffers.Put(buffer)
	}
	return err
}

// Raw responds with a whole JSON body.
func Raw(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // An error here means that the client has disconnected.
}
