package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Options say which services to load, with which requests, and for how long.
type Options struct {
	API      []string // URLs of the api: http://127.0.0.1:3001
	Realtime []string // of realtime: http://127.0.0.1:3002
	Email    string   // an engineer's or admin's
	Password string
	// Allow names the hosts besides the loopback that may be loaded.
	Allow []string

	Duration    time.Duration
	Rates       Rates
	Sockets     int
	Connections int // requests that may be under way at once
	PlanSize    int // drifts in each plan of the run
	Seed        uint64
	// Patience is how long the sockets may take to open, and at the end to receive all events.
	Patience time.Duration
	// Note gets a line about each step. Nil is silent.
	Note func(format string, args ...any)
}

// The limits of a run. For more load, start several runs.
const (
	MaxDuration  = time.Hour
	MaxRate      = 5000 // requests a second
	MaxDecisions = 100_000
	MaxSockets   = 50_000
)

// Rate is a frequency, in times a second.
type Rate float64

// Set reads 5/s, 300/m, or 5, which means 5/s. It implements flag.Value.
func (r *Rate) Set(text string) error {
	number, unit, _ := strings.Cut(text, "/")
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !(n >= 0 && n <= MaxRate*60) { // NaN fails both comparisons.
		return errors.New("give a number with /s or /m: 5/s, 300/m")
	}
	switch unit {
	case "", "s":
	case "m":
		n /= 60
	default:
		return errors.New("the unit is s or m: 5/s, 300/m")
	}
	*r = Rate(n)
	return nil
}

func (r *Rate) String() string {
	if n := float64(*r); n > 0 && n < 1 {
		return strconv.FormatFloat(n*60, 'g', 4, 64) + "/m"
	}
	return strconv.FormatFloat(float64(*r), 'g', 4, 64) + "/s"
}

// Rates are those of each operation.
type Rates [operations]Rate

func (r Rates) total() (sum float64) {
	for _, rate := range r {
		sum += float64(rate)
	}
	return sum
}

// check names every problem.
func (o Options) check(ctx context.Context) error {
	var problems []error
	complain := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if o.Duration <= 0 || o.Duration > MaxDuration {
		complain("the duration is %s: it must be over 0 and at most %s", o.Duration, MaxDuration)
	}
	if n := o.Rates.total(); n > MaxRate {
		complain("%.0f requests a second are too many: at most %d", n, MaxRate)
	}
	if n := o.Rates[Approve] + o.Rates[Reject]; float64(n)*o.Duration.Seconds() > MaxDecisions {
		complain("%.0f decisions are too many: at most %d in a run", float64(n)*o.Duration.Seconds(), MaxDecisions)
	}
	if o.Sockets < 0 || o.Sockets > MaxSockets {
		complain("%d sockets: it must be from 0 to %d", o.Sockets, MaxSockets)
	}
	if o.Connections < 1 || o.PlanSize < 1 || o.PlanSize > 1000 {
		complain("connections must be 1 or more, and a plan have 1 to 1000 drifts")
	}
	if len(o.API) == 0 || o.Sockets > 0 && len(o.Realtime) == 0 {
		complain("the URL of the api, or of realtime, is missing")
	}
	urls := slices.Concat(o.API, o.Realtime)
	slices.Sort(urls)
	for _, u := range slices.Compact(urls) {
		if err := o.mayLoad(ctx, u); err != nil {
			complain("%w", err)
		}
	}
	return errors.Join(problems...)
}

// mayLoad refuses hosts other than this machine, unless they are allowed by name.
func (o Options) mayLoad(ctx context.Context, raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%q is not a URL such as http://host:port", raw)
	}
	if slices.Contains(o.Allow, u.Hostname()) {
		return nil
	}
	addresses, err := net.DefaultResolver.LookupIPAddr(ctx, u.Hostname())
	if err != nil {
		return fmt.Errorf("find %s: %w", u.Hostname(), err)
	}
	for _, a := range addresses {
		if !a.IP.IsLoopback() {
			return fmt.Errorf("%s is not this machine: load only services that are yours, and confirm with -allow %s", u.Hostname(), u.Hostname())
		}
	}
	return nil
}
