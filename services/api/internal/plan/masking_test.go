package plan

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// leak is the secret of these tests. It must never show.
const leak = "correct-horse/battery"

// Mutations: hides always false, before_sensitive or after_sensitive not read, no name on the list, the pair of a name and its
// value not seen, looksSecret always false.
func TestRead_masks(t *testing.T) {
	for _, tt := range []struct{ name, before, after, rest, expected, actual, difference string }{
		{"a value by the side before", `{"p":"old"}`, `{"p":"new"}`, `"before_sensitive":{"p":true}`,
			`{"p":"[redacted]"}`, `{"p":"[redacted]"}`, `{"p":{"expected":"[redacted]","actual":"[redacted]"}}`},
		{"a value by the side after", `{"p":"old"}`, `{"p":"new"}`, `"after_sensitive":{"p":true}`,
			`{"p":"[redacted]"}`, `{"p":"[redacted]"}`, `{"p":{"expected":"[redacted]","actual":"[redacted]"}}`},
		{"numbers and booleans in place", `{"n":5432,"b":true,"x":5432}`, `{"n":5433,"b":false,"x":5433}`, `"before_sensitive":{"n":true,"b":true}`,
			`{"b":"[redacted]","n":"[redacted]","x":5432}`, `{"b":"[redacted]","n":"[redacted]","x":5433}`,
			`{"b":{"expected":"[redacted]","actual":"[redacted]"},"n":{"expected":"[redacted]","actual":"[redacted]"},"x":{"expected":5432,"actual":5433}}`},
		{"nothing stays nothing", `{"p":null,"q":"","x":1}`, `{"p":null,"q":"","x":2}`, `"before_sensitive":{"p":true,"q":true}`,
			`{"p":null,"q":"","x":1}`, `{"p":null,"q":"","x":2}`, `{"x":{"expected":1,"actual":2}}`},
		{"a subtree with its shape", `{"o":{"a":{"b":[1,"s"]}}}`, `{"o":{"a":{"c":[]}}}`, `"before_sensitive":{"o":true}`,
			`{"o":"[redacted]"}`, `{"o":"[redacted]"}`, `{"o":{"expected":"[redacted]","actual":"[redacted]"}}`},
		{"an unchanged subtree", `{"o":{"a":1},"x":1}`, `{"o":{"a":1},"x":2}`, `"before_sensitive":{"o":true}`,
			`{"o":"[redacted]","x":1}`, `{"o":"[redacted]","x":2}`, `{"x":{"expected":1,"actual":2}}`},
		{"the whole resource, attribute by attribute", `{"a":"x","b":1}`, `{"a":"y","b":1}`, `"before_sensitive":true`,
			`{"a":"[redacted]","b":"[redacted]"}`, `{"a":"[redacted]","b":"[redacted]"}`, `{"a":{"expected":"[redacted]","actual":"[redacted]"}}`},
		{"false covers nothing", `{"p":"old"}`, `{"p":"new"}`, `"before_sensitive":false,"after_sensitive":{"p":false}`,
			`{"p":"old"}`, `{"p":"new"}`, `{"p":{"expected":"old","actual":"new"}}`},
		{"one element of a list", `{"l":["a","b"]}`, `{"l":["a","c"]}`, `"before_sensitive":{"l":[false,true]}`,
			`{"l":["a","[redacted]"]}`, `{"l":["a","[redacted]"]}`, `{"l[\"#6b742ce8\"]":{"expected":"[redacted]","actual":"[redacted]"}}`},
		{"every element of lists that do not align", `{"l":[{"k":"pin"},{"n":1}]}`, `{"l":[{"n":1},{"k":"x"},{"k":"pin"}]}`, `"before_sensitive":{"l":[{"k":true},{}]}`,
			`{"l":[{"k":"[redacted]"},{"n":1}]}`, `{"l":[{"n":1},{"k":"[redacted]"},{"k":"[redacted]"}]}`,
			`{"l[\"#e6bcda52\"]":{"expected":null,"actual":{"k":"[redacted]"}}}`},
		{"lists in lists that do not align", `{"l":[[1],[2,3]]}`, `{"l":[[4]]}`, `"before_sensitive":{"l":[[false],[false,true]]}`,
			`{"l":[["[redacted]"],["[redacted]","[redacted]"]]}`, `{"l":[["[redacted]"]]}`,
			`{"l[\"#00da6d9d\"]":{"expected":null,"actual":["[redacted]"]},"l[\"#8e7259fb\"]":{"expected":["[redacted]"],"actual":null},"l[\"#eae29fc2\"]":{"expected":["[redacted]","[redacted]"],"actual":null}}`},
		{"masks of two shapes over lists that do not align cover everything", `{"l":[{"o":{"k":"pin","x":1}},{"o":["pin"]}]}`, `{"l":[]}`,
			`"before_sensitive":{"l":[{"o":{"k":true}},{"o":[true]}]}`,
			`{"l":[{"o":"[redacted]"},{"o":"[redacted]"}]}`, `{"l":[]}`,
			`{"l[\"#1cb73d63\"]":{"expected":{"o":"[redacted]"},"actual":null},"l[\"#7ec2deec\"]":{"expected":{"o":"[redacted]"},"actual":null}}`},
		{"a mask of another shape covers everything", `{"p":"plain","q":[1]}`, `{"p":"other","q":[2]}`, `"before_sensitive":{"p":{"a":true},"q":{"a":true}}`,
			`{"p":"[redacted]","q":"[redacted]"}`, `{"p":"[redacted]","q":"[redacted]"}`,
			`{"p":{"expected":"[redacted]","actual":"[redacted]"},"q":{"expected":"[redacted]","actual":"[redacted]"}}`},
		{"a mask for what is gone covers what was there", `{"o":{"k":"pin","n":1}}`, `{"o":null}`, `"before_sensitive":{"o":{"k":true}}`,
			`{"o":{"k":"[redacted]","n":1}}`, `{"o":null}`, `{"o.k":{"expected":"[redacted]","actual":null},"o.n":{"expected":1,"actual":null}}`},
		{"strings under a name", `{"db_password":"a","n":1}`, `{"db_password":"b","n":1}`, ``,
			`{"db_password":"[redacted]","n":1}`, `{"db_password":"[redacted]","n":1}`, `{"db_password":{"expected":"[redacted]","actual":"[redacted]"}}`},
		{"only strings under a name", `{"token":{"ttl":60,"on":true,"ids":["a"]}}`, `{"token":{"ttl":61,"on":true,"ids":["a"]}}`, ``,
			`{"token":{"ids":["[redacted]"],"on":true,"ttl":60}}`, `{"token":{"ids":["[redacted]"],"on":true,"ttl":61}}`, `{"token.ttl":{"expected":60,"actual":61}}`},
		{"a value named by its neighbour", `{"env":[{"name":"DB_PASSWORD","value":"a"},{"name":"PORT","value":"1"}]}`, `{"env":[{"name":"DB_PASSWORD","value":"b"},{"name":"PORT","value":"2"}]}`, ``,
			`{"env":[{"name":"DB_PASSWORD","value":"[redacted]"},{"name":"PORT","value":"1"}]}`, `{"env":[{"name":"DB_PASSWORD","value":"[redacted]"},{"name":"PORT","value":"2"}]}`,
			`{"env[\"DB_PASSWORD\"].value":{"expected":"[redacted]","actual":"[redacted]"},"env[\"PORT\"].value":{"expected":"1","actual":"2"}}`},
		{"a credential in an innocent string", `{"note":"x"}`, `{"note":"key AKIAIOSFODNN7EXAMPLE."}`, ``,
			`{"note":"x"}`, `{"note":"key [redacted]."}`, `{"note":{"expected":"x","actual":"key [redacted]."}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var rest []string
			if tt.rest != "" {
				rest = append(rest, tt.rest)
			}
			c := one(t, drifted(update("a", tt.before, tt.after, rest...)))
			for _, x := range [][2]string{
				{string(c.Expected), tt.expected}, {string(c.Actual), tt.actual}, {string(c.Difference), tt.difference},
			} {
				if x[0] != x[1] {
					t.Errorf("got  %s\nwant %s", x[0], x[1])
				}
			}
		})
	}
}

// The secret is masked in one place of a plan and stands in the open in another. Mutations, each caught in the case that its
// name tells: no search for copies, or with what is masked before them only; masked or named strings not collected; without
// the state, the planned values, deferred changes, outputs, variables or their defaults; map keys shown as they are; without
// the ways to write a secret in a URL, or the password of a masked URL.
func TestRead_secret_elsewhere(t *testing.T) {
	q := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	open := update("open", `{"x":1,"motd":`+q("say "+leak)+`}`, `{"x":2,"motd":`+q("say "+leak)+`}`)
	masked := update("masked", `{"v":`+q(leak)+`,"x":1}`, `{"v":`+q(leak)+`,"x":2}`, `"before_sensitive":{"v":true}`)
	planWith := func(rest string) string { return strings.TrimSuffix(drifted(open), "}") + "," + rest + "}" }
	resource := `{"root_module":{"child_modules":[{"resources":[{"address":"m.r","type":"r","values":{"result":` + q(leak) + `},"sensitive_values":{"result":true}}]}]}}`
	for name, raw := range map[string]string{
		"a later entry":            drifted(masked, open),
		"an earlier entry":         drifted(open, masked),
		"the same entry":           drifted(update("a", `{"a":`+q(leak)+`,"password":`+q(leak)+`}`, `{"a":"x"}`)),
		"the other side":           drifted(update("a", `{"password":`+q(leak)+`}`, `{"note":`+q("was "+leak)+`}`)),
		"a masked subtree":         drifted(open, update("b", `{"o":{"l":[`+q(leak)+`]},"x":1}`, `{"x":2}`, `"before_sensitive":{"o":true}`)),
		"a masked list element":    drifted(open, update("b", `{"l":["a",`+q(leak)+`],"x":1}`, `{"x":2}`, `"before_sensitive":{"l":[false,true]}`)),
		"an entry that is none":    drifted(open, strings.Replace(masked, `"update"`, `"no-op"`, 1)),
		"a data source":            drifted(open, strings.Replace(masked, `"managed"`, `"data"`, 1)),
		"resource_changes":         planWith(`"resource_changes":[` + masked + `]`),
		"deferred_changes":         planWith(`"deferred_changes":[{"reason":"x","resource_change":` + masked + `}]`),
		"the prior state":          planWith(`"prior_state":{"values":` + resource + `}`),
		"the planned values":       planWith(`"planned_values":` + resource),
		"a state's output":         planWith(`"prior_state":{"values":{"outputs":{"o":{"sensitive":true,"value":{"deep":[` + q(leak) + `]}}}}}`),
		"an output that changes":   planWith(`"output_changes":{"o":{"before":` + q(leak) + `,"after":null,"before_sensitive":true}}`),
		"a variable with a name":   planWith(`"variables":{"db_password":{"value":` + q(leak) + `}}`),
		"a sensitive variable":     planWith(`"variables":{"v":{"value":{"a":` + q(leak) + `}}},"configuration":{"root_module":{"variables":{"v":{"sensitive":true}}}}`),
		"a variable's default":     planWith(`"configuration":{"root_module":{"variables":{"v":{"sensitive":true,"default":` + q(leak) + `}}}}`),
		"in a map's key":           drifted(masked, update("a", `{"m":{`+q("k "+leak)+`:1,`+q("l "+leak)+`:1}}`, `{"m":{`+q("k "+leak)+`:2}}`)),
		"in a list":                drifted(masked, update("a", `{"l":["a",`+q(leak)+`]}`, `{"l":[]}`)),
		"in a nested list":         drifted(masked, update("a", `{"l":[{"l":[[`+q(leak)+`]]}]}`, `{}`)),
		"in a URL":                 drifted(masked, update("a", `{"u":`+q("https://h/?p=correct-horse%2Fbattery&x=1")+`}`, `{}`)),
		"in JSON in a string":      drifted(masked, update("a", `{"u":`+q(`{"p":`+q(leak)+`}`)+`}`, `{}`)),
		"masked with white space":  drifted(open, update("b", `{"v":`+q("\n"+leak+"\n")+`,"x":1}`, `{"x":2}`, `"before_sensitive":{"v":true}`)),
		"in a masked URL":          drifted(open, update("b", `{"v":`+q("postgres://u:correct-horse%2Fbattery@h/db")+`,"x":1}`, `{"x":2}`, `"before_sensitive":{"v":true}`)),
		"in an object of nothing":  drifted(open, update("b", `{"o":{"a":[{"b":`+q(leak)+`}]},"x":1}`, `{"x":2}`, `"before_sensitive":{"o":{"a":true}}`)),
		"after lists grew":         drifted(open, update("b", `{"l":[`+q(leak)+`]}`, `{"l":["new",`+q(leak)+`]}`, `"before_sensitive":{"l":[true]}`)),
		"in HCP's export":          strings.Replace(drifted(open, masked), "format_version", "plan_format_version", 1),
		"with an escape sequence":  drifted(open, strings.ReplaceAll(masked, "horse", `h\u006frse`)),
		"named by its neighbour":   drifted(open, update("b", `{"env":[{"name":"DB_PASSWORD","value":`+q(leak)+`}],"x":1}`, `{"x":2}`)),
		"beside another secret":    drifted(masked, update("a", `{"u":`+q("curl -u bob:abc123 https://x "+leak)+`}`, `{}`)),
		"masked for its name only": drifted(open, update("b", `{"apiKey":{"x":[`+q(leak)+`]},"x":1}`, `{"x":2}`)),
	} {
		t.Run(name, func(t *testing.T) {
			p := read(t, raw)
			if len(p.Changes) == 0 {
				t.Fatal("no changes")
			}
			for _, c := range p.Changes {
				if !json.Valid(c.Expected) || !json.Valid(c.Actual) || !json.Valid(c.Difference) {
					t.Errorf("not JSON: %s %s %s", c.Expected, c.Actual, c.Difference)
				}
			}
			if out := shown(p, nil); strings.Contains(out, "correct-horse") {
				t.Errorf("shows: %s", out)
			}
		})
	}
}

// Mutations: another minSecret, or in bytes; numbers collected, or masked elsewhere; spared not looked at; any location spared.
func TestRead_not_a_secret_elsewhere(t *testing.T) {
	entry := func(value, region string) string {
		return fmt.Sprintf(`{"address":"module.site.aws_thing.a","type":"aws_thing","change":{"actions":["update"],`+
			`"before":{"secret_x":%q,"n":12345678,"region":%q,"v":"x"},"after":{"v":%q,"region":%q}}}`, value, region, value, region)
	}
	for _, tt := range []struct{ name, value, region string }{
		{"shorter than 8 characters", "prod-eu", ""},
		{"8 bytes but fewer characters", "éééé", ""},
		{"a region of the plan", "eu-central-1", "eu-central-1"},
		{"a type of the plan", "aws_thing", ""},
		{"an address of the plan", "module.site.aws_thing.a", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := one(t, drifted(entry(tt.value, tt.region)))
			if want := fmt.Sprintf(`"v":%q}`, tt.value); !strings.HasSuffix(string(c.Actual), want) {
				t.Errorf("want %s in %s", want, c.Actual)
			}
			if strings.Contains(string(c.Expected), `"secret_x":"`+tt.value) {
				t.Errorf("not masked in place: %s", c.Expected)
			}
		})
	}
	t.Run("8 characters are enough", func(t *testing.T) {
		if c := one(t, drifted(entry("ééééXXXX", ""))); strings.Contains(string(c.Actual), "XXXX") {
			t.Error(string(c.Actual))
		}
	})
	t.Run("a number is masked in place only, and only in place", func(t *testing.T) {
		c := one(t, drifted(update("a", `{"pin":12345678,"v":"12345678"}`, `{}`, `"before_sensitive":{"pin":true}`)))
		if string(c.Expected) != `{"pin":"[redacted]","v":"12345678"}` {
			t.Error(string(c.Expected))
		}
		c = one(t, drifted(update("a", `{"password":"12345678","v":12345678}`, `{}`)))
		if string(c.Expected) != `{"password":"[redacted]","v":12345678}` {
			t.Error(string(c.Expected))
		}
	})
	t.Run("a secret in a location or a region is masked", func(t *testing.T) {
		c := one(t, drifted(update("a", `{"password":"`+leak+`","location":"`+leak+`","region":"`+leak+`"}`, `{}`)))
		if strings.Contains(shown(nil, nil)+string(c.Expected)+c.Region, leak) {
			t.Errorf("%q %s", c.Region, c.Expected)
		}
	})
}

func TestRead_masked_names_stay_apart(t *testing.T) {
	c := one(t, drifted(update("a", `{"password":"longsecret","m":{"longsecret1":1,"longsecret2":2,"[redacted]":3,"z":4}}`, `{}`)))
	want := `{"m":{"[redacted 2fba029d603f]":2,"[redacted bb670c6fae59]":1,"[redacted]":3,"z":4},"password":"[redacted]"}`
	if string(c.Expected) != want {
		t.Errorf("got  %s\nwant %s", c.Expected, want)
	}
	if !strings.Contains(string(c.Difference), `"m[\"[redacted bb670c6fae59]\"]":{"expected":1,"actual":null}`) {
		t.Error(string(c.Difference))
	}
}
