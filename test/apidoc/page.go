package apidoc

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
)

//go:embed page.html
var pageSource string

// page is what the template shows.
type page struct {
	Version         string
	Intro           template.HTML
	Groups          []group
	SocketIntro     template.HTML
	Sent, Received  []message
	Schemas, Frames []namedSchema
}

type group struct {
	Name, Text string
	Operations []operation
}

type operation struct {
	ID, Method, Path, Summary, Roles string
	Text                             template.HTML
	Parameters                       []field
	Body                             []media
	Responses                        []response
}

type response struct {
	Status string
	Text   template.HTML
	Bodies []media
}

type media struct {
	Type     string
	Schema   schema
	Examples []string
}

type message struct {
	Name, Title string
	Text        template.HTML
	Payload     schema
	Examples    []string
}

type namedSchema struct {
	Name   string
	Schema schema
}

// schema is a JSON schema as a reader sees it.
type schema struct {
	Type   string // such as "string · uuid", or the name of Link
	Link   string // the schema that it is
	Text   template.HTML
	Rules  []string // what else must hold
	Fields []field
	Parts  []schema // of a union, or of several together
}

type field struct {
	Name, In string
	Required bool
	Schema   schema
}

// renderPage makes the page: HTML without scripts.
func renderPage(open, async *object) ([]byte, error) {
	r := &renderer{markdown: goldmark.New(goldmark.WithExtensions(extension.Table))}
	rest, socket := r.of(open, "schema-"), r.of(async, "frame-")
	p := page{
		Version: open.text("info", "version"), Intro: rest.text(open.text("info", "description")), SocketIntro: socket.text(async.text("info", "description")),
		Groups: rest.groups(), Sent: socket.messages("receiveFromClient"), Received: socket.messages("sendToClient"),
		Schemas: rest.schemas(), Frames: socket.schemas(),
	}
	if r.err != nil {
		return nil, r.err
	}
	t, err := template.New("page").Parse(pageSource)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, p)
	return b.Bytes(), err
}

type renderer struct {
	markdown goldmark.Markdown
	err      error
}

// of is a reader of one document, whose schemas have anchors with a prefix.
func (r *renderer) of(document *object, prefix string) reader {
	return reader{r, exampler{document}, prefix}
}

type reader struct {
	*renderer
	exampler

	prefix string
}

// text is a description. Markdown from the documents, which are our own.
func (r reader) text(markdown string) template.HTML {
	var b bytes.Buffer
	if err := r.markdown.Convert([]byte(markdown), &b); err != nil {
		r.err = fmt.Errorf("a description: %w", err)
	}
	return template.HTML(b.String()) //nolint:gosec // Our own text; goldmark leaves HTML out.
}

func (r reader) groups() []group {
	var list []group
	for _, tag := range r.root.list("tags") {
		t := tag.(*object)
		g := group{Name: t.text("name"), Text: t.text("description")}
		r.root.object("paths").each(func(path string, item any) {
			item.(*object).each(func(method string, value any) {
				op, ok := value.(*object)
				if ok && slices.Contains(op.list("tags"), any(g.Name)) {
					g.Operations = append(g.Operations, r.operation(path, method, item.(*object), op))
				}
			})
		})
		list = append(list, g)
	}
	return list
}

func (r reader) operation(path, method string, item, op *object) operation {
	o := operation{
		ID: op.text("operationId"), Method: strings.ToUpper(method), Path: path, Summary: op.text("summary"), Text: r.text(op.text("description")),
		Roles: join(op.list("x-roles"), ", "),
	}
	if o.Roles == "" {
		o.Roles = "everyone"
	}
	for _, parameter := range slices.Concat(item.list("parameters"), op.list("parameters")) {
		p := r.resolve(parameter)
		if p.text("name") == "traceparent" || p.text("name") == "X-Correlation-ID" {
			continue // Everywhere the same; the introduction has them.
		}
		s := r.schema(p.at("schema"))
		if text := p.text("description"); text != "" {
			s.Text = r.text(text)
		}
		required, _ := p.at("required").(bool)
		o.Parameters = append(o.Parameters, field{p.text("name"), p.text("in"), required, s})
	}
	o.Body = r.bodies(r.resolve(op.at("requestBody")))
	op.object("responses").each(func(status string, value any) {
		res := r.resolve(value)
		one := response{Status: status, Text: r.text(res.text("description"))}
		if status < "400" {
			one.Bodies = r.bodies(res)
		}
		o.Responses = append(o.Responses, one)
	})
	return o
}

func (r reader) bodies(body *object) []media {
	var list []media
	body.object("content").each(func(name string, value any) {
		m := value.(*object)
		one := media{Type: name, Schema: r.schema(m.at("schema"))}
		if example := m.at("example"); example != nil {
			one.Examples = []string{shown(example)}
		}
		m.object("examples").each(func(_ string, e any) { one.Examples = append(one.Examples, shown(e.(*object).at("value"))) })
		list = append(list, one)
	})
	return list
}

func (r reader) messages(operation string) []message {
	var list []message
	for _, ref := range r.root.list("operations", operation, "messages") {
		m := r.resolve(ref)
		one := message{Title: m.text("title"), Name: m.text("payload", "properties", "type", "const"), Text: r.text(m.text("summary") + "\n\n" + m.text("description")), Payload: r.schema(m.at("payload"))}
		for _, e := range m.list("examples") {
			one.Examples = append(one.Examples, shown(e.(*object).at("payload")))
		}
		list = append(list, one)
	}
	return list
}

func (r reader) schemas() []namedSchema {
	var list []namedSchema
	r.root.object("components", "schemas").each(func(name string, value any) {
		list = append(list, namedSchema{name, r.schema(value)})
	})
	return list
}

// schema is what a reader sees of a schema. One that has a name is a link, so that no page is endless.
func (r reader) schema(value any) schema {
	o, _ := value.(*object)
	if name, ok := strings.CutPrefix(o.text("$ref"), local); ok {
		return schema{Type: name, Link: r.prefix + name}
	}
	if parts := o.list("allOf"); len(parts) == 1 && o.at("properties") == nil {
		s := r.schema(parts[0])
		s.Text = r.text(o.text("description"))
		return s
	}
	s := schema{Type: typeOf(o), Text: r.text(o.text("description")), Rules: rules(o)}
	required := o.list("required")
	o.object("properties").each(func(name string, property any) {
		s.Fields = append(s.Fields, field{name, "", slices.Contains(required, any(name)), r.schema(property)})
	})
	for _, key := range []string{"oneOf", "anyOf", "allOf"} {
		for _, part := range o.list(key) {
			p := r.schema(part)
			if title := r.exampler.resolve(part).text("title"); title != "" && p.Link == "" {
				p.Type += " · " + title
			}
			s.Parts = append(s.Parts, p)
		}
	}
	if o.text("type") == "array" || o.at("items") != nil {
		item := r.schema(o.at("items"))
		s.Type, s.Link, s.Fields, s.Parts = "list of "+item.Type, item.Link, item.Fields, item.Parts
	}
	if extra, ok := o.at("additionalProperties").(*object); ok {
		s.Fields = append(s.Fields, field{Name: "(any name)", Schema: r.schema(extra)})
	}
	return s
}

func typeOf(o *object) string {
	text, _ := o.at("type").(string)
	if list := o.list("type"); list != nil {
		text = join(list, " or ")
	}
	switch {
	case o.list("oneOf") != nil || o.list("anyOf") != nil:
		return "one of"
	case o.list("allOf") != nil:
		return "all of"
	case text == "object" && o.at("additionalProperties") == true:
		return "object of any form"
	case text == "":
		return "any value"
	}
	if format := o.text("format"); format != "" {
		text += " · " + format
	}
	return text
}

// rules are the bounds and values of a schema.
func rules(o *object) []string {
	var list []string
	if value := o.at("const"); value != nil {
		list = append(list, "always "+shown(value))
	}
	if values := o.list("enum"); values != nil {
		list = append(list, join(values, ", "))
	}
	for _, bound := range []struct{ key, text string }{
		{"minimum", "from %v"}, {"maximum", "up to %v"}, {"minLength", "at least %v characters"}, {"maxLength", "at most %v characters"},
		{"minItems", "at least %v"}, {"maxItems", "at most %v"}, {"default", "default %v"}, {"pattern", "matches %v"},
	} {
		if value := o.at(bound.key); value != nil {
			list = append(list, fmt.Sprintf(bound.text, value))
		}
	}
	return list
}

func join(values []any, separator string) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
		if v == nil {
			texts[i] = "null"
		}
	}
	return strings.Join(texts, separator)
}

func shown(value any) string { return strings.TrimSpace(string(encode(value))) }
