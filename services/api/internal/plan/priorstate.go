package plan

import (
	"cmp"
	"strings"
)

// What is here reads the parts of a plan that make no changes but know secrets and names. A secret that is marked only
// there, such as the result of a random_password that did not drift, may stand in the open in what did.

// priorState looks through prior_state: {"values":{…}}.
func (s *scan) priorState(path string) error {
	return s.object(path, func(name string) error {
		if name == "values" {
			s.out.hasPriorState = true
			return s.values(path+".values", s.priorResource)
		}
		return s.skip(path)
	})
}

// values looks through the values of a state or of planned_values: {"outputs":{…},"root_module":{…}}.
//
// resource is what else to do with a resource; it may be nil.
func (s *scan) values(path string, resource func(*node)) error {
	return s.object(path, func(name string) error {
		switch name {
		case "outputs":
			return s.object(path+".outputs", func(output string) error { return s.output(path+".outputs", output) })
		case "root_module":
			return s.module(path+".root_module", 0, resource)
		}
		return s.skip(path)
	})
}

// output looks through one output of a state.
func (s *scan) output(path, name string) error {
	n, err := s.value(path, s.names.sensitive([]byte(name)))
	if err != nil {
		return err
	}
	masks, ok := newCover(n.field("sensitive"))
	if !ok {
		masks = everything
	}
	s.collect(n.field("value"), nil, masks, s.names.sensitive([]byte(name)))
	return nil
}

func (s *scan) module(path string, depth int, resource func(*node)) error {
	if depth > s.tree.maxDepth {
		return invalid(path, "is nested too deeply")
	}
	return s.object(path, func(name string) error {
		switch name {
		case "resources":
			return s.array(path+".resources", func(path string) error { return s.resource(path, resource) })
		case "child_modules":
			return s.array(path+".child_modules", func(path string) error { return s.module(path, depth+1, resource) })
		}
		return s.skip(path)
	})
}

// resource looks through one resource of a state.
func (s *scan) resource(path string, then func(*node)) error {
	n, err := s.value(path, false)
	if err != nil {
		return err
	}
	masks, ok := newCover(n.field("sensitive_values"))
	if !ok {
		masks = everything
	}
	if err := s.count(); err != nil {
		return err
	}
	values := n.field("values")
	if typ := n.field("type"); typ.is('"') {
		masks = masks.byKind(string(typ.text))
	}
	s.collect(values, nil, masks, false)
	for _, name := range [...]string{"address", "type"} {
		if k := n.field(name); k.is('"') {
			s.spare(string(k.text))
		}
	}
	s.spareRegion(region(values, masks))
	if then != nil {
		then(n)
	}
	return nil
}

// priorResource takes what has to be known of a resource of prior_state, which is how it is recorded now.
func (s *scan) priorResource(n *node) {
	address, deposed, mode := n.field("address"), n.field("deposed_key"), n.field("mode")
	if !address.is('"') || mode.is('"') && string(mode.text) != "managed" {
		return
	}
	s.tally.prior++
	if id := string(address.text); len(id) <= maxName {
		s.out.root.add(id, cmp.Or(s.out.previous[id], id))
	}
	id := string(address.text)
	if deposed.is('"') {
		id = resourceID(id, string(deposed.text))
	}
	s.meaning.reset()
	s.seeNamesakes(s.out.key(id), n.field("values"))
	for _, st := range s.watched(id) {
		st.found = true
		if st.hash != nil {
			st.how = st.sides.how(s.meaning, st.hash, n.field("values"))
		}
	}
}

// spareRegion notes a region. A secret that has the same text is not looked for.
func (s *scan) spareRegion(name string) {
	if _, known := s.spared[name]; !known && len(name) >= minSecret && isPlace(name) {
		s.spared[name] = false
	}
}

// spare notes a type or an address, which is never masked for what it contains.
//
// An address with a key in quotes is not: the key may be a secret.
func (s *scan) spare(name string) {
	if len(name) >= minSecret && len(name) <= maxName && !strings.Contains(name, `["`) {
		s.spared[name] = true
	}
}

// outputChange looks through one of output_changes.
func (s *scan) outputChange(output string) error {
	path := "output_changes"
	n, err := s.value(path, s.names.sensitive([]byte(output)))
	if err != nil {
		return err
	}
	masks, err := readMasks(n, path)
	if err != nil {
		masks = everything
	}
	s.collect(n.field("before"), n.field("after"), masks, s.names.sensitive([]byte(output)))
	return nil
}
