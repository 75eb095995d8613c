// Package canary makes plans with a secret in them for tests: every shape that a secret is known from, in every place of a plan,
// and copies of it in every encoding. The secret may be found nowhere.
//
//	shapes:  what makes a text known to be secret by itself   ─┐
//	sources: what makes a value secret that stands elsewhere   ─┼─▶ × places (× encodings of the copy) ─▶ Case
package canary

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
)

// Case is one plan, or one text of it, and what may be found nowhere.
type Case struct {
	Name, Plan string
	Canary     string
}

// canaries are a plain one, and one that every encoding changes.
var canaries = []string{"fakepw-Canary-Zq81xW", `fakepw/Can ary+"Zq<8>1&x?W`}

// A shape gives its secret away wherever it stands.
type shape struct {
	name string
	text func(secret string) string
	word bool // the secret has to be of the characters of a token
}

var shapes = []shape{
	{"JSON", func(s string) string { return `{"user":"app","db":{"password":` + quote(s) + `}}` }, false},
	{"JSON pair", func(s string) string { return `[{"name":"DB_PASSWORD","value":` + quote(s) + `}]` }, false},
	{"JSON pair, value first", func(s string) string { return `{"Value":` + quote(s) + `,"KEY":"api_token"}` }, false},
	{"JSON in JSON", func(s string) string { return `{"a":` + quote(`{"b":`+quote(`{"secret":`+quote(s)+`}`)+`}`) + `}` }, false},
	{"JSON Secret", func(s string) string {
		return `{"kind":"Secret","stringData":{"a":` + quote(s) + `},"data":{"b":"` + b64(s) + `"}}`
	}, false},
	{"JSON arguments", func(s string) string { return `["app","--db-password",` + quote(s) + `]` }, false},
	{"YAML", func(s string) string { return "db:\n  user: app\n  password: '" + s + "'\n" }, false},
	{"YAML pair", func(s string) string { return "env:\n- name: DB_PASSWORD\n  value: '" + s + "'\n" }, false},
	{"YAML Secret", func(s string) string { return "kind: Secret\nstringData:\n  a: '" + s + "'\n  b: |\n    " + s + "\n" }, false},
	{"YAML below a name", func(s string) string { return "secrets:\n  a:\n  - " + s + "\nport: 1\n" }, false},
	{"dotenv", func(s string) string { return "PORT=1\nDB_PASSWORD=" + s + "\nX=1\n" }, false},
	{"dotenv, one line", func(s string) string { return "DB_PASSWORD=" + s }, false},
	{"ini", func(s string) string { return "[db]\nuser = app\npassword = " + s + "\n" }, false},
	{"script", func(s string) string { return "#!/bin/sh\nexport API_KEY='" + s + "'\nexec app\n" }, false},
	{"flag", func(s string) string { return "app --db-password=" + s + " --port=1" }, true},
	{"flag apart", func(s string) string { return "app --token '" + s + "' --port 1" }, false},
	{"mysql", func(s string) string { return "mysql -uroot -p" + s + " db" }, true},
	{"curl", func(s string) string { return "curl -u bob:" + s + " https://api.example/x" }, true},
	{"header", func(s string) string { return "curl -H 'X-Api-Key: " + s + "' https://api.example/x" }, false},
	{"Bearer", func(s string) string { return "Authorization: Bearer " + s }, true},
	{"Basic", func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte("user:"+s)) }, false},
	{"JWT", func(s string) string {
		return "eyJhbGciOiJIUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"`+s+`"}`)) + ".c2lnbmF0dXJl"
	}, true},
	{"token", func(s string) string { return "use ghp_" + s + "0123456789" }, true},
	{"connection string", func(s string) string { return "Server=db;User ID=sa;Password=" + s + ";Encrypt=true" }, false},
	{"account key", func(s string) string { return "AccountName=a;AccountKey=" + s + ";EndpointSuffix=x" }, false},
	{"URL", func(s string) string { return "postgres://app:" + url.QueryEscape(s) + "@db:5432/app" }, false},
	{"signed URL", func(s string) string { return "https://b.example/k?se=1&sig=" + url.QueryEscape(s) + "&sv=2" }, false},
	{"presigned URL", func(s string) string { return "https://b.example/k?X-Amz-Signature=" + url.QueryEscape(s) }, false},
	{"Slack", func(s string) string { return "https://hooks.slack.com/services/T0/B0/" + url.PathEscape(s) }, false},
	{"Discord", func(s string) string { return "https://discord.com/api/webhooks/1/" + url.PathEscape(s) }, false},
	{"sentence", func(s string) string { return "agreed, the password is '" + s + "' from now on" }, false},
	{"sentence, a word", func(s string) string { return "agreed. Password: " + s + ", as before" }, true},
	{"SQL", func(s string) string { return "ALTER USER app IDENTIFIED BY '" + s + "'" }, false},
	{"SQL role", func(s string) string { return "CREATE ROLE app LOGIN PASSWORD '" + s + "' VALID UNTIL 'infinity'" }, false},
	{"redis", func(s string) string { return "port 6379\nrequirepass " + s + "\n" }, true},
	{"nginx", func(s string) string { return "server {\n  proxy_set_header X-Auth-Token \"" + s + "\";\n}\n" }, true},
	{"hash", func(s string) string { return "app:$2y$10$" + s + s }, true},
	{"XML", func(s string) string { return "<db><user>app</user><password>" + escaped(s) + "</password></db>" }, false},
	{"XML attribute", func(s string) string { return "<db user='app' password=\"" + escaped(s) + "\"/>" }, false},
	{"XML pair", func(s string) string { return "<add key=\"DbPassword\" value=\"" + escaped(s) + "\" />" }, false},
	{"HTML", func(s string) string { return escaped("password=\"" + s + "\" user=\"app\"") }, false},
	{"HTML twice", func(s string) string { return escaped(escaped("<password>" + escaped(s) + "</password>")) }, false},
	{"ParameterKey", func(s string) string { return `[{"ParameterKey":"DBPassword","ParameterValue":` + quote(s) + `}]` }, false},
	{"OptionName", func(s string) string { return `{"OptionName":"DB_PASSWORD","Value":` + quote(s) + `}` }, false},
	{"setting and val", func(s string) string { return `{"setting":"db.password","val":` + quote(s) + `}` }, false},
	{"variable and content", func(s string) string { return `{"a":[{"VARIABLE":"api_token","Content":` + quote(s) + `}]}` }, false},
	{"base64 of dotenv", func(s string) string { return b64("PORT=1\nDB_PASSWORD=" + s + "\n") }, false},
	{"base64 of JSON", func(s string) string { return b64(`{"a":1,"password":` + quote(s) + `}`) }, false},
	{"base64 of cloud-init", func(s string) string {
		return b64("#cloud-config\nusers:\n- name: app\n  passwd: '" + s + "'\n")
	}, false},
	{"base64 of base64", func(s string) string { return b64(b64("DB_PASSWORD=" + s + "\n")) }, false},
	{"gzip", func(s string) string { return b64(gzipped("#cloud-config\npassword: '" + s + "'\n")) }, false},
	{"URL of URL", func(s string) string {
		return "https://h.example/?next=" + url.QueryEscape("/x?a="+url.QueryEscape("password="+url.QueryEscape(s)+"&b=1"))
	}, false},
	{"JSON in JSON in JSON in JSON", func(s string) string {
		return `{"a":` + quote(`{"b":`+quote(`{"c":`+quote(`{"password":`+quote(s)+`}`)+`}`)+`}`) + `}`
	}, false},
	{"JSON in JSON, cut", func(s string) string { return strings.Trim(quote(quote(`{"password":`+quote(s)+`,"a":1}`)), `"`) }, false},
	{"PEM", func(s string) string {
		return "-----BEGIN RSA PRIVATE KEY-----\n" + s + "\n-----END RSA PRIVATE KEY-----\n"
	}, false},
}

// A source makes a value secret that may then stand anywhere else.
type source struct {
	name  string
	entry func(secret string) string // an element of resource_drift, or members of the plan if it starts with a quote
}

var sources = []source{
	{"mask before", func(s string) string {
		return entry("aws_x.m", `{"v":`+quote(s)+`}`, `{"v":"y"}`, `"before_sensitive":{"v":true}`)
	}},
	{"mask after", func(s string) string {
		return entry("aws_x.m", `{"v":"y"}`, `{"v":`+quote(s)+`}`, `"after_sensitive":{"v":true}`)
	}},
	{"name", func(s string) string { return entry("aws_x.m", `{"master_password":`+quote(s)+`}`, `{}`) }},
	{"name with lines", func(s string) string {
		return entry("aws_x.m", `{"x_secret":`+quote("one line of many\n"+s+"\n")+`}`, `{}`)
	}},
	{"pair", func(s string) string {
		return entry("aws_x.m", `{"env":[{"variable":"API_KEY","value":`+quote(s)+`}]}`, `{}`)
	}},
	{"kind", func(s string) string {
		return entry("k.m", `{"manifest":{"kind":"Secret","data":{"a":"`+b64(s)+`"}}}`, `{}`)
	}},
	{"type", func(s string) string {
		return strings.Replace(entry("kubernetes_secret.m", `{"data":{"a":`+quote(s)+`}}`, `{}`), `"aws_thing"`, `"kubernetes_secret"`, 1)
	}},
	{"user data", func(s string) string {
		return entry("aws_x.m", `{"user_data":`+quote("#!/bin/sh\nexport TOKEN='"+s+"'\n")+`}`, `{}`)
	}},
	{"user data in base64", func(s string) string {
		return entry("aws_x.m", `{"user_data_base64":"`+b64("#!/bin/sh\nPASSWORD='"+s+"'\n")+`"}`, `{}`)
	}},
	{"secret_string", func(s string) string {
		return entry("aws_x.m", `{"secret_string":`+quote(`{"user":"a","password":`+quote(s)+`}`)+`}`, `{}`)
	}},
	{"document", func(s string) string {
		return entry("aws_x.m", `{"note":`+quote(`{"password":`+quote(s)+`}`)+`}`, `{}`)
	}},
	{"arguments", func(s string) string { return entry("aws_x.m", `{"command":["--password",`+quote(s)+`]}`, `{}`) }},
	{"output", func(s string) string {
		return `"output_changes":{"o":{"before":` + quote(s) + `,"after":null,"before_sensitive":true}}`
	}},
	{"variable", func(s string) string {
		return `"variables":{"v":{"value":` + quote(s) + `}},"configuration":{"root_module":{"variables":{"v":{"sensitive":true}}}}`
	}},
	{"prior state", func(s string) string {
		return `"prior_state":{"values":{"root_module":{"resources":[{"address":"r.r","type":"r","mode":"managed","values":{"result":` + quote(s) + `},"sensitive_values":{"result":true}}]}}}`
	}},
}

// encodings are the ways in which a copy is written.
var encodings = []struct {
	name   string
	encode func(string) string
}{
	{"plain", func(s string) string { return "see " + s + " there" }},
	{"base64", b64},
	{"base64, raw", func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) }},
	{"base64, URL", func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) }},
	{"base64, second", func(s string) string { return b64("a" + s + "b") }},
	{"base64, third", func(s string) string { return b64("us" + s) }},
	{"hex", func(s string) string { return hex.EncodeToString([]byte(s)) }},
	{"hex, upper case", func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte("x" + s))) }},
	{"query", func(s string) string { return "https://h.example/?q=" + url.QueryEscape(s) }},
	{"path", func(s string) string { return "https://h.example/" + url.PathEscape(s) + "/x" }},
	{"JSON", func(s string) string { return `{"motd":` + quote(s) + `,"n":1}` }},
	{"JSON twice", func(s string) string { return quote(quote(s)) }},
	{"line of a text", func(s string) string { return "a first line\n  - " + s + "\na last line\n" }},
	{"base64 of base64", func(s string) string { return b64(b64(s)) }},
	{"base64 of a text", func(s string) string { return b64("see " + b64("it is "+s) + " there") }},
	{"URL of URL", func(s string) string { return "https://h.example/?q=" + url.QueryEscape(url.QueryEscape(s)) }},
	{"HTML", func(s string) string { return "<b>" + escaped(s) + "</b>" }},
	{"base64 in JSON", func(s string) string { return `{"a":{"b":"` + b64(s) + `"}}` }},
}

// places are where a text stands in a plan: they make an element of resource_drift.
var places = []struct {
	name  string
	entry func(text string) string
}{
	{"attribute", func(t string) string { return entry("aws_x.open", `{"note":"x"}`, `{"note":`+quote(t)+`}`) }},
	{"the other side", func(t string) string { return entry("aws_x.open", `{"note":`+quote(t)+`}`, `null`) }},
	{"unchanged attribute", func(t string) string {
		return entry("aws_x.open", `{"n":1,"note":`+quote(t)+`}`, `{"n":2,"note":`+quote(t)+`}`)
	}},
	{"list", func(t string) string { return entry("aws_x.open", `{"l":["a"]}`, `{"l":["a",`+quote(t)+`]}`) }},
	{"block", func(t string) string {
		return entry("aws_x.open", `{"b":[{"c":[{"d":"x"}]}]}`, `{"b":[{"c":[{"d":`+quote(t)+`}]}]}`)
	}},
	{"map", func(t string) string { return entry("aws_x.open", `{"tags":{"a":"b"}}`, `{"tags":{"a":`+quote(t)+`}}`) }},
	{"map key", func(t string) string {
		return entry("aws_x.open", `{"m":{"a":1}}`, `{"m":{"a":1,`+quote(t)+`:{"x":1}}}`)
	}},
	{"document", func(t string) string {
		return entry("aws_x.open", `{"doc":"{\"a\":1,\"b\":[\"x\"]}"}`, `{"doc":`+quote(`{"a":2,"b":[`+quote(t)+`]}`)+`}`)
	}},
	{"document's key", func(t string) string {
		return entry("aws_x.open", `{"doc":"{\"a\":1}"}`, `{"doc":`+quote(`{"a":2,`+quote(t)+`:1}`)+`}`)
	}},
	{"region", func(t string) string {
		return entry("aws_x.open", `{"n":1,"region":`+quote(t)+`,"location":`+quote(t)+`}`, `null`)
	}},
	{"index key", func(t string) string { return entry("aws_x.open["+quote(t)+"]", `{"n":1}`, `{"n":2}`) }},
	{"index key of a module", func(t string) string { return entry("module.m["+quote(t)+"].aws_x.open", `{"n":1}`, `{"n":2}`) }},
	{"previous address", func(t string) string {
		return strings.Replace(entry("aws_x.open", `{"n":1}`, `{"n":2}`), `"mode"`, `"previous_address":`+quote("aws_x.old["+quote(t)+"]")+`,"mode"`, 1)
	}},
}

// Cases makes every case. tried counts the dimensions.
func Cases() (all []Case, tried string) {
	for _, secret := range canaries {
		word := !strings.ContainsAny(secret, ` "`)
		for _, s := range shapes {
			if s.word && !word {
				continue
			}
			for _, p := range places {
				all = append(all, Case{fmt.Sprintf("shape %s/%s/%t", s.name, p.name, word), plan(p.entry(s.text(secret))), secret})
			}
		}
		for _, s := range sources {
			for _, p := range places {
				for _, e := range encodings {
					all = append(all, Case{fmt.Sprintf("copy of %s/%s/%s/%t", s.name, p.name, e.name, word), plan(p.entry(e.encode(secret)), s.entry(secret)), secret})
				}
			}
		}
	}
	return all, fmt.Sprintf("tried: %d plans: %d shapes and %d sources × %d places × %d encodings, with %d canaries", len(all), len(shapes), len(sources), len(places), len(encodings), len(canaries))
}

// Texts are texts that give their secret away, by the name of their shape, with that secret.
func Texts() map[string]Case {
	texts := map[string]Case{}
	for _, secret := range canaries {
		word := !strings.ContainsAny(secret, ` "`)
		for _, s := range shapes {
			if word || !s.word {
				texts[fmt.Sprintf("%s/%t", s.name, word)] = Case{s.name, s.text(secret), secret}
			}
		}
	}
	return texts
}

// Traces are what a canary looks like in a text that may be encoded: parts that each encoding keeps.
func Traces(secret string) []string {
	traces := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret)))}
	for skip := range 3 {
		part := secret[skip:]
		part = part[:len(part)/3*3]
		traces = append(traces, base64.StdEncoding.EncodeToString([]byte(part)), base64.URLEncoding.EncodeToString([]byte(part)))
	}
	text := secret
	for range 4 {
		text = quote(text)
		text = text[1 : len(text)-1]
		traces = append(traces, text)
	}
	return append(traces, escaped(secret), escaped(escaped(secret)), url.QueryEscape(url.QueryEscape(secret)), b64(b64(secret)))
}

// Find is the first trace of a canary in a text, or empty.
func Find(text, secret string) string {
	for _, trace := range Traces(secret) {
		if strings.Contains(text, trace) {
			return trace
		}
	}
	return ""
}

func plan(parts ...string) string {
	var entries, members []string
	for _, p := range parts {
		if strings.HasPrefix(p, `"`) {
			members = append(members, ","+p)
		} else {
			entries = append(entries, p)
		}
	}
	return `{"format_version":"1.2","terraform_version":"1.11.4","complete":true,"errored":false,"resource_drift":[` +
		strings.Join(entries, ",") + `]` + strings.Join(members, "") + `}`
}

func entry(address, before, after string, rest ...string) string {
	change := strings.Join(append([]string{`"actions":["update"],"before":` + before, `"after":` + after}, rest...), ",")
	return `{"address":` + quote(address) + `,"mode":"managed","type":"aws_thing","name":"open","provider_name":"registry.terraform.io/hashicorp/aws","change":{` + change + `}}`
}

// quote writes a text as JSON, without the escapes that only HTML needs.
func quote(text string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // A string can always be written.
	return strings.TrimSuffix(b.String(), "\n")
}

func b64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// escaped writes a text as HTML and XML.
func escaped(text string) string { return html.EscapeString(text) }

func gzipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text)) // A buffer takes everything.
	_ = z.Close()
	return b.String()
}
