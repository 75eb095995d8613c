package rule

import (
	"slices"
)

// Set is the rules of an account that are in force, ready to be asked. It does not change.
type Set struct {
	Version int64 // of the account's rules
	rules   []*compiled
}

// compiled is a rule with its globs.
type compiled struct {
	*Rule
	workspaces, addresses, types, providers, paths globs
}

// Compile takes those of the rules that are in force, which are in their order.
func Compile(version int64, rules []Rule) *Set {
	s := &Set{Version: version}
	for i := range rules {
		r := &rules[i]
		if r.InForce() {
			s.rules = append(s.rules, &compiled{
				r, newGlobs(r.Workspaces), newTreeGlobs(r.Addresses), newGlobs(r.Types), newGlobs(r.Providers), newTreeGlobs(r.Paths),
			})
		}
	}
	return s
}

// Scope is the rules for a workspace. It remembers which of them are for a kind of resource, so one goroutine uses it.
type Scope struct {
	rules []*compiled
	kinds map[kind]*about
	// NoOp says that a rule asks whether the plan leaves the resource as it is.
	NoOp bool
}

// kind is what many resources have in common.
type kind struct{ typ, provider, origin string }

// about are the rules for a kind, by their effects.
type about struct{ ignore, severity, owner []*compiled }

// maxKinds bounds the memory: a plan may have as many types as resources.
const maxKinds = 1000

// For is the rules for the drifts of a workspace.
func (s *Set) For(workspace string) *Scope {
	scope := &Scope{kinds: map[kind]*about{}}
	for _, c := range s.rules {
		if c.workspaces.match(workspace) {
			scope.rules = append(scope.rules, c)
			scope.NoOp = scope.NoOp || c.NoOp
		}
	}
	return scope
}

// Subject is what the rules are asked about.
type Subject struct {
	Address, Type, Provider, Origin string
	NoOp                            bool   // the plan leaves the resource as it is
	Severity                        string // the default one
	Paths                           []string
}

// Verdict is the rules that settle a drift; each is nil when none does.
type Verdict struct {
	Ignore   *Rule // of those that ignore all of the drift the one that ends first
	Severity *Rule
	Owner    *Rule
}

// Judge asks the rules about a drift.
func (s *Scope) Judge(subject Subject) (v Verdict) {
	if s == nil || len(s.rules) == 0 {
		return v
	}
	about := s.about(subject)
	left := subject.Paths
	if ignoring := fitting(about.ignore, subject); len(ignoring) > 0 {
		v.Ignore, left = ignore(ignoring, subject.Paths)
	}
	if i := slices.IndexFunc(about.severity, func(c *compiled) bool { return c.fits(subject) && c.weighs(subject.Severity, left) }); i >= 0 {
		v.Severity = about.severity[i].Rule
	}
	if i := slices.IndexFunc(about.owner, func(c *compiled) bool {
		return c.fits(subject) && (len(c.paths) == 0 || slices.ContainsFunc(left, c.paths.match))
	}); i >= 0 {
		v.Owner = about.owner[i].Rule
	}
	return v
}

// Ignores reports whether there is a rule that ignores something.
func (s *Scope) Ignores() bool {
	return s != nil && slices.ContainsFunc(s.rules, func(c *compiled) bool { return c.Effect == Ignore })
}

// Ignored says which of the paths of a drift are ignored.
func (s *Scope) Ignored(subject Subject) func(path string) bool {
	if s == nil || len(s.rules) == 0 {
		return func(string) bool { return false }
	}
	ignoring := fitting(s.about(subject).ignore, subject)
	return func(path string) bool { return first(ignoring, path) != nil }
}

// about are the rules for the kind of the subject.
func (s *Scope) about(subject Subject) *about {
	k := kind{subject.Type, subject.Provider, subject.Origin}
	if a := s.kinds[k]; a != nil {
		return a
	}
	a := new(about)
	for _, c := range s.rules {
		if !c.types.match(k.typ) || !c.providers.match(k.provider) || len(c.Origins) > 0 && !slices.Contains(c.Origins, k.origin) {
			continue
		}
		switch c.Effect {
		case Ignore:
			a.ignore = append(a.ignore, c)
		case Severity:
			a.severity = append(a.severity, c)
		case Owner:
			a.owner = append(a.owner, c)
		}
	}
	if len(s.kinds) < maxKinds {
		s.kinds[k] = a
	}
	return a
}

// fits reports whether a rule for its kind is about the subject, apart from the paths.
func (c *compiled) fits(subject Subject) bool {
	return (!c.NoOp || subject.NoOp) && c.addresses.match(subject.Address)
}

func fitting(rules []*compiled, subject Subject) (list []*compiled) {
	for _, c := range rules {
		if c.fits(subject) {
			list = append(list, c)
		}
	}
	return list
}

// first is the first of the rules that ignores a path.
func first(ignoring []*compiled, path string) *compiled {
	for _, c := range ignoring {
		if c.paths.match(path) {
			return c
		}
	}
	return nil
}

// ignore says which rule ignores all of the paths, nil if none does, and which paths are left to look at: all of them, when none is.
func ignore(ignoring []*compiled, paths []string) (*Rule, []string) {
	var ends *compiled
	var left []string
	for _, path := range paths {
		c := first(ignoring, path)
		if c == nil {
			left = append(left, path)
			continue
		}
		if ends == nil || c.endsBefore(ends.Rule) {
			ends = c
		}
	}
	switch {
	case len(left) > 0:
		return nil, left
	case ends == nil: // Nothing is ignored of what has no path.
		return nil, paths
	}
	return ends.Rule, paths
}

// endsBefore reports whether a rule ends before another one, or at the same time and is asked before it.
func (r *Rule) endsBefore(other *Rule) bool {
	switch {
	case r.ExpiresAt == nil || other.ExpiresAt == nil:
		return r.ExpiresAt != nil || other.ExpiresAt == nil && r.Position < other.Position
	case r.ExpiresAt.Equal(*other.ExpiresAt):
		return r.Position < other.Position
	}
	return r.ExpiresAt.Before(*other.ExpiresAt)
}

// weighs reports whether a severity rule is about the paths. One path is enough to raise the severity. To lower it, all of them
// must fit, or the others would be hidden behind the one.
func (c *compiled) weighs(severity string, paths []string) bool {
	if len(c.paths) == 0 {
		return true
	}
	if weight(*c.Severity) > weight(severity) {
		return slices.ContainsFunc(paths, c.paths.match)
	}
	return !slices.ContainsFunc(paths, func(path string) bool { return !c.paths.match(path) })
}

// weight orders severities.
func weight(severity string) int {
	return slices.Index([]string{"info", "warning", "critical"}, severity)
}

// Matching are the paths of a subject that a rule of the scope matches, nil when none matches the subject.
func (s *Scope) Matching(subject Subject) (paths []string) {
	about := s.about(subject)
	for _, c := range slices.Concat(fitting(about.ignore, subject), fitting(about.severity, subject), fitting(about.owner, subject)) {
		if c.Effect == Severity && !c.weighs(subject.Severity, subject.Paths) {
			continue
		}
		for _, path := range subject.Paths {
			if c.paths.match(path) {
				paths = append(paths, path)
			}
		}
	}
	return paths
}
