package plan

import (
	"bytes"
	"strings"
	"testing"
)

func TestRead_difference(t *testing.T) {
	for _, tt := range []struct{ name, before, after, rest, want string }{
		{"nothing", `{"a":1}`, `{"a":1}`, ``, ``},
		{"a value", `{"a":1,"b":true}`, `{"a":2,"b":false}`, ``, `{"a":{"expected":1,"actual":2},"b":{"expected":true,"actual":false}}`},
		{"null, empty string, list and object are equal",
			`{"a":null,"b":"","c":[],"d":{},"e":null,"f":{"x":null}}`, `{"a":"","b":[],"c":{},"d":null,"g":"","f":{}}`, ``, ``},
		{"an object of nothing is nothing", `{"a":{"b":{"c":""}}}`, `{"a":null}`, ``, ``},
		{"a list of nothing is something", `{"a":[null]}`, `{"a":[]}`, ``, `{"a":{"expected":[null],"actual":[]}}`},
		{"zero and false are something", `{"a":0,"b":false}`, `{}`, ``, `{"a":{"expected":0,"actual":null},"b":{"expected":false,"actual":null}}`},
		{"an added and a removed key", `{"t":{"a":"x"}}`, `{"t":{"b":"y"}}`, ``, `{"t.a":{"expected":"x","actual":null},"t.b":{"expected":null,"actual":"y"}}`},
		{"an added object", `{"t":null}`, `{"t":{"a":"x"}}`, ``, `{"t.a":{"expected":null,"actual":"x"}}`},
		{"an added empty key is none", `{"t":{}}`, `{"t":{"a":""}}`, ``, ``},
		{"the order of keys", `{"b":1,"a":{"d":1,"c":2}}`, `{"a":{"c":2,"d":1},"b":1}`, ``, ``},
		{"the order of a list", `{"l":["a","b"]}`, `{"l":["b","a"]}`, ``, `{"l":{"expected":["a","b"],"actual":["b","a"],"order":true}}`},
		{"the only block needs no name", `{"l":[{"a":1,"b":2}]}`, `{"l":[{"a":1,"b":3}]}`, ``, `{"l.b":{"expected":2,"actual":3}}`},
		{"an added block has the name of its content", `{"l":[{"a":1}]}`, `{"l":[{"a":2},{"a":1}]}`, ``, `{"l[\"#3654c443\"]":{"expected":null,"actual":{"a":2}}}`},
		{"another kind", `{"a":[1]}`, `{"a":{"b":1}}`, ``, `{"a":{"expected":[1],"actual":{"b":1}}}`},
		{"a number is no string", `{"a":"1"}`, `{"a":1}`, ``, `{"a":{"expected":"1","actual":1}}`},
		{"a number written in another way", `{"a":1,"b":100}`, `{"a":1.0,"b":1e2}`, ``, ``},
		{"large numbers keep their digits", `{"a":12345678901234567890}`, `{"a":12345678901234567891}`, ``,
			`{"a":{"expected":12345678901234567890,"actual":12345678901234567891}}`},
		{"a name that is no identifier", `{"t":{"kubernetes.io/x":"a"}}`, `{"t":{"kubernetes.io/x":"b"}}`, ``,
			`{"t[\"kubernetes.io/x\"]":{"expected":"a","actual":"b"}}`},
		{"what is unknown does not differ", `{"a":"x","b":{"c":"x","d":"x"},"l":["x","y"]}`, `{"b":{"d":"z"},"l":["x",null]}`,
			`"after_unknown":{"a":true,"b":{"c":true},"l":[false,true]}`, `{"b.d":{"expected":"x","actual":"z"}}`},
		{"an unknown object", `{"o":{"a":1},"l":[{"a":1}]}`, `{"x":1}`, `"after_unknown":{"o":true,"l":true}`, `{"x":{"expected":null,"actual":1}}`},
		{"unknown false says nothing", `{"a":"x"}`, `{"a":"y"}`, `"after_unknown":{"a":false}`, `{"a":{"expected":"x","actual":"y"}}`},
		{"deleted", `{"a":{"b":1},"c":"x","d":null}`, `null`, ``, `{"a.b":{"expected":1,"actual":null},"c":{"expected":"x","actual":null}}`},
		{"created", `null`, `{"a":1}`, ``, `{"a":{"expected":null,"actual":1}}`},
		{"both absent", `null`, `null`, ``, ``},
		{"escapes", `{"a":"\u003cb\u003e\n\u00e9\\\"","\u0062":1}`, `{"a":"<b>\né\\\"","b":2}`, ``, `{"b":{"expected":1,"actual":2}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var rest []string
			if tt.rest != "" {
				rest = append(rest, tt.rest)
			}
			p := read(t, drifted(update("a", tt.before, tt.after, rest...)))
			got := ""
			if len(p.Changes) > 0 {
				got = string(p.Changes[0].Difference)
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestRead_states_are_canonical(t *testing.T) {
	c := one(t, drifted(update("a", `{ "b" : [ 1 , {"d":null,"c":"\u0041"} ], "a": {} }`, `null`)))
	if string(c.Expected) != `{"a":{},"b":[1,{"c":"A","d":null}]}` || string(c.Actual) != `null` {
		t.Errorf("%s %s", c.Expected, c.Actual)
	}
}

func TestRead_hash(t *testing.T) {
	hash := func(before, after string, rest ...string) []byte {
		return one(t, drifted(update("a", before, after, rest...))).Hash
	}
	const mask = `"after_sensitive":{"p":true}`
	base := hash(`{"p":"old-secret","x":1,"y":null}`, `{"p":"new-secret","x":1,"y":""}`, mask)
	for name, tt := range map[string]struct {
		hash []byte
		same bool
	}{
		"the same again":                    {hash(`{"p":"old-secret","x":1,"y":null}`, `{"p":"new-secret","x":1,"y":""}`, mask), true},
		"what does not differ has no part":  {hash(`{"p":"old-secret","x":5}`, `{"p":"new-secret","x":5}`, mask), true},
		"the mask has no part":              {hash(`{"p":"old-secret"}`, `{"p":"new-secret"}`), true},
		"a second change of a masked value": {hash(`{"p":"old-secret"}`, `{"p":"newer-secret"}`, mask), false},
		"another attribute":                 {hash(`{"q":"old-secret"}`, `{"q":"new-secret"}`), false},
		"the other direction":               {hash(`{"p":"new-secret"}`, `{"p":"old-secret"}`), false},
		"one more difference":               {hash(`{"p":"old-secret","x":1}`, `{"p":"new-secret","x":2}`), false},
	} {
		if bytes.Equal(tt.hash, base) != tt.same {
			t.Errorf("%s: equal is %t", name, !tt.same)
		}
	}
	p, err := Read(t.Context(), strings.NewReader(drifted(update("a", `{"p":"old-secret"}`, `{"p":"new-secret"}`))), Options{Key: []byte("another")})
	if err != nil || len(base) != headSize+32 || bytes.Equal(p.Changes[0].Hash, base) {
		t.Errorf("the key has no part in the hash: %v", err)
	}
	const was, is = `{"o":{"b":"say longsecret","z":1},"m":{"longsecret":1,"a":2}}`, `{"o":{"z":2},"m":{"a":3}}`
	plain := hash(was, is)
	for name, masked := range map[string][]byte{
		"a subtree":          hash(was, is, `"before_sensitive":{"o":true}`),
		"the whole":          hash(was, is, `"before_sensitive":true`),
		"masked for another": read(t, drifted(update("a", was, is), update("b", `{"password":"longsecret"}`, `{}`))).Changes[0].Hash,
	} {
		if !bytes.Equal(masked, plain) {
			t.Errorf("%s: what is masked has a part in the hash", name)
		}
	}
	if bytes.Equal(hash(`{"a":1}`, `{"a":23}`), hash(`{"a":12}`, `{"a":3}`)) {
		t.Error("the values run into each other")
	}
	if !bytes.Equal(hash(`{"l":[{"o":{"x":null},"n":1}]}`, `{}`), hash(`{"l":[{"n":1}]}`, `{}`)) {
		t.Error("what the comparison does not see has a part in the hash")
	}
	if bytes.Equal(hash(`{"p":null}`, `{"p":"a"}`), hash(`{"p":"a"}`, `{"p":null}`)) {
		t.Error("the sides are not told apart")
	}
}
