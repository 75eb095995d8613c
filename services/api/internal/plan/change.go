package plan

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/driftsentry/driftsentry/pkg/legible"
	"github.com/driftsentry/driftsentry/services/api/internal/rule"
)

// driftEntry reads one element of resource_drift in pass 1.
func (s *scan) driftEntry(path string) error {
	e, err := s.entry(path, OriginDrift, true)
	if err == nil && e.mode == "managed" && e.planned() != "no-op" && !e.unreadable {
		s.tally.drifts++
	}
	return err
}

// changeEntry reads one element of resource_changes in pass 1.
func (s *scan) changeEntry(path string) error {
	e, err := s.entry(path, OriginChange, s.opt.Changes)
	if err != nil {
		return err
	}
	if !e.unnamed && !e.unreadable {
		s.planned[e.id] = s.action(e.planned())
	}
	if e.mode == "managed" && e.deposed == "" {
		s.tally.planned++
		switch action := e.planned(); {
		case action == "delete" && !e.hasReason:
			s.tally.deleted++
		case action == "forget", len(e.actions) == 0: // What cannot be read makes no normal plan of one that destroys.
			s.tally.kept++
		case action == "no-op":
			s.tally.still++
		}
		if !e.unnamed && len(e.actions) > 0 && e.planned() != "create" {
			s.changed.add(e.id, cmp.Or(s.out.previous[e.id], e.id))
		}
	}
	return nil
}

// entry collects what an entry tells about secrets and names, and keeps its bytes when it may be a change.
func (s *scan) entry(path string, origin Origin, keep bool) (*entry, error) {
	raw, err := s.raw(path)
	if err != nil {
		return nil, err
	}
	e := readEntry(s.parse(raw, false))
	if err := s.spend(s.tree.count, s.dec.InputOffset()); err != nil {
		return nil, err
	}
	e.id = s.out.key(e.id)
	switch {
	case errors.Is(e.unstorable, errDuplicate): // Its address may be what is there twice.
		e.unnamed = true
		e.refuse(errDuplicate.Error())
	case !e.unnamed && s.seen[e.id]:
		e.refuse("its address is in the list twice")
	}
	leaveOut := e.unreadable || e.unstorable != nil && keep && e.differs()
	if leaveOut {
		s.leaveOut(e, path)
	}
	if e.unnamed || e.unreadable {
		s.collect(e.before, e.after, e.masks, false)
		return e, s.count()
	}
	s.seen[e.id] = true
	if err := s.count(); err != nil {
		return nil, err
	}

	s.collect(e.before, e.after, e.masks, false)
	for _, name := range [...]string{e.address, e.previous, e.typ} {
		s.spare(name)
	}
	s.spareRegion(region(e.before, e.masks))
	s.spareRegion(region(e.after, e.masks))
	if move := (Move{e.previous, e.address, legible.EscapeLine(e.typ), legible.EscapeLine(provider(e.provider))}); e.previous != "" && e.previous != e.address && !s.moved[move] {
		s.moved[move] = true
		s.out.previous[e.id] = s.out.key(resourceID(e.previous, e.deposed))
		s.out.movedLate = s.out.movedLate || s.out.hasPriorState
		s.out.Moves = append(s.out.Moves, move)
	}
	if keep && e.differs() && !leaveOut {
		list := &s.kept[0]
		if origin == OriginChange {
			list = &s.kept[1]
		}
		list.slots = append(list.slots, list.put(raw))
	}
	return e, nil
}

// leaveOut notes an entry that cannot be stored. What it is about must not look as if it were gone.
func (s *scan) leaveOut(e *entry, path string) {
	s.out.LeftOut.Count++
	if len(s.out.LeftOut.Entries) < maxLeftOut {
		resource := withoutKeys(e.address)
		if len(resource) > maxShownName || !dotted(resource) {
			resource = ""
		}
		s.out.LeftOut.Entries = append(s.out.LeftOut.Entries, Omission{path, resource, e.unstorable.Error()})
	}
	if e.unnamed { // The plan then does not cover its whole root, see evidence.
		s.lostOne = true
		return
	}
	for _, id := range [...]string{e.id, resourceID(e.previous, e.deposed)} {
		for _, st := range s.watched(id) {
			st.leftOut = true
		}
	}
}

// dotted reports whether text is identifiers joined by dots, in which no secret hides.
func dotted(text string) bool {
	for part := range strings.SplitSeq(text, ".") {
		if !isIdentifier([]byte(part)) {
			return false
		}
	}
	return true
}

// count limits how much a plan makes us remember.
func (s *scan) count() error {
	s.resources++
	if s.resources > maxResources {
		return tooLarge("lists more than %d resources", maxResources)
	}
	if s.secrets.size > maxSecrets {
		return tooLarge("has more than %d bytes of sensitive values", maxSecrets)
	}
	return nil
}

// action gives equal strings the same memory.
func (s *scan) action(planned string) string {
	if known, ok := s.actions[planned]; ok {
		return known
	}
	s.actions[planned] = planned
	return planned
}

// deferredEntry reads one of deferred_changes, which are no changes yet but may mark secrets.
func (s *scan) deferredEntry(path string) error {
	n, err := s.value(path, false)
	if err != nil {
		return err
	}
	change := n.field("resource_change").field("change")
	masks, err := readMasks(change, "change")
	if err != nil {
		masks = everything
	}
	s.collect(change.field("before"), change.field("after"), masks, false)
	return nil
}

// finish is pass 2: every mask is known, so the kept entries can become changes.
func (s *scan) finish(ctx context.Context) (*Plan, error) {
	s.size = s.dec.InputOffset()
	if err := s.variableValues(); err != nil {
		return nil, err
	}
	s.out.Evidence = s.evidence()
	if !s.out.hasPriorState && s.out.Evidence.Coverage != CoveragePartial && s.tally.still > 0 { // Without any, the list was shortened.
		s.out.root = s.changed
	}
	s.judge()
	c := newComparer(s.names, newIndex(s.secrets, s.spared), s.opt)
	s.units += s.secrets.units()
	s.secrets, s.seen, s.configured, s.dec = nil, nil, nil, nil
	for _, m := range s.out.Moves {
		for _, address := range [...]string{m.From, m.To} {
			if shown := c.address(address); shown != address {
				s.out.shown[address] = shown
			}
		}
	}
	drifted := map[string]bool{}
	// Drift first, whatever the order of the two lists: the change that would undo it says nothing new.
	for i, origin := range [...]Origin{OriginDrift, OriginChange} {
		list := &s.kept[i]
		for _, place := range list.slots {
			if err := ctx.Err(); err != nil {
				return nil, fmt.Errorf("read plan: %w", err)
			}
			root, err := s.tree.parse(list.get(place))
			if err != nil { // There was none in pass 1.
				return nil, fmt.Errorf("plan: parse an entry again: %w", err)
			}
			e := readEntry(root, nil)
			if err := s.spend(unitsAgain*s.tree.count, s.size); err != nil {
				return nil, err
			}
			e.id = s.out.key(e.id)
			if drifted[e.id] {
				continue
			}
			if change, ok := c.change(e, origin, s.planned[e.id], s.opt.Open[Object{origin, e.id}]); ok {
				drifted[e.id] = origin == OriginDrift
				if s.out.Changes = append(s.out.Changes, change); len(s.out.Changes) > maxChanges {
					return nil, tooLarge("has more than %d resources that differ", maxChanges)
				}
				s.pack(&s.out.Changes[len(s.out.Changes)-1])
			}
			if err := s.spend(unitsDocument*c.docs.tried+unitsDifference*c.identity.count, s.size); err != nil {
				return nil, err
			}
			list.clear(place.block)
		}
		*list = keptEntries{}
		s.out.work = c.work + c.hash.work
	}
	return &s.out, nil
}

// pack puts the states of a change on the plan's shelf.
func (s *scan) pack(c *Change) {
	c.packed = s.out.states.put(c.Expected, c.Actual, c.Difference, c.Sides, c.Paths)
	c.sizes = [...]int{len(c.Expected), len(c.Actual), len(c.Difference), len(c.Sides)}
	c.States = States{}
}

// change compares and redacts one entry; it is none when nothing differs. In resource_drift the recorded state comes
// before and reality after; in resource_changes reality comes before and what the configuration asks for after.
//
// stored is the open drift that this may be; for one that is not present the change also gets the hash of its kind.
func (c *comparer) change(e *entry, origin Origin, planned string, stored Open) (Change, bool) {
	expected, actual := e.before, e.after
	if origin == OriginChange {
		expected, actual = e.after, e.before
	}
	c.kind = labels(e.typ)
	expectedEnd, actualEnd := c.compare(expected, actual, e.unknown, e.masks)
	if c.identity.count == 0 {
		return Change{}, false
	}
	states := States{Difference: c.json(), Sides: c.sides.bytes(c.hash)}
	c.work += len(c.expected) + len(c.actual) + len(states.Difference)
	states.Expected, states.Actual = state(&c.expected, expectedEnd), state(&c.actual, actualEnd)
	masks := masksOf(&states)
	states.Sides = append(states.Sides, masks...)
	hash := c.identity.hash(c.hash)
	states.Paths = c.paths.bytes(hash)
	where := region(actual, e.masks)
	if where == "" {
		where = region(expected, e.masks)
	}
	if where != "" && c.isSecret([]byte(where)) {
		where = ""
	}
	change := Change{
		Origin:          origin,
		Address:         c.address(e.address),
		PreviousAddress: c.address(e.previous),
		identity:        resourceID(e.address, e.deposed),
		Deposed:         legible.EscapeLine(e.deposed),
		Type:            legible.EscapeLine(e.typ),
		Name:            e.name,
		Provider:        legible.EscapeLine(provider(e.provider)),
		Mode:            e.mode,
		Region:          where,
		Actions:         e.actions,
		States:          states,
		PlannedAction:   planned,
		Severity:        c.severity(e, planned, expected, actual),
		Hash:            hash,
		OtherMasks:      !bytes.HasSuffix(stored.Sides, masks) || !pathsOf(stored.Paths, stored.Hash),
		older:           c.older(stored.Hash, expected, actual, e.unknown),
	}
	change.Verdict = c.rules.Judge(change.Subject(change.PlannedAction, c.paths.names))
	return change, true
}

// Subject is what rules are asked about. planned is what is known to be planned, also from a plan before.
func (c *Change) Subject(planned string, paths []string) rule.Subject {
	return rule.Subject{
		Address: c.ResourceID(), Type: c.Type, Provider: c.Provider, Origin: string(c.Origin), NoOp: planned == "no-op",
		Severity: string(c.Severity), Paths: paths,
	}
}

// state is what the comparer wrote up to end, which is nothing for a resource that is not there. A large state is given
// away, a small one copied.
func state(written *[]byte, end int) json.RawMessage {
	b := (*written)[:end]
	if end > blockSize {
		*written = nil
		return b
	}
	return appendOrNull(make([]byte, 0, max(end, 4)), b)
}
