// Package config reads a service's configuration from the environment: every variable once, in a typed struct with
// defaults, every problem reported at once under the variable's name, and secrets in a type that never prints.
// A variable NAME can also be given as NAME_FILE, a path whose content is the value.
package config

import (
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Secret is a value that never prints: not by fmt, slog or JSON. Reveal returns it.
type Secret string

const redacted = "[redacted]"

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString keeps %#v from printing the value.
func (s Secret) GoString() string { return s.String() }

// LogValue keeps slog from printing the value.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText keeps encoders from printing the value.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Environment is where the service runs.
type Environment string

// The environments.
const (
	Development Environment = "development"
	Staging     Environment = "staging"
	Production  Environment = "production"
)

// UnmarshalText accepts the three environments only.
func (e *Environment) UnmarshalText(text []byte) error {
	v := Environment(text)
	if !slices.Contains([]Environment{Development, Staging, Production}, v) {
		return fmt.Errorf("%q is not one of development, staging, production", v)
	}
	*e = v
	return nil
}

// Problems is every problem that a configuration has. Each names its variable.
type Problems []error //nolint:recvcheck // Add grows the list; the others make it an error, which is a value.

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, err := range p {
		lines[i] = "  " + err.Error()
	}
	return "the configuration has problems:\n" + strings.Join(lines, "\n")
}

// Unwrap lets errors.Is and errors.As see the single problems.
func (p Problems) Unwrap() []error { return p }

// Add adds a problem of a variable.
func (p *Problems) Add(variable, format string, args ...any) {
	*p = append(*p, Problem{variable, fmt.Errorf(format, args...)})
}

// Problem is a wrong value of one variable. It never holds the value of a secret.
type Problem struct {
	Variable string
	Err      error
}

func (p Problem) Error() string { return p.Variable + ": " + p.Err.Error() }

func (p Problem) Unwrap() error { return p.Err }

// Validator is a configuration with checks of several values together.
type Validator interface {
	Validate() []error
}

// Load fills target, a pointer to a struct with `env` tags, from environ ("NAME=value" lines, as os.Environ gives).
// The error, if any, is of type Problems.
func Load(target any, environ []string) error {
	vars, problems := fromFiles(environ, reflect.TypeOf(target))
	err := env.ParseWithOptions(target, env.Options{
		Environment: vars,
		FuncMap: map[reflect.Type]env.ParserFunc{
			reflect.TypeFor[time.Duration](): func(v string) (any, error) { return parseDuration(v) },
		},
	})
	if all, ok := errors.AsType[env.AggregateError](err); ok {
		for _, e := range all.Errors {
			problems = append(problems, named(target, e))
		}
	} else if err != nil {
		problems = append(problems, err)
	}
	if v, ok := target.(Validator); ok {
		wrong := variables(problems)
		// A variable that could not be parsed has its zero value, which needs no second error.
		problems = append(problems, slices.DeleteFunc(v.Validate(), func(err error) bool {
			problem, ok := errors.AsType[Problem](err)
			return ok && wrong[problem.Variable]
		})...)
	}
	if len(problems) > 0 {
		return Problems(problems)
	}
	return nil
}

// variables are those that have a problem.
func variables(problems []error) map[string]bool {
	names := make(map[string]bool, len(problems))
	for _, err := range problems {
		if problem, ok := errors.AsType[Problem](err); ok {
			names[problem.Variable] = true
		}
	}
	return names
}

// fromFiles resolves NAME_FILE to NAME for each variable of the target; other programs have variables that end in _FILE
// too. Giving both is an error, because it is unclear which one is meant.
func fromFiles(environ []string, target reflect.Type) (map[string]string, []error) {
	vars := env.ToMap(environ)
	var problems []error
	for f := range variablesOf(target) {
		name := variableName(f)
		file := name + "_FILE"
		path := vars[file]
		if path == "" {
			continue
		}
		if vars[name] != "" {
			problems = append(problems, Problem{name, fmt.Errorf("set both directly and by %s", file)})
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			problems = append(problems, Problem{file, err})
			continue
		}
		vars[name] = strings.TrimRight(string(content), "\r\n")
	}
	return vars, problems
}

// variablesOf returns the fields that are variables, including those of nested structs.
func variablesOf(t reflect.Type) iter.Seq[reflect.StructField] {
	return func(yield func(reflect.StructField) bool) {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		for f := range t.Fields() {
			if variableName(f) != "" {
				if !yield(f) {
					return
				}
			} else if f.Type.Kind() == reflect.Struct {
				for nested := range variablesOf(f.Type) {
					if !yield(nested) {
						return
					}
				}
			}
		}
	}
}

// variableName is the variable that sets a field, "" when none does.
func variableName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("env"), ",")
	return name
}

// parseDuration accepts Go's durations and plain milliseconds.
func parseDuration(v string) (time.Duration, error) {
	if ms, err := strconv.ParseInt(v, 10, 64); err == nil {
		return time.Duration(ms) * time.Millisecond, nil
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		return 0, errors.New("not a duration: write 30s, 5m or milliseconds")
	}
	return d, nil
}

// named turns the parser's error, which names Go fields, into one that names the variable and never its value.
func named(target any, err error) error {
	if e, ok := errors.AsType[env.ParseError](err); ok {
		name := variableOf(reflect.TypeOf(target), e.Name)
		if e.Type == reflect.TypeFor[Secret]() {
			return Problem{name, errors.New("not a valid value")}
		}
		if num, ok := errors.AsType[*strconv.NumError](e.Err); ok {
			return Problem{name, fmt.Errorf("%q is not a number or switch: %w", num.Num, num.Err)}
		}
		return Problem{name, e.Err}
	}
	if e, ok := errors.AsType[env.VarIsNotSetError](err); ok {
		return Problem{e.Key, errors.New("is required")}
	}
	if e, ok := errors.AsType[env.EmptyVarError](err); ok {
		return Problem{e.Key, errors.New("is required and empty")}
	}
	return err
}

// variableOf finds the variable of a field.
func variableOf(t reflect.Type, field string) string {
	for f := range variablesOf(t) {
		if f.Name == field {
			return variableName(f)
		}
	}
	return field
}

// Attrs lists the effective values by variable name, secrets masked, for the line that is logged at start.
func Attrs(target any) []slog.Attr {
	return attrs(reflect.Indirect(reflect.ValueOf(target)))
}

func attrs(v reflect.Value) []slog.Attr {
	var out []slog.Attr
	for f, fv := range v.Fields() {
		name := variableName(f)
		switch {
		case name != "":
			out = append(out, slog.Attr{Key: name, Value: printable(fv)})
		case fv.Kind() == reflect.Struct:
			out = append(out, attrs(fv)...)
		}
	}
	return out
}

func printable(v reflect.Value) slog.Value {
	switch x := v.Interface().(type) {
	case Secret:
		return x.LogValue()
	case time.Duration:
		return slog.StringValue(x.String())
	case fmt.Stringer:
		return slog.StringValue(x.String())
	}
	if v.Kind() == reflect.Slice { // as it is written in the environment
		items := make([]string, v.Len())
		for i := range items {
			items[i] = fmt.Sprint(v.Index(i).Interface())
		}
		return slog.StringValue(strings.Join(items, ","))
	}
	return slog.AnyValue(v.Interface())
}
