package httpapi

import (
	"net/http"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
)

const (
	// recentErrors is how many errors of an account are remembered, and maxErrorAccounts of how many accounts.
	recentErrors     = 100
	maxErrorAccounts = 200
)

// errorLog remembers the last errors that the people of each account were given by this replica.
type errorLog struct {
	replica string
	since   time.Time

	mu       sync.Mutex
	accounts map[uuid.UUID]*accountErrors
}

type accountErrors struct {
	byCode map[string]int
	recent []errorEntry // a ring; next is its oldest once it is full
	next   int
	latest time.Time
}

func newErrorLog(replica string) *errorLog {
	return &errorLog{replica: replica, since: time.Now(), accounts: make(map[uuid.UUID]*accountErrors)}
}

func (l *errorLog) add(account uuid.UUID, e errorEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accounts[account]
	if a == nil {
		if len(l.accounts) >= maxErrorAccounts {
			l.forgetOldest()
		}
		a = &accountErrors{byCode: make(map[string]int)}
		l.accounts[account] = a
	}
	a.byCode[e.Code]++
	a.latest = time.Time(e.Timestamp)
	if len(a.recent) < recentErrors {
		a.recent = append(a.recent, e)
		return
	}
	a.recent[a.next] = e
	a.next = (a.next + 1) % recentErrors
}

func (l *errorLog) forgetOldest() {
	var oldest uuid.UUID
	var at time.Time
	for id, a := range l.accounts {
		if at.IsZero() || a.latest.Before(at) {
			oldest, at = id, a.latest
		}
	}
	delete(l.accounts, oldest)
}

func (l *errorLog) summary(account uuid.UUID) errorReport {
	l.mu.Lock()
	defer l.mu.Unlock()
	report := errorReport{Replica: l.replica, Since: rest.Time(l.since), ByCode: map[string]int{}, Recent: []errorEntry{}}
	a := l.accounts[account]
	if a == nil {
		return report
	}
	for code, n := range a.byCode {
		report.ByCode[code] = n
		report.Total += n
	}
	for i := range a.recent { // newest first
		report.Recent = append(report.Recent, a.recent[(a.next-1-i+2*len(a.recent))%len(a.recent)])
	}
	return report
}

// remember notes the error that a known caller was given.
func (s *Server) remember(r *http.Request, err error) {
	account := callOf(r).principal.AccountID
	f := rest.ErrorOf(r.Context(), err)
	if account == uuid.Nil || f.Kind == apierror.Canceled { // the client is gone
		return
	}
	s.errors.add(account, errorEntry{
		Timestamp: rest.Time(time.Now()), Code: f.Kind.Code(), Status: rest.Status(f.Kind),
		Method: r.Method, Route: chi.RouteContext(r.Context()).RoutePattern(), Message: f.Message,
		TraceID: telemetry.TraceID(r.Context()),
	})
}

// panicked responds after a panic.
func (s *Server) panicked(w http.ResponseWriter, r *http.Request, err error) {
	rest.Panic(w, r, err)
	s.remember(r, err)
}

func (s *Server) recentErrors(w http.ResponseWriter, r *http.Request) error {
	return rest.OK(w, s.errors.summary(caller(r).AccountID))
}
