package plan

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// configuration looks through the configuration for sensitive variables and for the resources there are.
func (s *scan) configuration(path string) error {
	return s.object(path, func(name string) error {
		if name == "root_module" {
			return s.configuredModule(path+".root_module", 0, 0)
		}
		return s.skip(path)
	})
}

// module is the hash of the path of the module that is being read.
func (s *scan) configuredModule(path string, module uint64, depth int) error {
	if depth > s.tree.maxDepth {
		return invalid(path, "is nested too deeply")
	}
	return s.object(path, func(name string) error {
		switch {
		case name == "resources":
			return s.array(path+".resources", func(path string) error { return s.configuredResource(path, module) })
		case name == "module_calls":
			return s.object(path+".module_calls", func(call string) error {
				return s.object(path+".module_calls", func(name string) error {
					if name != "module" {
						return s.skip(path + ".module_calls")
					}
					return s.configuredModule(path+".module_calls.module", s.hashStep(module, call), depth+1)
				})
			})
		case name == "variables" && depth == 0:
			return s.object(path+".variables", s.declaredVariable)
		}
		return s.skip(path)
	})
}

func (s *scan) configuredResource(path string, module uint64) error {
	n, err := s.value(path, false)
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
		s.configured[s.hashStep(s.hashStep(module, string(typ.text)), string(name.text))] = true
	}
	return nil
}

// hashStep is the hash of a path of names that goes on from another one. Paths are never put together: one long name of a
// module would be in those of all its resources.
func (s *scan) hashStep(path uint64, name string) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], path)
	return maphash.Bytes(s.seed, b[:]) ^ bits.RotateLeft64(maphash.String(s.seed, name), 1)
}

// hashAddress is the key in the set of configured resources of an object, whose instance keys do not count.
func (s *scan) hashAddress(id string) uint64 {
	address, _, _ := strings.Cut(withoutKeys(id), " (deposed ")
	h := uint64(0)
	for name := range strings.SplitSeq(strings.TrimPrefix(strings.ReplaceAll("."+address, ".module.", "."), "."), ".") {
		h = s.hashStep(h, name)
	}
	return h
}

// withoutKeys takes the instance keys off an address: module.a["x.y"].aws_instance.web[0] becomes
// module.a.aws_instance.web. A key in quotes may contain anything.
func withoutKeys(address string) string {
	var b strings.Builder
	outsideKeys(address, func(i int) { b.WriteByte(address[i]) })
	return b.String()
}

// outsideKeys visits the bytes of an address that are not of an instance key.
func outsideKeys(address string, visit func(at int)) {
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
			visit(i)
		}
	}
}

// declaredVariable notes a root variable that the configuration calls sensitive.
func (s *scan) declaredVariable(name string) error {
	n, err := s.value("configuration.root_module.variables", false)
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
	s.dec = jsontext.NewDecoder(bytes.NewReader(s.variables), jsontext.AllowDuplicateNames(true))
	return s.object("variables", func(name string) error {
		v, err := s.raw("variables")
		if err != nil {
			return err
		}
		sensitive := s.sensitiveVariables[name]
		named := sensitive || s.names.sensitive([]byte(name))
		n, _ := s.parse(v, named)
		if value := n.field("value"); sensitive {
			s.all(value)
		} else {
			s.collect(value, nil, nil, named)
		}
		return s.spend(s.tree.count, s.size)
	})
}
