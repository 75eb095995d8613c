package history

import "sync"

// Kind is what a call does.
type Kind string

// The kinds of calls.
const (
	Create Kind = "create" // a drift
	Decide Kind = "decide" // approve or reject it
	Ingest Kind = "ingest" // a plan
	Read   Kind = "read"   // one drift
)

// NoResponse is the status of an attempt without a response.
const NoResponse = 0

// Call is a request of a client and its result, in the order of each client's calls.
type Call struct {
	Client int
	Kind   Kind
	// Token is in the write and nowhere else: the resource that a create reports, the reason of a decision.
	Token string
	// Keyed says that it was sent with an Idempotency-Key, which all its attempts share.
	Keyed    bool
	Attempts []int  // the statuses of the responses, in order
	ID       string // of the drift, or of the check that an ingest made, as in the response or in the request
	Action   string // approved or rejected, of a decision
	Version  int    // of the drift, in the response
	Status   string // of the drift, in the response
}

// Acknowledged reports whether the response to an attempt was a success.
func (c Call) Acknowledged() bool {
	for _, status := range c.Attempts {
		if status >= 200 && status < 300 {
			return true
		}
	}
	return false
}

// Refused reports whether every attempt got a response, and each of them was a refusal: nothing was done.
func (c Call) Refused() bool {
	for _, status := range c.Attempts {
		if status < 400 || status >= 500 {
			return false
		}
	}
	return true
}

// Log collects the calls of all clients.
type Log struct {
	mu    sync.Mutex
	calls []Call
}

// Add notes a call that has ended.
func (l *Log) Add(c Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, c)
}

// Calls are those so far.
func (l *Log) Calls() []Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Call(nil), l.calls...)
}

// Seen is an event as a listener got it.
type Seen struct {
	Position int64
	ID       string
}

// Listener is what one listener saw of its account's whole stream: the events of each of its connections, in order.
type Listener struct {
	Name        string
	From        int64 // the position of the cursor with which it began
	Connections [][]Seen
}
