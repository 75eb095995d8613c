package rule

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/legible"
	"github.com/driftsentry/driftsentry/pkg/redact"
)

// Bounds of a rule.
const (
	minReason = 10 // characters
	maxReason = 1000
	maxOwner  = 200
	maxGlobs  = 20  // of each list
	maxGlob   = 256 // characters
	maxStars  = 8
	maxMatch  = 4000 // characters of all globs together
)

var (
	severities = []string{"critical", "warning", "info"}
	origins    = []string{"drift", "change", "manual"}
)

// Draft is a rule as someone writes it.
type Draft struct {
	Effect Effect
	Match
	Severity  *string
	Owner     *string
	Reason    string
	ExpiresAt *time.Time
}

// Rule is the rule of a draft, or says everything that is wrong with it.
func (d Draft) Rule(now time.Time) (Rule, error) {
	r := Rule{Effect: d.Effect, Match: d.clean(), Severity: d.Severity, Owner: d.Owner, Reason: strings.TrimSpace(d.Reason), ExpiresAt: d.ExpiresAt}
	var p problems
	if !slices.Contains(Effects, d.Effect) {
		p.refuse("effect", "must be one of ignore, severity, owner")
	}
	p.match(d.Match)
	p.effect(r)
	p.reason(r.Reason)
	p.expiry(r.ExpiresAt, now)
	if err := p.err(); err != nil {
		return Rule{}, err
	}
	r.mask()
	return r, nil
}

// mask takes secrets out of what people wrote. A mask may be longer than what it stands for.
func (r *Rule) mask() {
	r.Reason = cut(redact.Text(r.Reason), maxReason)
	if r.Owner != nil {
		owner := cut(redact.Text(*r.Owner), maxOwner)
		r.Owner = &owner
	}
}

func cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most])
	}
	return text
}

// Change is what to change of a rule; nil is unchanged.
type Change struct {
	Match     *Match
	Severity  *string
	Owner     *string
	Reason    *string
	ExpiresAt *time.Time
	// Forever removes ExpiresAt.
	Forever bool
}

// Check says what is wrong with a change, whatever it is a change of.
func (c Change) Check(now time.Time) error {
	if c.Match == nil && c.Severity == nil && c.Owner == nil && c.Reason == nil && c.ExpiresAt == nil && !c.Forever {
		return apierror.New(apierror.Invalid, "the body has no field to change; send match, severity, owner, reason or expiresAt")
	}
	var p problems
	if c.Match != nil {
		p.match(*c.Match)
	}
	if c.Reason != nil {
		p.reason(strings.TrimSpace(*c.Reason))
	}
	p.expiry(c.ExpiresAt, now)
	return p.err()
}

// Apply changes the rule, and says which fields that changed, with their values before and after.
func (c Change) Apply(r *Rule) (map[string]any, error) {
	before := *r
	if c.Match != nil {
		r.Match = c.Match.clean()
	}
	if c.Severity != nil {
		r.Severity = c.Severity
	}
	if c.Owner != nil {
		r.Owner = c.Owner
	}
	if c.Reason != nil {
		r.Reason = strings.TrimSpace(*c.Reason)
	}
	if c.ExpiresAt != nil || c.Forever {
		r.ExpiresAt = c.ExpiresAt
	}
	var p problems
	p.effect(*r)
	if err := p.err(); err != nil {
		return nil, err
	}
	r.mask()
	changed := map[string]any{}
	note := func(name string, from, to any) {
		if was, is := fmt.Sprint(from), fmt.Sprint(to); was != is {
			changed[name] = map[string]any{"from": from, "to": to}
		}
	}
	note("match", before.Fields(), r.Fields())
	note("severity", value(before.Severity), value(r.Severity))
	note("owner", value(before.Owner), value(r.Owner))
	note("reason", before.Reason, r.Reason)
	note("expiresAt", value(before.ExpiresAt), value(r.ExpiresAt))
	return changed, nil
}

func value[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

// listed is one of the lists of a match, with its name in JSON.
type listed struct {
	name   string
	values []string
}

func (m Match) lists() []listed {
	return []listed{
		{"workspaces", m.Workspaces}, {"addresses", m.Addresses}, {"types", m.Types}, {"providers", m.Providers}, {"paths", m.Paths}, {"origins", m.Origins},
	}
}

// Fields are what the match asks for, by name.
func (m Match) Fields() map[string]any {
	fields := map[string]any{}
	for _, l := range m.lists() {
		if len(l.values) > 0 {
			fields[l.name] = l.values
		}
	}
	if m.NoOp {
		fields["plannedNoOp"] = true
	}
	return fields
}

// String is the match on one line, for people.
func (m Match) String() string {
	var parts []string
	for _, l := range m.lists() {
		if len(l.values) > 0 {
			parts = append(parts, l.name+" "+strings.Join(l.values, ", "))
		}
	}
	if m.NoOp {
		parts = append(parts, "planned no-op")
	}
	return cut(strings.Join(parts, "; "), maxOwner)
}

// clean has each list sorted, each value once, and no list that is nil.
func (m Match) clean() Match {
	for _, l := range []*[]string{&m.Workspaces, &m.Addresses, &m.Types, &m.Providers, &m.Paths, &m.Origins} {
		sorted := slices.Compact(slices.Sorted(slices.Values(*l)))
		*l = append([]string{}, sorted...)
	}
	return m
}

// problems collects what is wrong with a rule.
type problems []apierror.Field

func (p *problems) refuse(name, format string, args ...any) {
	*p = append(*p, apierror.Field{Field: name, Message: fmt.Sprintf(format, args...)})
}

func (p *problems) err() error {
	if len(*p) > 0 {
		return apierror.InvalidFields(*p...)
	}
	return nil
}

func (p *problems) match(m Match) {
	size, named := 0, m.NoOp
	for _, l := range m.lists() {
		named = named || len(l.values) > 0
		name := "match." + l.name
		if len(l.values) > maxGlobs {
			p.refuse(name, "must have at most %d values", maxGlobs)
			continue
		}
		for _, v := range l.values {
			n := utf8.RuneCountInString(v)
			size += n
			problem := legible.Filled(v)
			switch {
			case n < 1 || n > maxGlob:
				problem = fmt.Sprintf("each must have 1 to %d characters", maxGlob)
			case l.name == "origins" && !slices.Contains(origins, v):
				problem = "each must be one of drift, change, manual"
			case strings.Count(v, "*") > maxStars:
				problem = fmt.Sprintf("each must have at most %d stars", maxStars)
			}
			if problem != "" {
				p.refuse(name, "%s", problem)
				break
			}
		}
	}
	if !named {
		p.refuse("match", "must name something; workspaces [\"*\"] matches every drift")
	}
	if size > maxMatch {
		p.refuse("match", "must have at most %d characters together", maxMatch)
	}
}

// effect checks the value that the effect needs, and that no other has one.
func (p *problems) effect(r Rule) {
	switch {
	case r.Effect == Severity && (r.Severity == nil || !slices.Contains(severities, *r.Severity)):
		p.refuse("severity", "must be one of critical, warning, info")
	case r.Effect != Severity && r.Severity != nil:
		p.refuse("severity", "is for the effect severity only")
	}
	switch {
	case r.Effect == Owner && r.Owner == nil:
		p.refuse("owner", "is required: a team or a person")
	case r.Effect != Owner && r.Owner != nil:
		p.refuse("owner", "is for the effect owner only")
	case r.Owner != nil:
		if n := utf8.RuneCountInString(*r.Owner); n < 1 || n > maxOwner {
			p.refuse("owner", "must have 1 to %d characters", maxOwner)
		} else if problem := legible.Filled(*r.Owner); problem != "" {
			p.refuse("owner", "%s", problem)
		}
	}
}

func (p *problems) reason(reason string) {
	if n := utf8.RuneCountInString(reason); n < minReason || n > maxReason {
		p.refuse("reason", "must have %d to %d characters", minReason, maxReason)
	} else if problem := legible.Text(reason); problem != "" {
		p.refuse("reason", "%s", problem)
	}
}

// maxLife is how far ahead a rule may end.
const maxLife = 10 * 366 * 24 * time.Hour

func (p *problems) expiry(at *time.Time, now time.Time) {
	if at != nil && (!at.After(now) || at.Sub(now) > maxLife) {
		p.refuse("expiresAt", "must be in the future, in ten years at most")
	}
}
