package rule_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/rule"
)

// rules makes rules in force, in their order.
func rules(list ...rule.Rule) []rule.Rule {
	for i := range list {
		list[i].ID, list[i].Position, list[i].Status = uuid.New(), i+1, rule.Active
	}
	return list
}

func ignoring(m rule.Match) rule.Rule { return rule.Rule{Effect: rule.Ignore, Match: m} }

func severity(s string, m rule.Match) rule.Rule {
	return rule.Rule{Effect: rule.Severity, Severity: &s, Match: m}
}

func owner(s string, m rule.Match) rule.Rule {
	return rule.Rule{Effect: rule.Owner, Owner: &s, Match: m}
}

// database is a drift of a database at these paths.
func database(paths ...string) rule.Subject {
	return rule.Subject{
		Address: "module.data.aws_db_instance.main[0]", Type: "aws_db_instance", Provider: "hashicorp/aws", Origin: "drift",
		Severity: "warning", Paths: paths,
	}
}

// which names the rules of a verdict by their places.
func which(list []rule.Rule, v rule.Verdict) string {
	place := func(r *rule.Rule) int {
		for i := range list {
			if r != nil && list[i].ID == r.ID {
				return i + 1
			}
		}
		return 0
	}
	return fmt.Sprint(place(v.Ignore), place(v.Severity), place(v.Owner))
}

// TestScope_Judge was seen to fail without each condition of about, fits, weighs, ignore and endsBefore.
func TestScope_Judge(t *testing.T) {
	soon, late := time.Now().Add(time.Hour), time.Now().Add(48*time.Hour)
	until := func(at time.Time, r rule.Rule) rule.Rule {
		r.ExpiresAt = &at
		return r
	}
	noisy := rule.Match{Paths: []string{"latest_restorable_time"}}
	for name, tt := range map[string]struct {
		rules   []rule.Rule
		subject rule.Subject
		want    string // the rules that ignore it, set the severity and the owner, by their places; 0 is none
	}{
		"all paths are ignored":              {rules(ignoring(noisy)), database("latest_restorable_time"), "1 0 0"},
		"a path is left":                     {rules(ignoring(noisy)), database("latest_restorable_time", "size"), "0 0 0"},
		"two rules ignore all together":      {rules(ignoring(noisy), ignoring(rule.Match{Paths: []string{"size"}})), database("latest_restorable_time", "size"), "1 0 0"},
		"the one that ends first is named":   {rules(until(late, ignoring(noisy)), until(soon, ignoring(rule.Match{Paths: []string{"size"}}))), database("latest_restorable_time", "size"), "2 0 0"},
		"one without an end comes last":      {rules(ignoring(noisy), until(late, ignoring(rule.Match{Paths: []string{"size"}}))), database("latest_restorable_time", "size"), "2 0 0"},
		"of two for a path the first counts": {rules(until(late, ignoring(noisy)), until(soon, ignoring(noisy))), database("latest_restorable_time"), "1 0 0"},
		"a path covers what is below":        {rules(ignoring(rule.Match{Paths: []string{"tags"}})), database("tags.env", `tags["a/b"]`, "tags"), "1 0 0"},
		"but not what begins alike":          {rules(ignoring(rule.Match{Paths: []string{"tags"}})), database("tags_all.env"), "0 0 0"},
		"an address covers what is below":    {rules(ignoring(rule.Match{Addresses: []string{"module.data"}})), database("size"), "1 0 0"},
		"another address":                    {rules(ignoring(rule.Match{Addresses: []string{"module.database"}})), database("size"), "0 0 0"},
		"a glob of types":                    {rules(ignoring(rule.Match{Types: []string{"aws_db_*"}})), database("size"), "1 0 0"},
		"another type":                       {rules(ignoring(rule.Match{Types: []string{"aws_db"}})), database("size"), "0 0 0"},
		"another provider":                   {rules(ignoring(rule.Match{Providers: []string{"hashicorp/google"}})), database("size"), "0 0 0"},
		"another origin":                     {rules(ignoring(rule.Match{Origins: []string{"manual"}})), database("size"), "0 0 0"},
		"not planned as a no-op":             {rules(ignoring(rule.Match{NoOp: true})), database("size"), "0 0 0"},
		"another workspace":                  {rules(ignoring(rule.Match{Workspaces: []string{"staging*"}})), database("size"), "0 0 0"},
		"what was cut is only ignored whole": {rules(ignoring(rule.Match{Paths: []string{"size"}})), database("size", "(cut)"), "0 0 0"},
		"the effects are settled apart":      {rules(owner("data", rule.Match{Types: []string{"aws_db_*"}}), ignoring(noisy), severity("info", rule.Match{})), database("latest_restorable_time"), "2 3 1"},
		"of an effect the first wins":        {rules(severity("info", rule.Match{}), severity("critical", rule.Match{})), database("size"), "0 1 0"},
		"one path raises":                    {rules(severity("critical", rule.Match{Paths: []string{"size"}})), database("size", "name"), "0 1 0"},
		"one path does not lower":            {rules(severity("info", rule.Match{Paths: []string{"size"}})), database("size", "name"), "0 0 0"},
		"all that is left lowers":            {rules(severity("info", rule.Match{Paths: []string{"size"}}), ignoring(noisy)), database("size", "latest_restorable_time"), "0 1 0"},
		"an ignored path raises nothing":     {rules(severity("critical", rule.Match{Paths: []string{"latest_restorable_time"}}), ignoring(noisy)), database("size", "latest_restorable_time"), "0 0 0"},
		"an owner by a path":                 {rules(owner("a", rule.Match{Paths: []string{"name"}}), owner("b", rule.Match{Paths: []string{"size"}})), database("size"), "0 0 2"},
	} {
		t.Run(name, func(t *testing.T) {
			got := which(tt.rules, rule.Compile(1, tt.rules).For("production").Judge(tt.subject))
			if got != tt.want {
				t.Errorf("rules %s, want %s", got, tt.want)
			}
		})
	}
	t.Run("what is not in force has no effect", func(t *testing.T) {
		list := rules(ignoring(rule.Match{}), ignoring(rule.Match{}))
		list[0].Status, list[1].Status = rule.Proposed, rule.Ended
		if got := which(list, rule.Compile(1, list).For("production").Judge(database("size"))); got != "0 0 0" {
			t.Errorf("rules %s", got)
		}
	})
	t.Run("a planned no-op", func(t *testing.T) {
		subject := database("size")
		subject.NoOp = true
		list := rules(ignoring(rule.Match{NoOp: true}))
		if got := which(list, rule.Compile(1, list).For("production").Judge(subject)); got != "1 0 0" {
			t.Errorf("rules %s", got)
		}
	})
}

func TestGlob(t *testing.T) {
	for _, tt := range []struct {
		glob, text string
		want       bool
	}{
		{"*", "", true},
		{"a*", "a", true},
		{"a*a", "a", false},
		{"a*b*c", "a-b-c", true},
		{"a*b*c", "a-c-b", false},
		{"*b*b*", "b", false},
		{"*b*b*", "abab", true},
		{"a**b", "ab", true},
		{"a", "ab", false},
		{"*.x", "module.a.x", true},
	} {
		list := rules(ignoring(rule.Match{Types: []string{tt.glob}}))
		subject := database("size")
		subject.Type = tt.text
		if got := rule.Compile(1, list).For("w").Judge(subject).Ignore != nil; got != tt.want {
			t.Errorf("%q matches %q: %t, want %t", tt.glob, tt.text, got, tt.want)
		}
	}
}

// BenchmarkScope_Judge asks 200 rules about 5,000 drifts, most of them at their addresses.
func BenchmarkScope_Judge(b *testing.B) {
	var list []rule.Rule
	for i := range 200 {
		m := rule.Match{Types: []string{"aws_*"}, Addresses: []string{fmt.Sprintf("*.web[%d]", i), fmt.Sprintf("module.site%d", i)}, Paths: []string{fmt.Sprintf("attribute_%d", i), "*_count"}}
		list = append(list, []rule.Rule{ignoring(m), severity("info", m), owner("team", m)}[i%3])
	}
	set := rule.Compile(1, rules(list...))
	for b.Loop() {
		scope := set.For("production")
		for i := range 5000 {
			scope.Judge(rule.Subject{
				Address: fmt.Sprintf("module.a.aws_instance.web[%d]", i%300), Type: "aws_instance", Provider: "hashicorp/aws", Origin: "drift", Severity: "warning",
				Paths: []string{"instance_type", "monitoring", "tags.env"},
			})
		}
	}
}

// BenchmarkGlob_worst is a glob that backtracking takes time without end for.
func BenchmarkGlob_worst(b *testing.B) {
	list := rules(ignoring(rule.Match{Types: []string{"*a*a*a*a*a*a*a*b"}}))
	subject := database("size")
	subject.Type = strings.Repeat("a", 1<<16)
	scope := rule.Compile(1, list).For("w")
	for b.Loop() {
		scope.Judge(subject)
	}
}

func TestDraft_Rule(t *testing.T) {
	now := time.Now()
	good := rule.Draft{Effect: rule.Ignore, Match: rule.Match{Types: []string{"aws_*"}}, Reason: "this is only noise"}
	past := now.Add(-time.Minute)
	for name, tt := range map[string]struct {
		change func(*rule.Draft)
		want   string // in the error
	}{
		"nothing is wrong":         {func(*rule.Draft) {}, ""},
		"no effect":                {func(d *rule.Draft) { d.Effect = "hide" }, "effect"},
		"nothing named":            {func(d *rule.Draft) { d.Match = rule.Match{} }, "match"},
		"too many globs":           {func(d *rule.Draft) { d.Paths = strings.Split(strings.Repeat("a,", 21), ",")[:21] }, "match.paths"},
		"too many stars":           {func(d *rule.Draft) { d.Paths = []string{strings.Repeat("a*", 9)} }, "match.paths"},
		"an empty glob":            {func(d *rule.Draft) { d.Paths = []string{""} }, "match.paths"},
		"another origin":           {func(d *rule.Draft) { d.Origins = []string{"plan"} }, "match.origins"},
		"too much text":            {func(d *rule.Draft) { d.Paths = many(16, 255) }, "match"},
		"a severity for nothing":   {func(d *rule.Draft) { d.Severity = new("info") }, "severity"},
		"no severity":              {func(d *rule.Draft) { d.Effect = rule.Severity }, "severity"},
		"no owner":                 {func(d *rule.Draft) { d.Effect = rule.Owner }, "owner"},
		"a short reason":           {func(d *rule.Draft) { d.Reason = "because  " }, "reason"},
		"a long reason":            {func(d *rule.Draft) { d.Reason = strings.Repeat("a", 1001) }, "reason"},
		"an end that has passed":   {func(d *rule.Draft) { d.ExpiresAt = &past }, "expiresAt"},
		"characters that are none": {func(d *rule.Draft) { d.Paths = []string{"a\x1b[31m"} }, "match.paths"},
	} {
		t.Run(name, func(t *testing.T) {
			d := good
			tt.change(&d)
			_, err := d.Rule(now)
			if (err == nil) != (tt.want == "") {
				t.Fatalf("%v", err)
			}
			if err != nil && !strings.Contains(fmt.Sprintf("%+v", err), tt.want) {
				t.Errorf("%+v does not name %s", err, tt.want)
			}
		})
	}
}

// many is n texts of so many characters.
func many(n, length int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%0*d", length, i)
	}
	return list
}
