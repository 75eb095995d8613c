package client

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// CheckStatus is what a check found.
type CheckStatus string

// The statuses.
const (
	CheckOK      CheckStatus = "ok"
	CheckDrifted CheckStatus = "drifted"
	CheckErrored CheckStatus = "failed" // the plan says that it errored
)

// Check is one look at a workspace.
type Check struct {
	ID               string      `json:"id"`
	Workspace        string      `json:"workspace"`
	Status           CheckStatus `json:"status"`
	Stale            bool        `json:"stale"` // the plan is older than the last one, and changed nothing
	Counts           Counts      `json:"counts"`
	TerraformVersion string      `json:"terraformVersion"`
	PlanTimestamp    time.Time   `json:"planTimestamp,omitzero"`
	CreatedAt        time.Time   `json:"createdAt"`
}

// Counts is how many drifts a check found.
type Counts struct {
	New       int `json:"new"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
	Resolved  int `json:"resolved"`
}

// PlanResult is what became of a plan.
type PlanResult struct {
	Check  Check   `json:"check"`
	Drifts []Drift `json:"drifts"` // the first 100, the most severe first
}

// PlanOptions say what a plan is. The zero value lets the plan decide.
type PlanOptions struct {
	Scope          string // full or partial; a partial plan resolves nothing
	IncludeChanges bool   // also make drifts of what the plan would apply
	// Progress is called while the plan is sent, with the number of bytes read so far.
	Progress func(read int64)
}

// SendPlan sends the output of `terraform show -json PLANFILE`, or OpenTofu's, of a workspace. It compresses the plan while it
// sends it, and keeps the compressed bytes until the plan has arrived, so that it can send them again: r is read once. The
// Idempotency-Key makes the repetition safe.
func (c *Client) SendPlan(ctx context.Context, workspace string, r io.Reader, o PlanOptions) (result PlanResult, err error) {
	req := keyed(ctx, "/api/v1/ingest/plan")
	req.query = url.Values{"workspace": {workspace}}
	set(req.query, "scope", o.Scope)
	if o.IncludeChanges {
		req.query.Set("include", "changes")
	}
	req.body = newUpload(r, o.Progress)
	err = c.send(ctx, req, &result)
	return result, err
}

// upload is a body that is compressed while it is sent for the first time. What was compressed is kept for further attempts.
type upload struct {
	mu       sync.Mutex // An attempt's transport may still read when the next one begins.
	source   io.Reader
	progress func(int64)
	read     int64
	raw      []byte
	zip      *gzip.Writer
	kept     bytes.Buffer
	err      error // of source; io.EOF when all was read
}

// chunk is how much of a plan is read at once, in bytes.
const chunk = 64 << 10

func newUpload(source io.Reader, progress func(int64)) *upload {
	if progress == nil {
		progress = func(int64) {}
	}
	u := &upload{source: source, progress: progress, raw: make([]byte, chunk)}
	u.zip = gzip.NewWriter(&u.kept)
	return u
}

func (u *upload) open(moved func()) io.ReadCloser { return &uploadReader{upload: u, moved: moved} }

func (u *upload) failed() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err == nil || u.err == io.EOF { //nolint:errorlint // What io.Reader gives is not wrapped.
		return nil
	}
	return u.err
}

func (u *upload) set(h http.Header) {
	h.Set("Content-Type", "application/json")
	h.Set("Content-Encoding", "gzip")
}

// grow compresses the next part of the plan. Afterwards more is kept, or err is set.
func (u *upload) grow() {
	n, err := u.source.Read(u.raw)
	u.read += int64(n)
	_, _ = u.zip.Write(u.raw[:n]) // A buffer takes everything.
	switch {
	case err == io.EOF:
		_ = u.zip.Close()
		u.err = err
	case err != nil:
		u.err = fmt.Errorf("read the plan: %w", err)
	}
	u.progress(u.read)
}

// uploadReader is one attempt's place in an upload.
type uploadReader struct {
	*upload
	moved func()
	at    int
}

func (r *uploadReader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.at == r.kept.Len() && r.err == nil {
		r.grow()
	}
	if r.at == r.kept.Len() {
		return 0, r.err
	}
	n := copy(p, r.kept.Bytes()[r.at:])
	r.at += n
	r.moved()
	return n, nil
}

func (*uploadReader) Close() error { return nil }
