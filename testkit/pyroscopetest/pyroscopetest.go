// Package pyroscopetest is a small Pyroscope: an HTTP receiver of the profiles that services send, which reads them, and
// can refuse or hang on demand.
package pyroscopetest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/pprof/profile"
)

// Push is one profile that arrived.
type Push struct {
	// Name is the service with the labels of all samples: "api{service_version=1.2.3,…}".
	Name string
	// User is that of the request.
	User string
	*profile.Profile
}

// Receiver is a running server. Its zero behaviour is to accept everything.
type Receiver struct {
	server *httptest.Server

	mu     sync.Mutex
	pushes []Push
	broken []error
	refuse int
	hang   chan struct{} // open while requests must hang
	hung   chan struct{} // closed when the first does
	once   sync.Once
}

// Start runs a receiver until the test ends.
func Start(t testing.TB) *Receiver {
	t.Helper()
	r := &Receiver{hung: make(chan struct{})}
	r.server = httptest.NewServer(http.HandlerFunc(r.receive))
	t.Cleanup(func() {
		r.mu.Lock()
		if r.hang != nil {
			close(r.hang)
		}
		r.mu.Unlock()
		r.server.Close()
		for _, err := range r.broken {
			t.Errorf("pyroscopetest: %v", err)
		}
	})
	return r
}

// URL is the address to give to a service, with a user and a password.
func (r *Receiver) URL() string {
	return strings.Replace(r.server.URL, "http://", "http://pusher:hunter2@", 1)
}

// Refuse makes the receiver respond with this status and text.
func (r *Receiver) Refuse(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = status
}

// Hang makes requests wait without a response until the test ends.
func (r *Receiver) Hang() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hang = make(chan struct{})
}

// Hung is closed when a request waits.
func (r *Receiver) Hung() <-chan struct{} { return r.hung }

// Pushes are the profiles so far.
func (r *Receiver) Pushes() []Push {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Push(nil), r.pushes...)
}

// Labels are the values that samples of the processor have for a label, with the nanoseconds of each; "" is that of the
// samples without it.
func Labels(pushes []Push, label string) map[string]int64 {
	all := map[string]int64{}
	for _, push := range pushes {
		for i, kind := range push.SampleType {
			if kind.Type != "cpu" {
				continue
			}
			for _, sample := range push.Sample {
				value := ""
				if values := sample.Label[label]; len(values) > 0 {
					value = values[0]
				}
				all[value] += sample.Value[i]
			}
		}
	}
	return all
}

func (r *Receiver) receive(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	hang, refuse := r.hang, r.refuse
	r.mu.Unlock()
	if hang != nil {
		r.once.Do(func() { close(r.hung) })
		<-hang
		return
	}
	push, err := read(req)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err != nil:
		r.broken = append(r.broken, err)
		w.WriteHeader(http.StatusBadRequest)
	case refuse != 0:
		http.Error(w, "what the server says: hunter3", refuse)
	default:
		r.pushes = append(r.pushes, push)
	}
}

// read reads what Pyroscope's /ingest takes: a form with a profile in the format of pprof.
// https://grafana.com/docs/pyroscope/latest/reference-server-api/
func read(r *http.Request) (Push, error) {
	if r.Method != http.MethodPost || r.URL.Path != "/ingest" {
		return Push{}, fmt.Errorf("%s %s is not POST /ingest", r.Method, r.URL.Path)
	}
	file, _, err := r.FormFile("profile")
	if err != nil {
		return Push{}, fmt.Errorf("the form has no profile: %w", err)
	}
	defer file.Close()
	raw, err := io.ReadAll(file)
	if err != nil {
		return Push{}, err
	}
	parsed, err := profile.ParseData(raw)
	if err != nil {
		return Push{}, fmt.Errorf("read the profile: %w", err)
	}
	user, _, _ := r.BasicAuth()
	return Push{r.URL.Query().Get("name"), user, parsed}, nil
}
