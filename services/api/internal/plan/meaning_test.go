package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// paths are the paths of a change's difference, each with a mark when only the order differs.
func paths(t *testing.T, c Change) []string {
	t.Helper()
	var all map[string]struct {
		Expected, Actual json.RawMessage
		Order            bool
	}
	if err := json.Unmarshal(c.Difference, &all); err != nil {
		t.Fatal(err)
	}
	list := slices.Sorted(maps.Keys(all))
	for i, path := range list {
		if bytes.Equal(all[path].Expected, all[path].Actual) && !bytes.Contains(all[path].Actual, []byte(Redacted)) {
			t.Errorf("%s has two equal sides: %s", path, all[path].Actual)
		}
		if all[path].Order {
			list[i] += " (order)"
		}
	}
	return list
}

// TestRead_field_meaning reads plans of real reports: what is a difference, under which name, and how heavy it is.
func TestRead_field_meaning(t *testing.T) {
	for _, tt := range []struct {
		file string
		want []string
	}{
		{"case03a", []string{`aws_security_group.core warning ingress["ssh"]`}},
		{"case03b", []string{`aws_security_group.core warning ingress["db"].cidr_blocks["172.16.0.0/12"]`}},
		{"case04a", nil},
		{"case04b", nil},
		{"case04c", nil},
		{"case05a", []string{"aws_autoscaling_group.web warning desired_capacity", "astro_api_token.ci warning last_used_at"}},
		{"case14a", []string{`aws_ecs_task_definition.app warning container_definitions["app"].environment["DB_PASSWORD"].value container_definitions["app"].image`}},
		{"case18b", []string{"databricks_x.y warning n"}},
		{"case22a", []string{
			"aws_instance.web info tags.scanner tags_all.scanner", "google_compute_instance.g info effective_labels.x label_fingerprint labels.x",
			`aws_autoscaling_group.asg info tag["x"]`, `kubernetes_namespace.n info metadata["n"].annotations.a metadata["n"].resource_version`,
		}},
		{"case01a", []string{"aws_instance.plain warning last_seen", "aws_instance.web warning instance_type", "aws_security_group.core warning rules"}},
	} {
		t.Run(tt.file, func(t *testing.T) {
			var got []string
			for _, c := range read(t, field(t, tt.file)).Changes {
				got = append(got, fmt.Sprintf("%s %s %s", c.Address, c.Severity, strings.Join(paths(t, c), " ")))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// quoted is a document as a string of a plan.
func quoted(document string) string { return string(appendQuote(nil, document)) }

func TestRead_meaning(t *testing.T) {
	policy := func(statements string) string {
		return quoted(`{"Version":"2012-10-17","Statement":` + statements + `}`)
	}
	const get, put = `{"Sid":"get","Effect":"Allow","Action":"s3:Get","Resource":["a","b"]}`, `{"Sid":"put","Effect":"Deny","Action":["s3:Put","s3:Del"],"Resource":"*"}`
	const bare, barePut = `{"Effect":"Allow","Action":"s3:Get"}`, `{"Effect":"Allow","Action":"s3:Put"}`
	for _, tt := range []struct{ name, before, after, want string }{
		{"keys and white space of a document", quoted(`{"a":1,"b":[1,2]}`), quoted("{ \"b\" : [1, 2],\n\"a\":1.0}"), ""},
		{"nothing in a document", quoted(`{"a":1,"b":null,"c":""}`), quoted(`{"a":1,"c":[]}`), ""},
		{"a document in a document", quoted(`{"a":` + quoted(`{"x":1,"y":2}`) + `}`), quoted(`{"a":` + quoted(`{"y":2, "x":1}`) + `}`), ""},
		{"a value in a document in a document", quoted(`{"a":` + quoted(`{"x":1,"y":2}`) + `}`), quoted(`{"a":` + quoted(`{"y":3, "x":1}`) + `}`), "v.a.y"},
		{"a value of a document", quoted(`{"a":1,"b":{"c":true}}`), quoted(`{"a":1,"b":{"c":false}}`), "v.b.c"},
		{"a document and a text", quoted(`{"a":1}`), `"x"`, "v"},
		{"a document of another kind", quoted(`{"a":1}`), quoted(`[1]`), "v"},
		{"no document", quoted(`{"a":1`), quoted(`{"a":1 `), "v"},
		{"a document with a name twice is a text", quoted(`{"a":1,"a":2}`), quoted(`{"a":2,"a":1}`), "v"},
		{"the order of a document's list", quoted(`{"a":["x","y"]}`), quoted(`{"a":["y","x"]}`), "v.a (order)"},

		{"the order of statements", policy(`[` + get + `,` + put + `]`), policy(`[` + put + `,` + get + `]`), ""},
		{"the order of actions and resources", policy(`[` + get + `,` + put + `]`),
			policy(`[` + strings.Replace(get, `["a","b"]`, `["b","a"]`, 1) + `,` + strings.Replace(put, `["s3:Put","s3:Del"]`, `["s3:Del","s3:Put"]`, 1) + `]`), ""},
		{"a single value is a list of one", policy(`[` + bare + `]`), policy(strings.Replace(bare, `"s3:Get"`, `["s3:Get"]`, 1)), ""},
		{"statements without a name, turned round and written in another way", policy(`[{"Action":"a","Resource":["x","y"]},{"Action":["b","c"],"Resource":"x"}]`),
			policy(`[{"Action":["c","b"],"Resource":["x"]},{"Action":["a"],"Resource":["y","x"]}]`), ""},
		{"the order of principals", policy(`[{"Principal":{"AWS":["a","b"]}}]`), policy(`[{"Principal":{"AWS":["b","a"]}}]`), ""},
		{"one action more", policy(`[` + get + `,` + put + `]`), policy(`[` + put + `,` + strings.Replace(get, `"s3:Get"`, `["s3:List","s3:Get"]`, 1) + `]`), `v.Statement["get"].Action["s3:List"]`},
		{"one statement more", policy(`[` + get + `]`), policy(`[` + put + `,` + get + `]`), `v.Statement["put"]`},
		{"the only statement", policy(bare), policy(`[` + barePut + `]`), `v.Statement.Action`},
		{"a principal", policy(`[{"Sid":"a","Principal":"x"}]`), policy(`[{"Sid":"a","Principal":"*"}]`), `v.Statement["a"].Principal`},

		{"numbers", `[1,100,0.5,-0,9.223372036854775808e18]`, `[1.0,1e2,5e-1,0,9223372036854775808]`, ""},
		{"numbers of many digits", `9223372036854775808`, `9223372036854775807`, "v"},
		{"a huge exponent", `1e400`, `10e399`, ""},
		{"a huge exponent that differs", `1e400`, `1e401`, "v"},
		{"a number and its text", `"1"`, `1`, "v"},

		{"an added member", `["a","b"]`, `["c","b","a"]`, `v["c"]`},
		{"a lost member", `["a","b","c"]`, `["c","a"]`, `v["b"]`},
		{"a changed member", `["a","b"]`, `["b","x"]`, `v["a"]`},
		{"members that are alike", `["a","a","b"]`, `["b","a","a","a","a"]`, `v["a"] v["a"] (2)`},
		{"an added member that is nothing", `["a"]`, `["a",null]`, "v"},
		{"a list that was nothing", `null`, `["a","b"]`, `v["a"] v["b"]`},
		{"blocks by their key", `[{"name":"x","n":1},{"name":"y","n":1}]`, `[{"name":"y","n":2},{"name":"x","n":1}]`, `v["y"].n`},
		{"a key that is not of one member only", `[{"name":"x","id":"1","n":1},{"name":"x","id":"2","n":1}]`, `[{"name":"x","id":"2","n":1},{"name":"x","id":"1","n":2}]`, `v["1"].n`},
		{"blocks without a key", `[{"n":1},{"n":2}]`, `[{"n":2},{"n":3}]`, `v["#8ecb3188"].n`},
		{"blocks in another order", `[{"n":1},{"n":2}]`, `[{"n":2},{"n":1}]`, `v (order)`},
		{"the order of a list in a block", `[{"n":["a","b"]}]`, `[{"n":["b","a"]}]`, `v.n (order)`},
		{"a key with a quote", `[{"name":"a\"b","n":1},{"name":"c"}]`, `[{"name":"a\"b","n":2},{"name":"c"}]`, `v["a\"b"].n`},
		{"a rule's number", `[{"rule_number":100,"c":"x"},{"rule_number":200,"c":"x"}]`, `[{"rule_number":200,"c":"y"},{"rule_number":100,"c":"x"}]`, `v["200"].c`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, turned := range []bool{false, true} {
				before, after := tt.before, tt.after
				if turned {
					before, after = after, before
				}
				p := read(t, drifted(update("a", `{"v":`+before+`}`, `{"v":`+after+`}`)))
				got := ""
				if len(p.Changes) > 0 {
					got = strings.Join(paths(t, p.Changes[0]), " ")
				}
				// The other way round a name that comes from the expected side is another one.
				if got != tt.want && (!turned || (got == "") != (tt.want == "")) {
					t.Errorf("got  %s\nwant %s", got, tt.want)
				}
			}
		})
	}
}

// TestRead_order: an order alone is one path and info, and the next order is no other difference.
func TestRead_order(t *testing.T) {
	one := one(t, drifted(update("a", `{"l":["a","b","c"]}`, `{"l":["b","a","c"]}`)))
	two := read(t, drifted(update("a", `{"l":["a","b","c"]}`, `{"l":["c","b","a"]}`))).Changes[0]
	if one.Severity != Info || !bytes.Equal(one.Hash, two.Hash) || string(one.Difference) != `{"l":{"expected":["a","b","c"],"actual":["b","a","c"],"order":true}}` {
		t.Errorf("%s %s %x %x", one.Severity, one.Difference, one.Hash, two.Hash)
	}
}

// TestRead_difference_bounds: what a drift stores of its differences is bounded, and says so. Its hash counts all of them.
func TestRead_difference_bounds(t *testing.T) {
	members := func(n int, value string) string {
		return "{" + repeated(n, `"k%d":"`+value+`"`) + "}"
	}
	count := func(c Change) (int, string) {
		var all map[string]struct{ Actual any }
		if err := json.Unmarshal(c.Difference, &all); err != nil {
			t.Fatal(err)
		}
		return len(all), fmt.Sprint(all[cutPath].Actual)
	}
	many := one(t, drifted(update("a", members(3000, "x"), `{}`)))
	if n, cut := count(many); n != maxDifferences+1 || cut != "2000 more paths differ" {
		t.Errorf("%d paths, %s", n, cut)
	}
	if more := one(t, drifted(update("a", members(3001, "x"), `{}`))); bytes.Equal(more.Hash, many.Hash) {
		t.Error("what is cut has no part in the hash")
	}
	large := one(t, drifted(update("a", members(500, strings.Repeat("x", 2000)), `{}`)))
	if n, cut := count(large); len(large.Difference) > maxDifferenceBytes+1<<12 || !strings.HasSuffix(cut, "more paths differ") {
		t.Errorf("%d paths in %d bytes, %s", n, len(large.Difference), cut)
	}
	long := strings.Repeat("x", maxDifferenceValue)
	c := one(t, drifted(update("a", `{"v":"`+long+`a"}`, `{"v":"`+long+`b"}`)))
	if got := paths(t, c); len(got) != 1 || len(c.Difference) > 200 || !strings.Contains(string(c.Difference), "[cut: 16387 bytes, #") {
		t.Errorf("%s", c.Difference)
	}
	key := strings.Repeat("k", 200<<10)
	c = one(t, drifted(update("a", `{"`+key+`":`+members(10, "x")+`}`, `{}`)))
	if got := paths(t, c); len(got) != 10 || len(c.Difference) > 10*(maxStep+100) {
		t.Errorf("%.1000s", c.Difference)
	}
	deep := strings.Repeat(`{"`+strings.Repeat("k", 100)+`":`, 50)
	c = one(t, drifted(update("a", deep+"1"+strings.Repeat("}", 50), `{}`)))
	if got := paths(t, c); len(got) != 1 || len(got[0]) > maxPath {
		t.Errorf("%q", got)
	}
}
