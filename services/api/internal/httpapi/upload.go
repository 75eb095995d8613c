package httpapi

import (
	"errors"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// uploads bounds how much of all plans is in memory at once: small ones are always taken, large ones need a slot.
type uploads struct {
	mu    sync.Mutex
	large int // how many are being read
	gc    int // the collector's setting without them
}

const (
	largeUpload     = 4 << 20 // bytes, inflated
	maxLargeUploads = 2
	uploadRetry     = 5 * time.Second // about what a large one takes

	// By default as much garbage may gather as there is memory in use, which would double what a large plan takes. Collecting
	// more often is cheap here: most memory is text, which the collector does not scan.
	largeUploadGC = 20 // percent
)

func newUploads() *uploads { return &uploads{} }

// begin takes a slot, when there is one.
func (u *uploads) begin() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.large == maxLargeUploads {
		return false
	}
	u.large++
	if u.large == 1 {
		u.gc = debug.SetGCPercent(largeUploadGC)
	}
	return true
}

// end gives the slot back.
func (u *uploads) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.large--
	if u.large == 0 {
		debug.SetGCPercent(u.gc)
	}
}

// open prepares a plan's body, inflated while it is read.
func (u *uploads) open(w http.ResponseWriter, r *http.Request) (*uploadBody, error) {
	var body io.Reader = bodyErrors{http.MaxBytesReader(w, r.Body, plan.DefaultMaxBytes)}
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip":
		body = &inflating{compressed: body}
	default:
		return nil, apierror.New(apierror.UnsupportedMedia, "the Content-Encoding must be gzip, or none")
	}
	return &uploadBody{from: u, r: body}, nil
}

// uploadBody takes a slot when it turns out to be large, regardless of Content-Length.
type uploadBody struct {
	from  *uploads
	r     io.Reader
	n     int64
	large bool
}

func (b *uploadBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.n += int64(n)
	if b.n > largeUpload && !b.large {
		if b.large = b.from.begin(); !b.large {
			return 0, &apierror.Error{
				Kind: apierror.Unavailable, Message: "other large plans are being read; try again", RetryAfter: uploadRetry,
			}
		}
	}
	return n, err
}

// release gives the slot back.
func (b *uploadBody) release() {
	if b.large {
		b.from.end()
	}
}

// inflating inflates from the first read on, so that faults of the gzip are reported like faults of the plan.
type inflating struct {
	compressed io.Reader
	r          io.Reader
}

func (i *inflating) Read(p []byte) (int, error) {
	if i.r == nil {
		r, err := plan.Inflate(i.compressed, plan.DefaultMaxBytes)
		if err != nil {
			return 0, err
		}
		i.r = r
	}
	return i.r.Read(p)
}

// bodyErrors turns a failed read of a body into an error that the caller can act on.
type bodyErrors struct{ r io.Reader }

func (c bodyErrors) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = rest.BodyError(err)
	}
	return n, err
}
