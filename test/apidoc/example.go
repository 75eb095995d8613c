package apidoc

import "strings"

// addExamples gives every body of a document that has no example one that follows from the examples in its schema.
func addExamples(open *object) {
	e := exampler{open}
	e.visit(open.at("paths"))
	e.visit(open.at("components", "responses"))
	e.visit(open.at("components", "requestBodies"))
}

type exampler struct{ root *object }

func (e exampler) visit(value any) {
	switch value := value.(type) {
	case *object:
		value.object("content").each(func(_ string, media any) {
			m, ok := media.(*object)
			if ok && m.at("schema") != nil && m.at("example") == nil && m.at("examples") == nil {
				m.set("example", e.of(m.at("schema")))
			}
		})
		value.each(func(_ string, child any) { e.visit(child) })
	case []any:
		for _, item := range value {
			e.visit(item)
		}
	}
}

// resolve follows a reference within the document.
func (e exampler) resolve(value any) *object {
	for {
		o, _ := value.(*object)
		ref := o.text("$ref")
		if ref == "" {
			return o
		}
		value = e.root.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
}

// of is an example of a schema: its own, or one made of its parts.
func (e exampler) of(schema any) any {
	s := e.resolve(schema)
	if s == nil {
		return nil
	}
	if list := s.list("examples"); len(list) > 0 {
		return list[0]
	}
	if value := s.at("const"); value != nil {
		return value
	}
	if firstType(s.at("type")) == "null" {
		return nil
	}
	if list := s.list("enum"); len(list) > 0 {
		return list[0]
	}
	for _, key := range []string{"oneOf", "anyOf"} {
		if list := s.list(key); len(list) > 0 && s.at("properties") == nil {
			return e.of(list[0])
		}
	}
	if parts := s.list("allOf"); len(parts) > 0 {
		return e.whole(parts)
	}
	switch kind := firstType(s.at("type")); kind {
	case "object":
		return e.whole([]any{s})
	case "array":
		return e.array(s)
	default:
		return scalar(s, kind)
	}
}

// whole is an example of all parts together. Only a part that stands alone may be something else than an object.
func (e exampler) whole(parts []any) any {
	o := newObject()
	for _, part := range parts {
		p := e.resolve(part)
		own := len(p.list("examples")) > 0
		switch {
		case !own && p.object("properties") != nil:
			p.object("properties").each(func(name string, property any) { o.set(name, e.of(property)) })
		case !own && firstType(p.at("type")) == "object": // of any form
		default:
			in, ok := e.of(p).(*object)
			if !ok {
				return e.of(p)
			}
			in.each(o.set)
		}
	}
	return o
}

func (e exampler) array(s *object) any {
	n, ok := s.at("minItems").(int)
	if !ok {
		n = 1
	}
	list := make([]any, n)
	for i := range list {
		list[i] = e.of(s.at("items"))
	}
	return list
}

// scalar is an example by type and format.
func scalar(s *object, kind string) any {
	switch kind {
	case "string":
		if value, ok := map[string]string{
			"uuid": "01999f6c-0a4e-7c55-9d2c-6f2f0f9a1b01", "date-time": "2026-03-01T09:00:00.000Z", "date": "2026-03-01",
			"uri": "https://ci.example.com/runs/4711", "email": "ada@example.com",
		}[s.text("format")]; ok {
			return value
		}
		return "text"
	case "integer", "number":
		if value := s.at("minimum"); value != nil {
			if n, ok := value.(int); ok && n >= 0 {
				return n
			}
		}
		return 0
	case "boolean":
		return false
	}
	return nil
}

// firstType is the type, or null where it may be null, of which there is always an example.
func firstType(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case []any:
		for _, item := range value {
			if item == "null" {
				return "null"
			}
		}
		text, _ := value[0].(string)
		return text
	}
	return ""
}
