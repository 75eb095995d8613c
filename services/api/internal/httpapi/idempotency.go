package httpapi

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"net/http"
	"regexp"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/idempotency"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

var (
	idempotencyKey = regexp.MustCompile(`^[\x21-\x7e]{1,255}$`)

	errOtherRequest = apierror.New(apierror.Conflict, "this Idempotency-Key was used for another request")
)

// once gives a repeated request the first response. The request's hash is known when its body has been read, by the handler
// or to compare, so a body is never kept in memory for it.
func (s *Server) once(a access, handler rest.Handler) rest.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		sent := r.Header.Values("Idempotency-Key")
		if len(sent) == 0 {
			return handler(w, r)
		}
		if len(sent) > 1 || !idempotencyKey.MatchString(sent[0]) {
			return apierror.InvalidField("Idempotency-Key", "must be one value of 1 to 255 printable ASCII characters without spaces")
		}
		p := caller(r)
		attempt, kept, err := s.options.Idempotency.Begin(r.Context(), idempotency.Key{Account: p.AccountID, Principal: p.ID(), Key: sent[0]})
		if err != nil {
			return err
		}
		request := newHashed(r)
		if kept != nil {
			return s.replay(w, r, a, request, kept)
		}
		return s.attempt(w, r, request, attempt, handler)
	}
}

// replay responds as the first time. What the caller may no longer do is not told again either, not even while a cache still
// believes in it; and a secret is not shown any more when it is good for nothing but to look like one that is.
func (s *Server) replay(w http.ResponseWriter, r *http.Request, a access, request *hashed, kept *idempotency.Kept) error {
	p, err := s.identity.Reauthenticate(r.Context(), callOf(r).credential)
	if err == nil {
		err = a.allows(p)
	}
	if err != nil {
		return err
	}
	if err := request.drain(); err != nil {
		return err
	}
	if !bytes.Equal(request.Sum(nil), kept.RequestHash) {
		return errOtherRequest
	}
	if a.role == identity.Admin && kept.Response.Refusal == nil {
		if err := s.stillHolds(r.Context(), p.AccountID, kept.Response.Body); err != nil {
			return err
		}
	}
	w.Header().Set("Idempotent-Replayed", "true")
	if kept.Response.Refusal != nil {
		return kept.Response.Refusal
	}
	rest.Raw(w, kept.Response.Status, kept.Response.Body)
	return nil
}

var errSecretOver = apierror.New(apierror.Conflict,
	"the secret in the first response holds no more, and is not shown again; use another Idempotency-Key to make another")

// stillHolds says why a kept response is not given again: the secret that it has was revoked, used or has expired.
func (s *Server) stillHolds(ctx context.Context, account uuid.UUID, body []byte) error {
	var kept struct {
		Data struct {
			Key        string `json:"key"`
			SetupToken string `json:"setupToken"`
			Secret     string `json:"secret"`
			Channel    struct {
				ID uuid.UUID `json:"id"`
			} `json:"channel"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &kept); err != nil {
		return fmt.Errorf("read a kept response: %w", err)
	}
	var holds bool
	var err error
	switch secret := cmp.Or(kept.Data.Key, kept.Data.SetupToken); {
	case secret != "":
		holds, err = s.identity.SecretHolds(ctx, secret)
	case kept.Data.Secret != "":
		holds, err = s.options.Notify.SecretHolds(ctx, account, kept.Data.Channel.ID, kept.Data.Secret)
	default:
		return nil
	}
	if err == nil && !holds {
		err = errSecretOver
	}
	return err
}

// How long a response may take to be kept.
const keepTimeout = 5 * time.Second

// attempt runs the handler, keeps its response when it is final, and only then gives it: a client that has it can repeat
// the request.
func (s *Server) attempt(w http.ResponseWriter, r *http.Request, request *hashed, attempt *idempotency.Attempt, handler rest.Handler) error {
	kept := false
	defer func() {
		if !kept { // the handler panicked
			s.keep(r, request, attempt, nil)
		}
	}()
	buffered := &recorder{ResponseWriter: w, status: http.StatusOK}
	err := handler(buffered, r)
	kept = true
	if err != nil {
		var response *idempotency.Response
		if f := rest.ErrorOf(r.Context(), err); keepable(f.Kind) {
			response = &idempotency.Response{Status: rest.Status(f.Kind), Refusal: f}
		}
		s.keep(r, request, attempt, response)
		return err
	}
	s.keep(r, request, attempt, &idempotency.Response{Status: buffered.status, Body: buffered.body.Bytes()})
	rest.Raw(w, buffered.status, buffered.body.Bytes())
	return nil
}

// keep keeps the response, or forgets the request when there is none to be kept. What was done is done: a failure to keep
// its response does not change it.
func (s *Server) keep(r *http.Request, request *hashed, attempt *idempotency.Attempt, response *idempotency.Response) {
	if response != nil && request.drain() != nil {
		response = nil // Without its body, the request can't be distinguished from another.
	}
	// Also for a client that went away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), keepTimeout)
	defer cancel()
	var err error
	if response != nil {
		err = attempt.Finish(ctx, request.Sum(nil), *response)
	} else {
		err = attempt.Abandon(ctx)
	}
	if err != nil {
		s.log.WarnContext(ctx, "the response was not kept for its Idempotency-Key", "error.message", err.Error())
	}
}

// keepable reports whether a refusal is the same when the same is asked again at once. What depends on headers, on the
// time or on our state of health is not.
func keepable(kind apierror.Kind) bool {
	return kind == apierror.Invalid || kind == apierror.NotFound || kind == apierror.Conflict
}

// hashed computes a request's hash while its body is read: of method, URL and body, as it was sent. (That of a check is of the
// inflated body with its options, so that a plan sent without a key, by another caller or compressed is the same. Neither can be
// made of the other, and both are compared with what the previous version has stored.)
type hashed struct {
	hash.Hash
	body io.Reader
}

// newHashed puts itself in the place of the request's body.
func newHashed(r *http.Request) *hashed {
	h := &hashed{Hash: sha256.New()}
	fmt.Fprintf(h, "%s %s\n", r.Method, r.URL.RequestURI())
	h.body = io.TeeReader(r.Body, h)
	r.Body = struct {
		io.Reader
		io.Closer
	}{h.body, r.Body}
	return h
}

// drain reads the rest of the body.
func (h *hashed) drain() error {
	n, err := io.Copy(io.Discard, io.LimitReader(h.body, plan.DefaultMaxBytes+1))
	if err != nil {
		return rest.BodyError(err)
	}
	if n > plan.DefaultMaxBytes {
		return apierror.Newf(apierror.TooLarge, "the body is longer than %d bytes", plan.DefaultMaxBytes)
	}
	return nil
}

// recorder holds a handler's response back.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (r *recorder) WriteHeader(status int) { r.status = status }

func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }
