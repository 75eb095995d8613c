package redaction

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
)

// logHandler masks secrets in a record before any handler sees it.
type logHandler struct {
	slog.Handler
	redactor *Redactor
}

// Handler masks what it hands to the next handler.
func (r *Redactor) Handler(next slog.Handler) slog.Handler { return logHandler{next, r} }

func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	message, changed := h.redactor.Code(r.Message), false
	r.Attrs(func(a slog.Attr) bool {
		_, changed = h.redactor.Attr(a)
		return !changed
	})
	if !changed {
		r.Message = message
		return h.Handler.Handle(ctx, r)
	}
	clean := slog.NewRecord(r.Time, r.Level, message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		a, _ = h.redactor.Attr(a)
		clean.AddAttrs(a)
		return true
	})
	return h.Handler.Handle(ctx, clean)
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i], _ = h.redactor.Attr(a)
	}
	return logHandler{h.Handler.WithAttrs(clean), h.redactor}
}

func (h logHandler) WithGroup(name string) slog.Handler {
	return logHandler{h.Handler.WithGroup(name), h.redactor}
}

// Attr masks one attribute and reports whether it differs from what came in.
func (r *Redactor) Attr(a slog.Attr) (slog.Attr, bool) {
	resolved := a.Value.Kind() == slog.KindLogValuer
	value := a.Value.Resolve()
	if a.Value.Kind() != slog.KindGroup && r.key(a.Key) {
		if value.Equal(slog.StringValue("")) {
			return slog.String(a.Key, ""), resolved // An empty value is not secret, and can explain a fault.
		}
		return slog.String(a.Key, redacted), true
	}
	switch value.Kind() {
	case slog.KindString:
		if s := r.Under(a.Key, value.String()); s != value.String() {
			return slog.String(a.Key, s), true
		}
	case slog.KindGroup:
		members, changed := make([]slog.Attr, len(value.Group())), false
		for i, member := range value.Group() {
			var c bool
			members[i], c = r.Attr(member)
			changed = changed || c
		}
		if changed {
			return slog.Attr{Key: a.Key, Value: slog.GroupValue(members...)}, true
		}
	case slog.KindAny:
		if v, changed := r.any(value.Any()); changed {
			return slog.Any(a.Key, v), true
		}
	}
	return slog.Attr{Key: a.Key, Value: value}, resolved
}

// redactedError stands for an error whose text had a secret in it.
type redactedError string

func (e redactedError) Error() string { return string(e) }

// any masks a value of any type. Whatever is not plain goes through JSON, the
// form in which it would be printed, so that its fields have names.
func (r *Redactor) any(v any) (clean any, changed bool) {
	defer func() {
		// The value's own methods ran; a panic of theirs is not the caller's.
		if p := recover(); p != nil {
			clean, changed = fmt.Sprintf("!PANIC: %v", p), true
		}
	}()
	switch v := v.(type) {
	case nil:
		return nil, false
	case error:
		if s := r.Text(v.Error()); s != v.Error() {
			return redactedError(s), true
		}
		return v, false
	}
	switch reflect.TypeOf(v).Kind() {
	case reflect.Bool, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return v, false
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("!ERROR: %v", err), true
	}
	var decoded any
	if err := json.Unmarshal(encoded, &decoded); err != nil {
		return fmt.Sprintf("!ERROR: %v", err), true
	}
	return r.decoded(decoded), true
}

// decoded masks a value of JSON in place.
func (r *Redactor) decoded(v any) any {
	switch v := v.(type) {
	case string:
		return r.Text(v)
	case []any:
		for i := range v {
			v[i] = r.decoded(v[i])
		}
	case map[string]any:
		for key, member := range v {
			if r.key(key) {
				v[key] = redacted
			} else {
				v[key] = r.decoded(member)
			}
		}
	}
	return v
}
