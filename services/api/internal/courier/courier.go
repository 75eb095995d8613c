// Package courier brings messages out: it writes them as Slack and as Standard Webhooks want them, and makes the requests.
//
// The URL is an admin's, so the place is not trusted: the address is judged when the connection is made (package dial), a redirect
// is a failure, nothing of a success is read, and of a failure one word.
package courier

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/driftsentry/driftsentry/pkg/dial"
	"github.com/driftsentry/driftsentry/services/api/internal/notify"
)

const (
	// timeout is for a request with its response.
	timeout = 10 * time.Second
	// readBytes is how much of a response is read.
	readBytes = 1 << 10
	// mostRetryAfter bounds what a receiver can ask for: longer than a delivery lives.
	mostRetryAfter = 25 * time.Hour
)

// Courier is a notify.Sender.
type Courier struct {
	client    *http.Client
	links     links
	userAgent string
}

var _ notify.Sender = (*Courier)(nil)

// Config is what a courier is made of.
type Config struct {
	Guard dial.Guard
	// PublicURL is where people reach the installation, and TraceURL where they look at a trace, with {traceId} in it. Empty: messages
	// have no such links.
	PublicURL, TraceURL string
	Version             string
}

// New makes a courier.
func New(c Config) *Courier {
	return &Courier{
		c.Guard.Client(timeout, readBytes), links{strings.TrimSuffix(c.PublicURL, "/"), c.TraceURL}, strings.TrimSpace("DriftSentry/" + c.Version),
	}
}

// Send implements notify.Sender.
func (c *Courier) Send(ctx context.Context, kind notify.Kind, t notify.Target, m *notify.Message) notify.Outcome {
	body, err := c.links.slack(m)
	if kind == notify.Webhook {
		body, err = c.links.webhook(m)
	}
	if err != nil {
		return notify.Outcome{Failure: "the message could not be written", Final: true}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL, bytes.NewReader(body))
	if err != nil {
		return notify.Outcome{Failure: "the URL is not one", Final: true}
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", c.userAgent)
	if kind == notify.Webhook {
		if err := sign(req.Header, t.Secret, m.ID.String(), time.Now(), body); err != nil {
			return notify.Outcome{Failure: "the secret can't sign the message; make another one", Final: true}
		}
	}
	res, err := c.client.Do(req)
	if err != nil {
		return notify.Outcome{Failure: why(err)}
	}
	defer res.Body.Close()
	return outcome(kind, res)
}

// sign adds the headers of Standard Webhooks. The time is that of the attempt: receivers refuse an old one.
func sign(h http.Header, secret, id string, at time.Time, body []byte) error {
	wh, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return fmt.Errorf("read the secret: %w", err)
	}
	signature, err := wh.Sign(id, at, body)
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	h.Set(standardwebhooks.HeaderWebhookID, id)
	h.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return nil
}

// outcome is what a response means. A success is one whatever its body is.
func outcome(kind notify.Kind, res *http.Response) notify.Outcome {
	out := notify.Outcome{Status: res.StatusCode}
	switch {
	case res.StatusCode >= 200 && res.StatusCode < 300:
		return out
	case res.StatusCode >= 300 && res.StatusCode < 400:
		out.Failure = fmt.Sprintf("status %d: redirects are not followed; set the URL that it leads to", res.StatusCode)
	case res.StatusCode == http.StatusGone:
		out.Final = true
	case kind == notify.Slack && res.StatusCode == http.StatusBadRequest:
		out.Final = true // It says the same of this message each time.
	}
	if out.Failure == "" {
		out.Failure = fmt.Sprintf("status %d", res.StatusCode)
		if word := said(kind, res.Body); word != "" {
			out.Failure += ": " + word
		}
	}
	out.RetryAfter = retryAfter(res.Header.Get("Retry-After"), time.Now())
	return out
}

// errorWord is what Slack responds with, such as channel_is_archived. Nothing else of a response is shown: it may come from a server that
// the admin who reads it can't reach.
var errorWord = regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)

func said(kind notify.Kind, body io.Reader) string {
	if kind != notify.Slack {
		return ""
	}
	text, err := io.ReadAll(io.LimitReader(body, 64))
	if err != nil || !errorWord.Match(text) {
		return ""
	}
	return string(text)
}

// retryAfter takes seconds or a time.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, mostRetryAfter)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(0, at.Sub(now)), mostRetryAfter)
	}
	return 0
}

// why says what is wrong, without the URL, whose path is a secret.
func why(err error) string {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	var timedOut interface{ Timeout() bool }
	switch {
	case errors.Is(err, dial.ErrRefused):
		return dial.ErrRefused.Error() + "; the operator allows networks with OUTGOING_NETWORKS"
	case errors.As(err, &timedOut) && timedOut.Timeout():
		return fmt.Sprintf("no response within %s", timeout)
	}
	if unknown, ok := errors.AsType[*net.DNSError](err); ok && unknown.IsNotFound {
		return "the host's name is unknown"
	}
	if failed, ok := errors.AsType[*net.OpError](err); ok && failed.Op == "dial" {
		return "no connection could be made"
	}
	return "the connection failed: " + kindOf(err)
}

// kindOf names an error of TLS or of the protocol by its type: its text may have something of the response.
func kindOf(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return strings.TrimPrefix(fmt.Sprintf("%T", err), "*")
		}
		err = inner
	}
}
