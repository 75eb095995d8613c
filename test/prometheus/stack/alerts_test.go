//go:build stack

package stack

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/driftsentry/driftsentry/client"
)

// alert is one that a fault must raise: its name, what its message says, and the channels it must come by.
type alert struct {
	name, says string
	channels   []string
}

var (
	page   = []string{"slack", "webhook"}
	ticket = []string{"slack"}
)

// fault is what is broken on purpose.
type fault struct {
	alert
	provoke func(t *testing.T) (heal func())
	press   func(t *testing.T) // done again and again until the alert has come; nil where the fault lasts by itself
}

// TestAlerts breaks each thing that runbooks are about most, waits for the alert to arrive at Slack and the webhook as
// alertmanager.notify.yml has them, heals it, and waits for the alert to be resolved. promtool tests all others.
func TestAlerts(t *testing.T) {
	in := startInbox(t)
	s := start(t, options{
		alertmanagerFile: "alertmanager.notify.yml",
		secrets:          map[string]string{"slack_webhook_url": in.URL + "/slack", "alert_webhook_url": in.URL + "/webhook", "watchdog_webhook_url": in.URL + "/webhook", "smtp_password": ""},
	})
	j := s.work(t)
	in.await(t, "FIRING", alert{"Watchdog", "Alerting works", []string{"webhook"}}, 0, nil)

	// Faults that stay out of each other's way come at once.
	for _, round := range []map[string]fault{
		{"Tempo stopped": s.tempoStopped(), "an error burst": s.errorBurst(j), "a stalled feed": s.feedStalled(j), "failed sign-ins": s.signInsFail()},
		{"api stopped": s.stopped(s.api, alert{"ServiceDown", "driftsentry-api is down", page}), "the collector stopped": s.stopped(s.collector, alert{"BackendDown", "otel-collector is down", ticket})},
		{"Postgres stopped": s.postgresStopped()},
	} {
		t.Run("at once", func(t *testing.T) {
			for name, f := range round {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					before := in.count()
					heal := f.provoke(t)
					press := func() {
						if f.press != nil {
							f.press(t)
						}
					}
					fired := in.await(t, "FIRING", f.alert, before, press)
					heal()
					in.await(t, "RESOLVED", f.alert, fired, nil)
				})
			}
		})
	}
}

// stopped is a program that has ended.
func (s *system) stopped(p *program, a alert) fault {
	return fault{alert: a, provoke: func(t *testing.T) func() {
		t.Helper()
		p.stop(t)
		return func() { p.again(t) }
	}}
}

// tempoStopped also lets spans come, which the collector then can't deliver.
func (s *system) tempoStopped() fault {
	f := s.stopped(s.tempo, alert{"BackendDown", "tempo is down", ticket})
	f.press = func(t *testing.T) {
		t.Helper()
		if _, err := get(t.Context(), s.url("api", 3001)+"/nowhere"); err == nil {
			t.Error("/nowhere is there")
		}
	}
	return f
}

// errorBurst is a database that returns unexpected errors.
func (s *system) errorBurst(j job) fault {
	return fault{
		alert: alert{"ApiAvailabilityBurn", "the error budget burns fast", page},
		provoke: func(t *testing.T) func() {
			t.Helper()
			s.administer(t, "revoke select on alert from driftsentry_api")
			return func() { s.administer(t, "grant select on alert to driftsentry_api") }
		},
		press: func(t *testing.T) {
			t.Helper()
			if status, err := j.status(t.Context(), "/api/v1/alerts", newCaller()); err != nil || status != http.StatusInternalServerError {
				t.Fatalf("status %d (%v), want 500", status, err)
			}
		},
	}
}

// feedStalled is an open socket whose events can't be read.
func (s *system) feedStalled(j job) fault {
	return fault{alert: alert{"StreamLag", "Events don't reach the sockets", page}, provoke: func(t *testing.T) func() {
		t.Helper()
		f := s.follow(t)
		s.administer(t, "revoke select on event from driftsentry_realtime")
		if _, err := j.api.ReportDrift(t.Context(), client.DriftReport{
			ResourceID: "aws_instance.stalled", ResourceType: "aws_instance", Region: "eu-central-1", Severity: client.Info,
			ExpectedState: map[string]string{"size": "small"}, ActualState: map[string]string{"size": "large"},
		}); err != nil {
			t.Fatal(err)
		}
		return func() {
			s.administer(t, "grant select on event to driftsentry_realtime")
			f.await(t, client.DriftCreated)
			f.leave(t)
		}
	}}
}

// signInsFail is an attacker who guesses passwords, below the limits of the api.
func (s *system) signInsFail() fault {
	guesses := 0
	return fault{
		alert:   alert{"SignInFailureSurge", "Most attempts to sign in fail", ticket},
		provoke: func(*testing.T) func() { return func() {} },
		press: func(t *testing.T) {
			t.Helper()
			if guesses == 80 {
				return // The limit by address is near; what was counted must do.
			}
			guesses++
			_, err := s.client(t, client.WithPassword(fmt.Sprintf("nobody-%d@acme.example", guesses), "not-the-password")).SignIn(t.Context())
			if !client.HasCode(err, client.CodeAuth) {
				t.Fatalf("guess %d: %v", guesses, err)
			}
		},
	}
}

func (s *system) postgresStopped() fault {
	return fault{alert: alert{"PostgresDown", "Postgres does not respond", page}, press: s.probe, provoke: func(t *testing.T) func() {
		t.Helper()
		if err := s.cluster.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := s.cluster.Restart(context.WithoutCancel(t.Context())); err != nil {
				t.Fatal(err)
			}
			awaitOK(t, s.api, s.url("api", 3001)+"/health/ready")
			awaitOK(t, s.realtime, s.url("realtime", 3002)+"/health/ready")
		}
	}}
}

// probe asks for readiness, as the health checks of the containers do: the services measure it only then.
func (s *system) probe(t *testing.T) {
	t.Helper()
	for _, base := range []string{s.url("api", 3001), s.url("realtime", 3002)} {
		if _, err := get(t.Context(), base+"/health/ready"); err == nil {
			t.Log(base, "is still ready")
		}
	}
}
