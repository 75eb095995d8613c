package plan

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// maxName is the length up to which an address or another name is taken. It keeps names within what an index can hold.
const maxName = 2048

// entry is one element of resource_drift or resource_changes. Its nodes live until the tree parses again.
type entry struct {
	id                         string // tells the objects of a plan apart
	address, previous, deposed string
	mode, typ, name, provider  string
	actions                    []string
	hasReason                  bool // action_reason
	before, after, unknown     *node
	masks                      cover
	unstorable                 error // why this entry cannot be a change
	unnamed                    bool  // its names cannot be taken
	unreadable                 bool  // it is no entry of the format; before is all there is of it that may have secrets
}

// readEntry makes an entry of a value; unstorable is what is wrong with it. What has not the form of an entry is one that is left out.
func readEntry(root *node, unstorable error) *entry {
	e := entry{mode: "managed", unstorable: unstorable}
	for _, f := range [...]struct {
		name  string
		field *string
	}{
		{"address", &e.address}, {"previous_address", &e.previous}, {"deposed", &e.deposed},
		{"mode", &e.mode}, {"type", &e.typ}, {"name", &e.name}, {"provider_name", &e.provider},
	} {
		e.readName(f.field, root.field(f.name), f.name)
	}
	e.id = resourceID(e.address, e.deposed)
	e.hasReason = root.field("action_reason").is('"')
	change := root.field("change")
	switch {
	case root.kind != '{':
		e.unnamed = true
		e.refuse("it must be an object")
	case e.address == "":
		e.unnamed = true
		e.refuse("address is required")
	case e.typ == "":
		e.refuse("type is required")
	case !change.is('{'):
		e.refuse("change is required and must be an object")
	}
	if !change.is('{') {
		e.before = root
		return &e
	}
	e.readActions(change.field("actions"))
	e.before, e.after = e.readState(change, "before"), e.readState(change, "after")
	e.unknown = change.field("after_unknown")
	masks, err := readMasks(change, "change")
	if err != nil {
		e.refuse(err.Error())
		masks = everything
	}
	e.masks = masks.byKind(e.typ)
	return &e
}

// refuse notes the first thing for which an entry cannot be read.
func (e *entry) refuse(reason string) {
	if !e.unreadable {
		e.unreadable, e.unstorable = true, errors.New("cannot be read: "+reason)
	}
}

func (e *entry) readName(field *string, n *node, name string) {
	switch {
	case n == nil || n.kind == 'n':
	case n.kind != '"':
		e.unnamed = e.unnamed || name == "address" || name == "previous_address" || name == "deposed"
		e.refuse(name + " must be a string")
	case len(n.text) > maxName:
		e.unstorable = fmt.Errorf("has a text of more than %d bytes in %s", maxName, name)
		*field, e.unnamed = string(n.text[:maxName]), true
	default:
		e.unnamed = e.unnamed || bytes.IndexByte(n.text, 0) >= 0
		*field = string(n.text)
	}
}

func (e *entry) readActions(n *node) {
	if !n.is('[') || len(n.kids) == 0 || len(n.kids) > 4 {
		e.refuse("change.actions is required and must be a list of one to four actions")
		return
	}
	actions := make([]string, len(n.kids))
	for i, k := range n.kids {
		if k.kind != '"' || !isIdentifier(k.text) || len(k.text) > 32 {
			e.refuse("change.actions must be a list of actions such as \"update\"")
			return
		}
		actions[i] = string(k.text)
	}
	e.actions = actions
}

func (e *entry) readState(change *node, side string) *node {
	n := change.field(side)
	if n == nil || n.kind == 'n' {
		return nil
	}
	if n.kind != '{' {
		e.refuse("change." + side + " must be an object or null")
	}
	return n
}

func readMasks(change *node, path string) (cover, error) {
	var both cover
	for _, side := range [...]string{"before_sensitive", "after_sensitive"} {
		c, ok := newCover(change.field(side))
		if !ok {
			return nil, invalid(path+"."+side, "must consist of booleans, objects and lists")
		}
		both = append(both, c...)
	}
	return both, nil
}

// valueError says what is wrong with a reported value without saying where in it, since the names in there are the author's.
func valueError(path string, err error) error {
	for _, known := range [...]error{errDeep, errDuplicate, errNUL, errNumber, errValues} {
		if errors.Is(err, known) {
			return invalid(path, "%s", known.Error())
		}
	}
	return syntaxError(path, 0, err)
}

// differs reports whether the entry is of a kind that can be a change: a managed object on which something is done.
// Reading is for data sources, and forgetting alone changes the record only.
func (e *entry) differs() bool {
	quiet := func(action string) bool { return action == "no-op" || action == "read" || action == "forget" }
	return e.mode == "managed" && (e.planned() == replace || !slices.ContainsFunc(e.actions, quiet))
}

// replace is how the actions are called that make an object again. The old one is deleted, or forgotten where it may not be.
const replace = "replace"

// knownActions are those that the format has besides. One of a later version is not shown, rather than shown wrong.
var knownActions = set("no-op", "create", "read", "update", "delete", "forget")

// planned is the actions as one word, which is empty when there is none for them.
func (e *entry) planned() string {
	does := func(action string) bool { return slices.Contains(e.actions, action) }
	switch {
	case does("create") && (does("delete") || does("forget")):
		return replace
	case len(e.actions) == 1 && knownActions[e.actions[0]]:
		return e.actions[0]
	}
	return ""
}
