package plan

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// raw reads the next value whole. It lives until the next read.
func (s *scan) raw(path string) (jsontext.Value, error) {
	v, err := s.dec.ReadValue()
	if err != nil {
		return nil, syntaxError(path, s.dec.InputOffset(), err)
	}
	return v, nil
}

func (s *scan) skip(path string) error {
	if err := s.dec.SkipValue(); err != nil {
		return syntaxError(path, s.dec.InputOffset(), err)
	}
	return nil
}

// object calls member for each name of an object; member has to read the value. Null is an object without members.
func (s *scan) object(path string, member func(name string) error) error {
	known := map[string]bool{}
	return s.container(path, '{', func(int) error {
		token, err := s.dec.ReadToken()
		if err != nil {
			return syntaxError(path, s.dec.InputOffset(), err)
		}
		name := token.String()
		switch {
		case known[name]:
			return invalid(path, "has a duplicate name at byte %d", s.dec.InputOffset())
		case len(known) == maxValues:
			return tooLarge("has an object with more than %d names", maxValues)
		}
		known[name] = true
		return member(name)
	})
}

// array calls element for each element of a list; element has to read it.
func (s *scan) array(path string, element func(path string) error) error {
	return s.container(path, '[', func(i int) error {
		s.at = path + "[" + strconv.Itoa(i) + "]"
		return element(s.at)
	})
}

func (s *scan) container(path string, kind jsontext.Kind, next func(i int) error) error {
	switch s.dec.PeekKind() {
	case kind:
	case 'n', 0: // null, or what is no JSON
		return s.skip(path)
	default:
		if err := s.skip(path); err != nil {
			return err
		}
		if kind == '{' {
			return invalid(path, "must be an object")
		}
		return invalid(path, "must be a list")
	}
	if _, err := s.dec.ReadToken(); err != nil {
		return syntaxError(path, s.dec.InputOffset(), err)
	}
	for i := 0; ; i++ {
		if k := s.dec.PeekKind(); k == '}' || k == ']' {
			_, err := s.dec.ReadToken()
			if err != nil {
				err = syntaxError(path, s.dec.InputOffset(), err)
			}
			return err
		}
		if err := next(i); err != nil {
			return err
		}
	}
}

// value reads the next value as a tree, or its outline. secret says that all of it is.
func (s *scan) value(path string, secret bool) (*node, error) {
	v, err := s.raw(path)
	if err != nil {
		return nil, err
	}
	n, _ := s.parse(v, secret)
	return n, s.spend(s.tree.count, s.dec.InputOffset())
}
