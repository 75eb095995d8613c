package httpapi

import (
	"net/http"
	"sync"

	"github.com/driftsentry/driftsentry/pkg/rest"
)

// dataStart is the success envelope up to the data, which some handlers encode themselves; dataEnd is the rest of it.
const (
	dataStart = `{"success":true,"data":`
	dataEnd   = `}`
)

// answers are buffers in which data was encoded. A page of twenty drifts takes 40 KiB: left to the garbage collector, it
// was most of what a list allocates.
var answers = sync.Pool{New: func() any { return new([]byte) }}

// maxAnswerKept keeps one huge answer from being memory for good.
const maxAnswerKept = 256 << 10

// writeData answers with data that encodes itself, in the envelope of a success.
func writeData(w http.ResponseWriter, status int, appendData func([]byte) []byte) {
	buffer, _ := answers.Get().(*[]byte)
	b := (*buffer)[:0]
	b = append(appendData(append(b, dataStart...)), dataEnd...)
	rest.Raw(w, status, b)
	if cap(b) <= maxAnswerKept {
		*buffer = b
		answers.Put(buffer)
	}
}
