package plan

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"

	"github.com/go-json-experiment/json/jsontext"
)

// Manual is a drift that someone reports by hand. It has no masks: names and the shapes of credentials decide.
type Manual struct {
	ResourceID   string
	ResourceType string
	Region       string          // taken from the states when empty
	Expected     json.RawMessage // an object; null or nothing when the resource should not exist
	Actual       json.RawMessage // an object; null or nothing when it does not exist
	Severity     Severity        // by the defaults when empty
}

// ReadManual redacts and compares a manual report by the rules of a plan. What is wrong with a state is an *Error whose
// path is expectedState or actualState; ErrNoDrift says that the two do not differ. Of the options MaxBytes has no part.
func ReadManual(m Manual, opt Options) (*Change, error) {
	if len(opt.Key) == 0 {
		return nil, errors.New("plan: no key to hash with")
	}
	depth := cmp.Or(max(opt.MaxDepth, 0), DefaultMaxDepth)
	e := entry{address: m.ResourceID, typ: m.ResourceType, actions: []string{"update"}, masks: cover(nil).byKind(m.ResourceType)}
	var err error
	if e.before, err = readReported(m.Expected, "expectedState", depth); err != nil {
		return nil, err
	}
	if e.after, err = readReported(m.Actual, "actualState", depth); err != nil {
		return nil, err
	}
	switch {
	case e.before == nil:
		e.actions = []string{"create"}
	case e.after == nil:
		e.actions = []string{"delete"}
	}

	found := collector{names: newNames(), secrets: newSecrets()}
	found.collect(e.before, e.after, e.masks, false)
	for _, label := range [...]string{m.ResourceID, m.ResourceType, m.Region} {
		found.secrets.look([]byte(label))
	}
	spared := map[string]bool{m.ResourceID: true, m.ResourceType: true}
	for _, where := range [...]string{m.Region, region(e.before, nil), region(e.after, nil)} {
		if isPlace(where) {
			spared[where] = false
		}
	}
	opt.MaxDepth = depth
	c := newComparer(found.names, newIndex(found.secrets, spared), opt)
	change, ok := c.change(&e, OriginManual, "", Open{})
	if !ok {
		return nil, ErrNoDrift
	}
	change.Region = c.label(cmp.Or(m.Region, change.Region))
	change.Address, change.Type = c.label(change.Address), c.label(change.Type)
	change.Severity = cmp.Or(m.Severity, change.Severity)
	return &change, nil
}

// readReported parses a state that did not come out of a checking decoder.
func readReported(raw json.RawMessage, path string, depth int) (*node, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	v, err := dec.ReadValue()
	if err != nil {
		return nil, syntaxError(path, dec.InputOffset(), err)
	}
	if len(v) != len(raw) {
		return nil, invalid(path, "has data after the value")
	}
	if v.Kind() != '{' {
		return nil, invalid(path, "must be an object or null")
	}
	t := tree{maxDepth: depth}
	n, err := t.parse(v)
	if err != nil {
		return nil, valueError(path, err)
	}
	return n, nil
}
