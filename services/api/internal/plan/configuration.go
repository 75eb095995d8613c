package plan

import (
	"hash/maphash"
	"strings"
)

// configuration looks through the configuration for sensitive variables and for the resources there are.
func (s *scan) configuration(path string) error {
	return s.object(path, func(name string) error {
		if name == "root_module" {
			return s.configuredModule(path+".root_module", "", 0)
		}
		return s.skip(path)
	})
}

func (s *scan) configuredModule(path, prefix string, depth int) error {
	if depth > s.tree.maxDepth {
		return invalid(path, "is nested too deeply")
	}
	return s.object(path, func(name string) error {
		switch {
		case name == "resources":
			return s.array(path+".resources", func(path string) error { return s.configuredResource(path, prefix) })
		case name == "module_calls":
			return s.object(path+".module_calls", func(call string) error {
				return s.object(path+".module_calls", func(name string) error {
					if name != "module" {
						return s.skip(path + ".module_calls")
					}
					return s.configuredModule(path+".module_calls.module", prefix+"module."+call+".", depth+1)
				})
			})
		case name == "variables" && depth == 0:
			return s.object(path+".variables", s.declaredVariable)
		}
		return s.skip(path)
	})
}

func (s *scan) configuredResource(path, prefix string) error {
	n, err := s.value(path)
	if err != nil {
		return err
	}
	if mode := n.field("mode"); mode.is('"') && string(mode.text) != "managed" {
		return nil
	}
	if err := s.count(); err != nil {
		return err
	}
	typ, name := n.field("type"), n.field("name")
	if typ.is('"') && name.is('"') {
		var h maphash.Hash
		h.SetSeed(s.seed)
		h.WriteString(prefix)
		h.Write(typ.text)
		h.WriteByte('.')
		h.Write(name.text)
		s.configured[h.Sum64()] = true
	}
	return nil
}

// withoutKeys takes the instance keys off an address: module.a["x.y"].aws_instance.web[0] becomes
// module.a.aws_instance.web. A key in quotes may contain anything.
func withoutKeys(address string) string {
	var b strings.Builder
	quoted, inKey := false, false
	for i := 0; i < len(address); i++ {
		switch c := address[i]; {
		case quoted && c == '\\':
			i++
		case inKey && c == '"':
			quoted = !quoted
		case quoted:
		case c == '[':
			inKey = true
		case c == ']':
			inKey = false
		case !inKey:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// declaredVariable notes a root variable that the configuration calls sensitive.
func (s *scan) declaredVariable(name string) error {
	n, err := s.value("configuration.root_module.variables")
	if err != nil {
		return err
	}
	if n.field("sensitive").is('t') {
		s.sensitiveVariables[name] = true
		s.all(n.field("default"))
	}
	return nil
}

// variableValues collects the values of sensitive variables, once the whole plan has gone by.
func (s *scan) variableValues() error {
	if len(s.variables) == 0 {
		return nil
	}
	n, err := s.tree.parse(s.variables)
	if err != nil {
		return valueError("variables", err)
	}
	for i := range n.kids {
		variable := &n.kids[i]
		value := variable.field("value")
		if s.sensitiveVariables[string(variable.name)] {
			s.all(value)
			continue
		}
		s.collect(value, nil, nil, s.names.sensitive(variable.name))
	}
	return nil
}
