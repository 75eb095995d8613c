package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
)

// Bounds of a message.
const (
	// partEvents is how many events are read at once.
	partEvents = 500
	// shownEvents and shownBytes are for the events of a message, shownDrifts for the drifts that it names, and the workspaces.
	shownEvents = 100
	shownBytes  = 256 << 10
	shownDrifts = 20
)

var errGone = errors.New("the events were removed, as EVENT_RETENTION says, before the message was delivered")

// compose makes the message of a delivery; nil when the channel wants none of the events. It fails with errGone when they are not
// there any more.
func (s *Service) compose(ctx context.Context, n *Next) (*Message, error) {
	b := builder{
		filter: n.Channel.Filter, owners: map[string]string{},
		m: &Message{ID: n.ID, At: n.CreatedAt, TraceID: telemetry.TraceIDOf(n.Traceparent)},
	}
	read := false
	for after := n.FirstPosition - 1; after < n.LastPosition; {
		limit := min(partEvents, int(n.LastPosition-after))
		events, err := s.store.Events(ctx, n.AccountID, after, limit)
		if err != nil {
			return nil, err
		}
		if len(events) == 0 || events[0].Position > n.LastPosition {
			break
		}
		if err := s.lookUpOwners(ctx, n, events, b.owners); err != nil {
			return nil, err
		}
		for _, e := range events {
			if e.Position > n.LastPosition {
				break
			}
			if err := b.add(e); err != nil {
				return nil, err
			}
		}
		after, read = events[len(events)-1].Position, true
	}
	if !read {
		return nil, errGone
	}
	return b.message(), nil
}

// lookUpOwners reads the owners of workspaces that are not known, where the channel's filter needs them.
func (s *Service) lookUpOwners(ctx context.Context, n *Next, events []event.Event, known map[string]string) error {
	if n.Channel.Owners == nil {
		return nil
	}
	var missing []string
	for _, e := range events {
		var about struct{ Data struct{ Workspace string } }
		if err := json.Unmarshal(e.Body, &about); err != nil {
			return fmt.Errorf("read event %s: %w", e.ID, err)
		}
		if name := about.Data.Workspace; name != "" {
			if _, ok := known[name]; !ok {
				known[name] = ""
				missing = append(missing, name)
			}
		}
	}
	if missing == nil {
		return nil
	}
	owners, err := s.store.Owners(ctx, n.AccountID, missing)
	maps.Copy(known, owners)
	return err
}

// builder goes over the events of a transaction.
type builder struct {
	filter Filter
	owners map[string]string // of workspaces
	m      *Message
	first  event.Type
	counts map[event.Type]int
	size   int
	check  *event.CheckData // of the transaction, wanted or not: it says what the events belong to
	wanted bool             // the check
}

// add takes an event, if the channel wants it.
func (b *builder) add(e event.Event) error {
	if !slices.Contains(Events, e.Type) {
		return nil
	}
	var body event.CloudEvent
	if err := json.Unmarshal(e.Body, &body); err != nil {
		return fmt.Errorf("read event %s: %w", e.ID, err)
	}
	if e.Type == event.CheckCompleted {
		b.check = new(event.CheckData)
		if err := json.Unmarshal(body.Data, b.check); err != nil {
			return fmt.Errorf("read event %s: %w", e.ID, err)
		}
		if severity := checkSeverity(*b.check); severity != "" && b.filter.wants(e.Type, severity, b.check.Workspace, b.owners[b.check.Workspace]) {
			b.wanted = true
			b.keep(e)
		}
		return nil
	}
	switch {
	case isRule(e.Type):
		return b.addRule(e, body.Data)
	case e.Type == event.WorkspaceStale:
		return b.addStale(e, body.Data)
	}
	var d struct {
		event.DriftData
		Owner string `json:"owner"`
	}
	if err := json.Unmarshal(body.Data, &d); err != nil {
		return fmt.Errorf("read event %s: %w", e.ID, err)
	}
	if severity := driftSeverity(e.Type, d.DriftData); severity == "" || !b.filter.wants(e.Type, severity, d.Workspace, cmp.Or(d.Owner, b.owners[d.Workspace])) {
		return nil
	}
	if b.counts == nil {
		b.counts = make(map[event.Type]int)
	}
	b.counts[e.Type]++
	b.in(d.Workspace)
	b.m.Drifts = append(b.m.Drifts, Item{e.Type, d.DriftData})
	if len(b.m.Drifts) > 4*shownDrifts {
		b.shorten()
	}
	b.keep(e)
	return nil
}

func isRule(t event.Type) bool {
	return t == event.RuleCreated || t == event.RuleUpdated || t == event.RuleEnded
}

// addRule takes an event about a rule, which is of no workspace, and of no owner.
func (b *builder) addRule(e event.Event, data json.RawMessage) error {
	if !b.filter.wants(e.Type, ruleSeverity, "", "") {
		return nil
	}
	item := RuleItem{Type: e.Type}
	if err := json.Unmarshal(data, &item.RuleData); err != nil {
		return fmt.Errorf("read event %s: %w", e.ID, err)
	}
	if len(b.m.Rules) < shownDrifts {
		b.m.Rules = append(b.m.Rules, item)
	}
	b.keep(e)
	return nil
}

// addStale takes the event of a workspace without checks, if the channel wants it.
func (b *builder) addStale(e event.Event, data []byte) error {
	var w event.WorkspaceStaleData
	if err := json.Unmarshal(data, &w); err != nil {
		return fmt.Errorf("read event %s: %w", e.ID, err)
	}
	owner := ""
	if w.Owner != nil {
		owner = *w.Owner
	}
	if !b.filter.wants(e.Type, staleSeverity, w.Name, owner) {
		return nil
	}
	b.in(w.Name)
	b.m.StaleN++
	if len(b.m.Stale) < shownDrifts {
		b.m.Stale = append(b.m.Stale, w)
	}
	b.keep(e)
	return nil
}

// in says that the next event is about a workspace.
func (b *builder) in(workspace string) {
	switch {
	case b.m.Total == 0:
		b.m.Workspace = workspace
	case b.m.Workspace != workspace:
		b.m.Workspace = ""
	}
}

// keep adds an event to those of the message, while there is room.
func (b *builder) keep(e event.Event) {
	b.m.Total++
	if b.first == "" {
		b.first = e.Type
	}
	if len(b.m.Events) < shownEvents && b.size+len(e.Body) <= shownBytes {
		b.size += len(e.Body)
		b.m.Events = append(b.m.Events, e)
	}
}

// shorten leaves the most severe drifts.
func (b *builder) shorten() {
	slices.SortStableFunc(b.m.Drifts, func(x, y Item) int {
		return cmp.Compare(slices.Index(Severities, x.Severity), slices.Index(Severities, y.Severity))
	})
	b.m.Drifts = b.m.Drifts[:min(len(b.m.Drifts), shownDrifts)]
}

func (b *builder) message() *Message {
	m := b.m
	if m.Total == 0 {
		return nil
	}
	b.shorten()
	m.Type = b.first
	if b.check != nil && checkSeverity(*b.check) != "" {
		m.Check, m.Workspace, m.Type = b.check, b.check.Workspace, event.CheckCompleted
	}
	for _, t := range Events {
		if n := b.counts[t]; n > 0 {
			m.Counts = append(m.Counts, Count{t, n})
		}
	}
	return m
}

// wants reports whether a channel is to be told.
func (f Filter) wants(t event.Type, severity, workspace, owner string) bool {
	return slices.Contains(f.Events, string(t)) && slices.Contains(f.Severities, severity) &&
		(f.Workspaces == nil || slices.ContainsFunc(f.Workspaces, func(glob string) bool {
			ok, err := path.Match(glob, workspace)
			return ok && err == nil
		})) &&
		(f.Owners == nil || slices.ContainsFunc(f.Owners, func(name string) bool { return strings.EqualFold(name, owner) }))
}
