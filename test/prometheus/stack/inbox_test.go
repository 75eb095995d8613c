//go:build stack

package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// inbox receives Alertmanager's notifications: it acts as the Slack and the webhook of alertmanager.notify.yml.
type inbox struct {
	*httptest.Server
	clock func() time.Duration // what m.at is of; nil for none

	mu   sync.Mutex
	list []message
}

// message is what arrived at /slack or /webhook.
type message struct {
	channel, title, text, link string
	at                         time.Duration
}

func startInbox(t *testing.T) *inbox {
	t.Helper()
	in := &inbox{}
	in.Server = httptest.NewServer(http.HandlerFunc(in.receive))
	t.Cleanup(in.Close)
	return in
}

// receive reads both forms; a message it can't read shows as one without a title.
func (in *inbox) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	m := message{channel: strings.TrimPrefix(r.URL.Path, "/"), text: string(body)}
	var slack struct {
		Attachments []struct {
			Title, Text string
			TitleLink   string `json:"title_link"`
		}
	}
	var webhook struct {
		Status      string
		GroupLabels map[string]string
		Alerts      []struct{ Annotations map[string]string }
	}
	switch {
	case m.channel == "slack" && json.Unmarshal(body, &slack) == nil && len(slack.Attachments) == 1:
		a := slack.Attachments[0]
		m.title, m.text, m.link = a.Title, a.Text, a.TitleLink
	case m.channel == "webhook" && json.Unmarshal(body, &webhook) == nil && len(webhook.Alerts) > 0:
		a := webhook.Alerts[0].Annotations
		m.title = strings.ToUpper(webhook.Status) + " " + webhook.GroupLabels["alertname"]
		m.text, m.link = a["summary"]+"\n"+a["description"]+"\n"+a["runbook_url"], a["dashboard"]
	}
	_, _ = io.WriteString(w, "ok") // What Slack says; Alertmanager takes anything else from it for an error.
	if in.clock != nil {
		m.at = in.clock()
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.list = append(in.list, m)
}

// await waits until the message about an alert has come by each channel: its status, name, summary, and the links to its
// runbook and dashboard. press is called before each look and may be nil. It returns the number of messages by then.
func (in *inbox) await(t *testing.T, status string, a alert, after int, press func()) int {
	t.Helper()
	var seen int
	eventually(t, status+" "+a.name, func(context.Context) error {
		if press != nil {
			press()
		}
		in.mu.Lock()
		defer in.mu.Unlock()
		seen = len(in.list)
		for _, channel := range a.channels {
			if !in.has(channel, status, a, after) {
				return fmt.Errorf("%s has only %v", channel, in.titles(after))
			}
		}
		return nil
	})
	return seen
}

func (in *inbox) all() []message {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.list)
}

func (in *inbox) count() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.list)
}

func (in *inbox) has(channel, status string, a alert, after int) bool {
	for _, m := range in.list[after:] {
		if m.channel == channel && m.title == status+" "+a.name && strings.Contains(m.text, a.says) &&
			strings.Contains(m.text, "/docs/runbooks/"+a.name+".md") && strings.HasPrefix(m.link, "http://localhost/grafana/d/") {
			return true
		}
	}
	return false
}

func (in *inbox) titles(after int) []string {
	var all []string
	for _, m := range in.list[after:] {
		summary, _, _ := strings.Cut(m.text, "\n")
		all = append(all, m.channel+": "+m.title+": "+summary)
	}
	return all
}
