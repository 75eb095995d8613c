package courier_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/courier"
	"github.com/driftsentry/driftsentry/services/api/internal/notify"
)

type block struct {
	Type     string
	Text     *struct{ Type, Text string }
	Elements []struct{ Type, Text string }
}

// written is the message that Slack gets.
func written(t *testing.T, m *notify.Message) (text string, blocks []block) {
	t.Helper()
	var got struct {
		Text   string
		Blocks []block
	}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(body, &got)
		}
		if err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	c := courier.New(courier.Config{Guard: local, PublicURL: "https://" + strings.Repeat("p", 200) + ".example", TraceURL: "https://t.example/{traceId}?a=1&b=2", Version: "1.2.3"})
	if out := c.Send(t.Context(), notify.Slack, notify.Target{URL: server.URL}, m); out.Failure != "" {
		t.Fatal(out.Failure)
	}
	return got.Text, got.Blocks
}

func drift(t event.Type, resource, severity string) notify.Item {
	return notify.Item{Type: t, DriftData: event.DriftData{ID: uuid.New(), ResourceID: resource, Severity: severity}}
}

// TestAttackSlack: whatever strangers write, a message stays within Slack's limits and pings no one: names of resources and of
// workspaces, reasons, and what CI says of itself. Mutations: escape without entities; cut after the escape; packed without its bound;
// link with any URL.
func TestAttackSlack(t *testing.T) {
	evil := "<!channel> & <https://evil.example|click> \u202e\n@here " + strings.Repeat("&", 5000)
	m := &notify.Message{
		ID: uuid.New(), Workspace: evil, TraceID: "0af7651916cd43dd8448eb211c80319c", At: time.Now(), Total: 5000,
		Counts: []notify.Count{{Type: event.DriftCreated, N: 5000}},
	}
	for range 20 {
		d := drift(event.DriftApproved, evil, "critical")
		d.Reason, d.Actor = evil, &event.Actor{Email: evil}
		m.Drifts = append(m.Drifts, d)
		m.Stale, m.StaleN = append(m.Stale, event.WorkspaceStaleData{Name: evil}), 21
	}
	for name, check := range map[string]*event.CheckData{
		"of a decision": nil,
		"of a check":    {Status: "failed", FailureReason: evil, Ref: evil, Commit: evil, RunURL: "https://ci.example/|> <!here>" + evil},
	} {
		t.Run(name, func(t *testing.T) {
			m.Check = check
			text, blocks := written(t, m)
			texts := []string{text}
			for _, b := range blocks {
				if b.Text != nil {
					texts = append(texts, b.Text.Text)
				}
				for _, e := range b.Elements {
					texts = append(texts, e.Text)
				}
			}
			if len(blocks) > 50 {
				t.Errorf("%d blocks", len(blocks))
			}
			for _, text := range texts {
				if n := utf8.RuneCountInString(text); n > 3000 || n == 0 {
					t.Errorf("a text of %d characters: %.100s", n, text)
				}
				if strings.Contains(text, "<!") || strings.Contains(text, "evil.example|") && !strings.Contains(text, "&lt;https://evil.example|") || strings.Contains(text, "\u202e") {
					t.Errorf("not escaped: %.200s", text)
				}
			}
			if all := strings.Join(texts, "\n"); !strings.Contains(all, "… and 4980 more") || !strings.Contains(all, "<https://t.example/0af7651916cd43dd8448eb211c80319c?a=1&amp;b=2|trace>") {
				t.Errorf("%.3000s", all)
			}
		})
	}
}

// TestSlack_titles: what a message says first. Mutations: a case of title less; a proposal is "created"; the end of a rule that has ended.
func TestSlack_titles(t *testing.T) {
	ends := event.Time(time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC))
	rule := func(kind event.Type, status string) notify.RuleItem {
		return notify.RuleItem{Type: kind, RuleData: event.RuleData{
			Effect: "ignore", Status: status, Reason: "defaults of provider 6", ExpiresAt: &ends, Actor: &event.Actor{Email: "ada@acme.example"},
		}}
	}
	ruled := func(rules ...notify.RuleItem) *notify.Message {
		return &notify.Message{Rules: rules, Type: rules[0].Type, Total: len(rules)}
	}
	for want, m := range map[string]*notify.Message{
		"This is a test. This channel works.":                         {Test: true},
		"a · drifts: 2 new, 1 resolved":                               {Counts: []notify.Count{{Type: event.DriftCreated, N: 2}, {Type: event.DriftResolved, N: 1}}, Check: &event.CheckData{Status: "drifted"}},
		"a · the check failed: init failed":                           {Check: &event.CheckData{Status: "failed", FailureReason: "init failed"}},
		"a · the check failed; drifts: 1 changed":                     {Check: &event.CheckData{Status: "failed"}, Counts: []notify.Count{{Type: event.DriftUpdated, N: 1}}},
		"a · the check found no other drift than those that are open": {Check: &event.CheckData{Status: "drifted"}},
		"a · the check found no drift":                                {Check: &event.CheckData{Status: "ok"}},
		"rule of the effect ignore created by ada@acme.example: defaults of provider 6 (until 2026-03-08 12:00 UTC)":  ruled(rule(event.RuleCreated, "active")),
		"rule of the effect ignore proposed by ada@acme.example: defaults of provider 6 (until 2026-03-08 12:00 UTC)": ruled(rule(event.RuleCreated, "proposed")),
		"rule of the effect ignore ended by ada@acme.example: defaults of provider 6":                                 ruled(rule(event.RuleEnded, "ended")),
		"rules: 2 updated":                     ruled(rule(event.RuleUpdated, "active"), rule(event.RuleUpdated, "active")),
		"a · drifts: 1 suppressed, 2 surfaced": {Counts: []notify.Count{{Type: event.DriftSuppressed, N: 1}, {Type: event.DriftSurfaced, N: 2}}},
		"a · drifts: 1 any":                    {Counts: []notify.Count{{Type: "drift.any", N: 1}}},
		"a · no check came for too long":       {StaleN: 1},
		"a · no check of 3 workspaces came for too long; drifts: 2 open again (approval ended)": {StaleN: 3, Counts: []notify.Count{{Type: event.DriftExpired, N: 2}}},
	} {
		if !m.Test && m.Rules == nil {
			m.Workspace = "a"
		}
		if text, _ := written(t, m); text != want {
			t.Errorf("%q, want %q", text, want)
		}
	}
}

// TestSlack_several_workspaces: a message about several workspaces says of each line which one it is about.
// Mutations: driftLines without the workspace; staleLines without the time, or without those that are not shown.
func TestSlack_several_workspaces(t *testing.T) {
	d := drift(event.DriftExpired, "aws_instance.web", "critical")
	d.Workspace = "prod"
	_, blocks := written(t, &notify.Message{
		ID: uuid.New(), Total: 4, Counts: []notify.Count{{Type: event.DriftExpired, N: 1}}, Drifts: []notify.Item{d}, StaleN: 3,
		Stale: []event.WorkspaceStaleData{{Name: "team/dev", LastCheckAt: event.Time(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))}},
	})
	var all strings.Builder
	for _, b := range blocks {
		if b.Text != nil {
			all.WriteString(b.Text.Text + "\n")
		}
	}
	for _, want := range []string{
		"no check of 3 workspaces came for too long; drifts: 1 open again (approval ended)\n:large_orange_circle: <https://", "/workspaces/team%2Fdev|team/dev>: the last check was at 2026-03-01 09:00 UTC\n… and 2 more\n",
		":red_circle: prod · <https://", "|aws_instance.web> open again (approval ended)\n",
	} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("there is no %q in\n%s", want, &all)
		}
	}
}
