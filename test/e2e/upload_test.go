package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/spec"
)

// bigPlan writes a plan of at least size bytes: all of it is resources that do not drift, except the last one. It says
// when it was made, so that the workspace remembers.
func bigPlan(size int) []byte {
	var b bytes.Buffer
	b.Grow(size + 4096)
	b.WriteString(`{"format_version":"1.2","terraform_version":"1.11.4","timestamp":"2026-01-01T00:00:00Z","complete":true,"errored":false,"prior_state":{"format_version":"1.0","values":{"root_module":{"resources":[`)
	const resource = `{"address":"aws_instance.n[%d]","mode":"managed","type":"aws_instance","name":"n","index":%d,"provider_name":"registry.terraform.io/hashicorp/aws","schema_version":1,"values":{"ami":"ami-0123456789abcdef0","arn":"arn:aws:ec2:eu-west-1:123456789012:instance/i-%d","instance_type":"t3.micro","tags":{"Name":"web-%d","Environment":"production","Team":"core"},"vpc_security_group_ids":["sg-0a1b2c3d","sg-1a2b3c4d"],"user_data":null,"monitoring":true},"sensitive_values":{"tags":{},"vpc_security_group_ids":[false,false]}}`
	for i := 0; b.Len() < size; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, resource, i, i, i, i)
	}
	b.WriteString(`]}}},"resource_drift":[{"address":"aws_instance.n[0]","mode":"managed","type":"aws_instance","name":"n","index":0,"provider_name":"registry.terraform.io/hashicorp/aws","change":{"actions":["update"],"before":{"instance_type":"t3.micro"},"after":{"instance_type":"t3.large"},"after_unknown":{},"before_sensitive":{},"after_sensitive":{}}}]}`)
	return b.Bytes()
}

// TestAttackUploads: large uploads do not block each other, and one that breaks off leaves nothing behind. Mutations:
// no bound of large ones; their slot not given back; the workspace made before the plan is read; the limit of 64 MiB
// twice.
func TestAttackUploads(t *testing.T) {
	p := startPair(t, pgtest.DSN(t), append(unlimited, "REQUEST_TIMEOUT=60s")...)
	key := p.client(p.apiKey)
	large := bigPlan(6 << 20)

	t.Run("two large ones are read at once, the third is told when to come back", func(t *testing.T) {
		// The first two send all but their end, and stay.
		var held []*slowUpload
		for i := range 2 {
			u := p.beginUpload(t, fmt.Sprintf("held-%d", i), len(large))
			u.write(t, large[:len(large)-100])
			held = append(held, u)
		}
		p.eventually("the third is refused", func() bool {
			a := key.do(t.Context(), http.MethodPost, p.apiURL+"/api/v1/ingest/plan?workspace=third", large)
			if a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			return a.status == http.StatusServiceUnavailable
		})
		if a := key.ingest(t.Context(), "small", "refresh_only_tf1.11.4.json"); a.status != http.StatusOK {
			t.Errorf("a small one meanwhile: %d %s", a.status, a.body)
		}
		for _, u := range held {
			u.write(t, large[len(large)-100:])
			if status := u.status(t); status != http.StatusOK {
				t.Errorf("one that was held: %d", status)
			}
		}
		if a := key.do(t.Context(), http.MethodPost, p.apiURL+"/api/v1/ingest/plan?workspace=third", large); a.status != http.StatusOK {
			t.Errorf("the third, again: %d %s", a.status, a.body)
		}
	})
	t.Run("one that breaks off leaves nothing behind", func(t *testing.T) {
		u := p.beginUpload(t, "broken-off", len(large))
		u.write(t, large[:len(large)/2])
		_ = u.conn.Close()
		p.api.waitLog(t, "the broken upload", func(l map[string]any) bool {
			return l["msg"] == "request" && l["route"] == "/api/v1/ingest/plan" && l["status"] == 499.0
		})
		p.expectCount(0, "select count(*) from workspace where name = 'broken-off'")
	})
	t.Run("one that is cut short is refused, with its length right or wrong", func(t *testing.T) {
		cut := large[:len(large)/2]
		if a := key.do(spec.Invalid(t.Context()), http.MethodPost, p.apiURL+"/api/v1/ingest/plan?workspace=cut", cut); a.status != http.StatusBadRequest {
			t.Errorf("%d %s", a.status, a.body)
		}
		p.expectCount(0, "select count(*) from workspace where name = 'cut'")
	})
	t.Run("more than 64 MiB are refused", func(t *testing.T) {
		// A plan that would be taken if it were smaller.
		if a := key.do(t.Context(), http.MethodPost, p.apiURL+"/api/v1/ingest/plan?workspace=huge", bigPlan(64<<20)); a.status != http.StatusRequestEntityTooLarge {
			t.Errorf("%d %s", a.status, a.body)
		}
		p.expectCount(0, "select count(*) from workspace where name = 'huge'")
	})
	if events := p.sentry.Events(); len(events) > 0 {
		t.Errorf("%d unexpected errors; the first: %s", len(events), events[0].Raw)
	}
	p.stop()
}

// TestAttackSlowUpload: an upload that takes longer than a request may is ended, and leaves nothing behind.
// Mutations: the workspace made before the plan is read; no read deadline in rest.Deadline.
func TestAttackSlowUpload(t *testing.T) {
	p := startPair(t, pgtest.DSN(t))
	if code := p.api.stop(t); code != 0 {
		t.Errorf("the api ended with exit code %d", code)
	}
	// Only now, since on a busy machine a sign-in may take longer.
	p.environ = append(p.environ, "REQUEST_TIMEOUT=1s")
	p.startAPI()
	u := p.beginUpload(t, "slow", 1<<20)
	u.write(t, []byte(`{"format_version":`))
	if status := u.status(t); status != http.StatusGatewayTimeout {
		t.Errorf("status = %d", status)
	}
	p.expectCount(0, "select count(*) from workspace where name = 'slow'")
	p.stop()
}

// slowUpload is a request whose body is sent bit by bit.
type slowUpload struct{ conn net.Conn }

func (p *pair) beginUpload(t *testing.T, workspace string, length int) *slowUpload {
	t.Helper()
	target, err := url.Parse(p.apiURL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", target.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	u := &slowUpload{conn}
	u.write(t, fmt.Appendf(nil, "POST /api/v1/ingest/plan?workspace=%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		workspace, target.Host, p.apiKey, length))
	return u
}

func (u *slowUpload) write(t *testing.T, data []byte) {
	t.Helper()
	if _, err := u.conn.Write(data); err != nil {
		t.Fatal(err)
	}
}

// status reads the response's status line.
func (u *slowUpload) status(t *testing.T) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = u.conn.Close() })
	defer stop()
	line := make([]byte, 12)
	if _, err := io.ReadFull(u.conn, line); err != nil {
		t.Fatal(err)
	}
	var status int
	if _, err := fmt.Sscanf(strings.TrimPrefix(string(line), "HTTP/1.1 "), "%d", &status); err != nil {
		t.Fatal(err)
	}
	return status
}
