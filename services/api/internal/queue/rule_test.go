package queue_test

import (
	"strings"
	"testing"
	"time"
)

// TestRules: a channel that asks for it hears of a proposal, and of what the accepted rule hides; another one hears of neither.
//
// Mutations: addRule that keeps no rule, or does not ask the filter; a line of a suppressed drift without the rule's reason.
func TestRules(t *testing.T) {
	api := start(t)
	slack, usual, elsewhere := newReceiver(t), newReceiver(t), newReceiver(t)
	makeChannel(api, "slack", slack.URL, map[string]any{"events": []string{"rule.created", "drift.suppressed"}, "severities": []string{"critical", "warning", "info"}})
	makeChannel(api, "webhook", usual.URL, nil)
	makeChannel(api, "webhook", elsewhere.URL, map[string]any{"events": []string{"rule.created"}, "workspaces": []string{"prod*"}})
	api.Key.Post("/api/v1/ingest/plan?workspace=production", plan(t, "refresh_only_tf1.11.4.json")).Want(200)
	var proposed struct{ ID string }
	api.Engineer.Post("/api/v1/rules", map[string]any{
		"effect": "ignore", "match": map[string]any{"workspaces": []string{"prod*"}}, "reason": "moves to <another> account",
		"expiresAt": time.Date(time.Now().Year()+1, time.March, 8, 12, 0, 0, 0, time.UTC),
	}).Want(201).Decode(&proposed)
	if got := string(slack.wait(count(1))[0].body); !strings.Contains(got, `"text":"rule of the effect ignore proposed by engineer-`) ||
		!strings.Contains(got, "-03-08 12:00 UTC)") || strings.Contains(got, "<another>") {
		t.Errorf("the proposal: %s", got)
	}
	api.Admin.Post("/api/v1/rules/"+proposed.ID+"/accept", struct{}{}).Want(200)
	if got := string(slack.wait(count(2))[1].body); !strings.Contains(got, `"text":"production · drifts: 4 suppressed"`) || strings.Count(got, " account (until ") != 4 {
		t.Errorf("what it hides: %s", got)
	}
	settled(t, api, "delivered")
	if n := len(usual.messages()); n != 1 {
		t.Errorf("the usual channel has %d messages, want the one of the plan", n)
	}
	if n := len(elsewhere.messages()); n != 0 { // A rule is of no workspace.
		t.Errorf("the channel of a workspace has %d messages", n)
	}
}
