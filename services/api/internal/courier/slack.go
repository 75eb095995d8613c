package courier

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/legible"
	"github.com/driftsentry/driftsentry/services/api/internal/notify"
)

// maxText is how many characters Slack takes in a text (https://docs.slack.dev/reference/block-kit/blocks/section-block). The others
// bound what is in one: escaped, a character has up to five.
const (
	maxText      = 3000
	maxTitle     = 400
	maxWorkspace = 128
	maxLabel     = 200
	maxActor     = 100
	maxReason    = 180
	maxLink      = 500 // escaped
	maxLine      = 400
)

// slackMessage is what an incoming webhook takes. It has at most 44 blocks, and Slack takes 50: the heading, the notes, and
// at the most one for each line.
type slackMessage struct {
	Text        string       `json:"text"` // of the notification on a screen
	Blocks      []slackBlock `json:"blocks"`
	UnfurlLinks bool         `json:"unfurl_links"`
	UnfurlMedia bool         `json:"unfurl_media"`
}

type slackBlock struct {
	Type     string      `json:"type"`
	Text     *slackText  `json:"text,omitempty"`
	Elements []slackText `json:"elements,omitempty"`
}

// slackText is verbatim: Slack makes no links, channels or users of what is in it.
type slackText struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Verbatim bool   `json:"verbatim"`
}

func mrkdwn(text string) slackText { return slackText{"mrkdwn", text, true} }

// slack writes a message for Slack.
func (l links) slack(m *notify.Message) ([]byte, error) {
	heading := title(m)
	top := escape(heading, maxTitle)
	if m.Workspace != "" {
		top = "*" + escape(m.Workspace, maxWorkspace) + "* · " + top
		heading = m.Workspace + " · " + heading
	}
	text := mrkdwn(top)
	made := slackMessage{Text: escape(heading, maxTitle), Blocks: []slackBlock{{Type: "section", Text: &text}}}
	for _, lines := range packed(slices.Concat(l.staleLines(m), l.driftLines(m), ruleLines(m))) {
		text := mrkdwn(lines)
		made.Blocks = append(made.Blocks, slackBlock{Type: "section", Text: &text})
	}
	if notes := l.notes(m); notes != "" {
		made.Blocks = append(made.Blocks, slackBlock{Type: "context", Elements: []slackText{mrkdwn(notes)}})
	}
	body, err := json.Marshal(made)
	if err != nil {
		return nil, fmt.Errorf("encode a message for Slack: %w", err)
	}
	return body, nil
}

// signs are what a severity looks like.
var signs = map[string]string{"critical": ":red_circle:", "warning": ":large_orange_circle:", "info": ":large_blue_circle:"}

// staleLines are a line for each workspace without checks.
func (l links) staleLines(m *notify.Message) []string {
	lines := make([]string, 0, len(m.Stale)+1)
	for _, w := range m.Stale {
		last := time.Time(w.LastCheckAt).UTC().Format("2006-01-02 15:04 MST")
		lines = append(lines, signs["warning"]+" "+link(l.workspace(w.Name), w.Name)+": the last check was at "+last)
	}
	if more := m.StaleN - len(m.Stale); more > 0 {
		lines = append(lines, fmt.Sprintf("… and %d more", more))
	}
	return lines
}

// driftLines are a line for each drift of a message.
func (l links) driftLines(m *notify.Message) []string {
	lines := make([]string, 0, len(m.Drifts)+1)
	for _, d := range m.Drifts {
		line := signs[d.Severity] + " "
		if m.Workspace == "" {
			line += escape(d.Workspace, maxWorkspace) + " · "
		}
		line += link(l.drift(d.ID), d.ResourceID) + " " + word(d.Type)
		if d.Actor != nil && d.Actor.Email != "" && m.Check == nil {
			line += " by " + escape(d.Actor.Email, maxActor)
		}
		if d.Reason != "" && m.Check == nil {
			line += ": " + escape(d.Reason, maxReason)
		}
		if d.Type == event.DriftSuppressed && d.Suppressed != nil {
			line += ": " + escape(d.Suppressed.Reason, maxReason)
			if d.Suppressed.Until != nil {
				line += until(*d.Suppressed.Until)
			}
		}
		lines = append(lines, line)
	}
	drifts := 0
	for _, c := range m.Counts {
		drifts += c.N
	}
	if more := drifts - len(m.Drifts); more > 0 {
		lines = append(lines, fmt.Sprintf("… and %d more", more))
	}
	return lines
}

// ruleLines are a line for each of several rules. The title says what happened to a single one.
func ruleLines(m *notify.Message) (lines []string) {
	if len(m.Rules) < 2 {
		return nil
	}
	for _, r := range m.Rules {
		lines = append(lines, escape(ruleLine(r), maxLine))
	}
	if more := m.Total - len(m.Rules); more > 0 {
		lines = append(lines, fmt.Sprintf("… and %d more", more))
	}
	return lines
}

// packed joins lines to texts that are not too long.
func packed(lines []string) []string {
	var texts []string
	size := 0
	for _, line := range lines {
		n := utf8.RuneCountInString(line) + 1
		if texts == nil || size+n > maxText {
			texts, size = append(texts, line), n
			continue
		}
		texts[len(texts)-1] += "\n" + line
		size += n
	}
	return texts
}

// notes are what people need who look closer.
func (l links) notes(m *notify.Message) string {
	var notes []string
	if c := m.Check; c != nil {
		at := c.Ref
		if c.Commit != "" {
			at = strings.TrimPrefix(at+"@"+cut(c.Commit, 12), "@")
		}
		if at != "" {
			notes = append(notes, escape(at, maxLabel))
		}
		if strings.HasPrefix(c.RunURL, "https://") || strings.HasPrefix(c.RunURL, "http://") {
			notes = append(notes, link(c.RunURL, "run"))
		}
	}
	if url := l.traceOf(m.TraceID); url != "" {
		notes = append(notes, link(url, "trace"))
	}
	return strings.Join(notes, " · ")
}

// link is a link, or the label alone when there is no URL that Slack takes.
func link(url, label string) string {
	label = escape(label, maxLabel)
	target := escape(url, maxText)
	if url == "" || len(target) > maxLink || strings.ContainsAny(url, "|<> ") {
		return label
	}
	return "<" + target + "|" + label + ">"
}

// entities are the characters that Slack gives a meaning (https://docs.slack.dev/messaging/formatting-message-text#escaping).
var entities = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// escape makes a stranger's text harmless, and no longer than most characters before that.
func escape(text string, most int) string {
	return entities.Replace(cut(legible.EscapeLine(strings.ToValidUTF8(text, "\uFFFD")), most))
}

// cut shortens a text.
func cut(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}
