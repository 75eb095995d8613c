package client

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
)

// PlanResult is the result of a plan.
type PlanResult struct {
	Check  Check   `json:"check"`
	Open   *Open   `json:"open"`   // what is open in the workspace after the check; nil for servers that do not tell
	Drifts []Drift `json:"drifts"` // the first 100, the most severe first
}

// Open counts the open drifts of a workspace that plans found.
type Open struct {
	// Unsettled are those that are neither approved nor ignored by rules, by severity: someone has to do something about them.
	Unsettled map[Severity]int `json:"unsettled"`
	Approved  int              `json:"approved"`
	// Suppressed are those that rules ignore, whatever was decided about them.
	Suppressed int `json:"suppressed"`
}

// PlanOptions say what a plan is. The zero value lets the plan decide.
type PlanOptions struct {
	Scope          string // full or partial; a partial plan resolves nothing
	Mode           string // refresh-only, normal or destroy; for a plan that was slimmed
	Refreshed      bool   // the plan was made with a refresh
	Purpose        string // record, which is also what an empty one means, or preview
	IncludeChanges bool   // also make drifts of what the plan would apply
	Source         Source // where it comes from
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
	set(req.query, "mode", o.Mode)
	set(req.query, "purpose", o.Purpose)
	o.Source.set(req.query)
	if o.Refreshed {
		req.query.Set("refreshed", "true")
	}
	if o.IncludeChanges {
		req.query.Set("include", "changes")
	}
	req.body = newUpload(r, o.Progress)
	err = c.send(ctx, req, &result)
	return result, err
}

// SendFailure tells that a run failed and gave no plan. The workspace must exist. purpose is empty or preview.
func (c *Client) SendFailure(ctx context.Context, workspace, reason, purpose string, from Source) (check Check, err error) {
	raw, err := json.Marshal(map[string]string{"reason": reason})
	if err != nil {
		return check, fmt.Errorf("encode the reason: %w", err)
	}
	req := keyed(ctx, "/api/v1/ingest/failure")
	req.query, req.body = url.Values{"workspace": {workspace}}, jsonBody(raw)
	set(req.query, "purpose", purpose)
	from.set(req.query)
	var data struct {
		Check Check `json:"check"`
	}
	err = c.send(ctx, req, &data)
	return data.Check, err
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
