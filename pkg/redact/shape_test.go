package redact

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"
)

// secret is what the texts of these tests have in them. It has no digit and no sign, as a word of a sentence.
const secret = "swordfishes"

// spokenTexts have the secret after its name, without a sign or in a sentence.
var spokenTexts = []string{
	"password: swordfishes", "the new password: swordfishes, sorry", "agreed. Password is swordfishes", "the password is: swordfishes.",
	"password is now swordfishes", "the root password was swordfishes until today", "its password has been rotated, pwd=p@ss,swordfishes! x=1", "passwd=a;b,swordfishes",
	"I set the password to swordfishes", "token: swordfishes", "the token is swordfishes", "the API key is swordfishes", "passphrase is correct horse swordfishes staple",
	"the db_password is 'swordfishes'", "secret: 'one two swordfishes'", "(password swordfishes1)", "use token swordfishes_1 for it", "db.password: swordfishes",
	"ALTER USER app IDENTIFIED BY 'swordfishes';", "create user app identified by \"swordfishes\"", "CREATE USER app IDENTIFIED BY swordfishes",
	"CREATE USER a IDENTIFIED WITH caching_sha2_password BY 'swordfishes' REQUIRE SSL", "IDENTIFIED BY PASSWORD '*swordfishes'", "IDENTIFIED BY 'it''s swordfishes'",
	"CREATE ROLE app WITH LOGIN ENCRYPTED PASSWORD 'swordfishes' VALID UNTIL 'infinity'", "alter role app password E'swordfishes'", "ALTER ROLE a PASSWORD $$swordfishes$$",
	"SET PASSWORD FOR 'app'@'%' = 'swordfishes'", "SET PASSWORD = PASSWORD('swordfishes')", "CREATE LOGIN a WITH PASSWORD = N'swordfishes', CHECK_POLICY = ON",
	"requirepass swordfishes", "port 6379\nmasterauth swordfishes\n", "sentinel auth-pass mymaster swordfishes\nport 1\n", "CONFIG SET requirepass swordfishes",
	"machine h login u password swordfishes", "proxy_set_header X-Auth-Token swordfishes;", "fastcgi_param DB_PASSWORD swordfishes;", "ENV DB_PASSWORD swordfishes",
	"global\n  tls_password swordfishes\n", "aws configure set aws_secret_access_key swordfishes --profile x", "rootpw swordfishes", "**Password:** swordfishes", "**token**: swordfishes",
	"the admin password should be swordfishes", "the new db password will be swordfishes", "password -> swordfishes", "the password of bob is swordfishes", "Password for root: swordfishes", "password (old): swordfishes",
	"api key for stripe is swordfishes.", "API key: swordfishes", "PASSWORD ?= swordfishes", "| name | value |\n| password | swordfishes |\n", "SELECT crypt('swordfishes', gen_salt('bf'))", "enable secret swordfishes", "username bob privilege 15 secret swordfishes",
	"ConvertTo-SecureString -String \"swordfishes\" -AsPlainText", "cmdkey /add:h /pass:swordfishes", "Passwort: swordfishes",
	"app:$2y$10$swordfishesswordfishes", "root:$6$salt$swordfishesswordfishes:1::", "$argon2id$v=19$m=1,t=2$c2FsdA$swordfishes",
}

// settingTexts assign it in the words of a programming or configuration language, over several lines.
var settingTexts = []string{
	"[db]\npassword = \"swordfishes\"\n", "db {\n  password = \"swordfishes\"\n}", "x = 1\npassword := \"swordfishes\"\n", "a: 1\n:password => \"swordfishes\",\n",
	"x\nDB_PASSWORD ?= \"swordfishes\"\n", "x\npassword ||= \"swordfishes\"\n", "if x\npassword != \"swordfishes\"\n", "x\npassword == 'swordfishes'\n", "[a]\npassword = \"\"\"\nswordfishes\n\"\"\"\n",
	"db.password=\\\n  swordfishes\n", "DB_PASSWORD=$(cat <<EOF\nswordfishes\nEOF\n)\n", "a {\n  password = <<-EOT\n    swordfishes\n  EOT\n}\n",
	"authorization=basic swordfishes==", "x\nAuthorization = Bearer swordfishes=\ny\n",
	"define('DB_PASSWORD', 'swordfishes');", "[Environment]::SetEnvironmentVariable(\"DB_PASSWORD\",\"swordfishes\",\"Machine\")", "os.environ.setdefault(\"API_TOKEN\", \"swordfishes\")",
	"System.setProperty(\"db.password\", \"swordfishes\");", "enable secret 5 swordfishes", "username bob password 0 swordfishes", "username bob password 7 1swordfishes", "x\nneighbor 10.0.0.1 password 7 1swordfishes\n",
}

// toolTexts have it as an argument of a program.
var toolTexts = []string{
	"echo root:swordfishes | chpasswd", "chpasswd <<< 'root:swordfishes'",
	"curl --user bob:swordfishes https://x", "mysqldump -u root -p'swordfishes' db", "mysqldump -u root -p\"swordfishes\" db", "mongo -u x -p swordfishes", "zip -P swordfishes x.zip x", "az login -u x -p swordfishes",
	"jdbc:oracle:thin:bob/swordfishes@//h:1521/x", "sqlplus bob/swordfishes@h", "u:swordfishes@tcp(h:3306)/db", "consul kv put db/password swordfishes", "gh secret set API_KEY --body swordfishes",
	"npm config set //r/:_authToken swordfishes",
}

// markupTexts have it in XML or HTML.
var markupTexts = []string{
	"<password>swordfishes</password>", "<c:db><c:password enc=\"no\">\n swordfishes\n</c:password></c:db>", "<db password=\"swordfishes\" user='a'/>", "<db password='swordfishes'/>",
	"<add key=\"DbPassword\" value=\"swordfishes\"/>", "<add value='swordfishes' key='Api.Key' />", "<setting name=\"Password\"><value>swordfishes</value></setting>",
	"<property><name>fs.s3a.secret.key</name><value>swordfishes</value></property>", "<property><value>swordfishes</value><name>db.password</name></property>",
	"<property name=\"password\">swordfishes</property>", "<token><![CDATA[swordfishes]]></token>", "<dict><key>apiToken</key><string>swordfishes</string></dict>",
	"<secrets><a>x</a><b><c>swordfishes</c></b></secrets>", "<password>swordfishes", "<?xml version=\"1.0\"?>\n<!-- x -->\n<server><id>a</id><password>swordfishes</password></server>",
	"see <br> <input name=\"password\" value=\"swordfishes\">",
}

// pairTexts have it as the value of a pair.
var pairTexts = []string{
	`[{"ParameterKey":"DBPassword","ParameterValue":"swordfishes"}]`, `{"OptionName":"DB_PASSWORD","Value":"swordfishes","Namespace":"x"}`, `{"Key":"api_key","Value":"swordfishes"}`,
	`{"setting":"db.password","val":"swordfishes"}`, `{"VARIABLE":"API_TOKEN","Content":"swordfishes"}`, `{"a":{"b":[{"settingName":"Secret","settingValue":"swordfishes"}]}}`,
	`{"option_name":"password","option_value":"swordfishes"}`, `{"attribute":"password","data":"swordfishes"}`, `{"EnvironmentVariableName":"DB_PASSWORD","EnvironmentVariableValue":"swordfishes"}`,
	`{"label":"Password","text":"swordfishes"}`, `{"configKey":"password","configValue":{"x":["swordfishes"]}}`, "env:\n- setting: password\n  content: swordfishes\n", "{param: password, argument: swordfishes}",
	`{"id":"db_password","value":"swordfishes"}`, `{"k":"password","v":"swordfishes"}`, `{"auths":{"r.example":{"auth":"swordfishes"}}}`, `[["DB_PASSWORD","swordfishes"],["x","y"]]`, `{"key":"password","type":"string","raw":"swordfishes"}`,
	`{"Entry":{"Key":"DB_PASSWORD","Value":"swordfishes"}}`,
}

// encodings write a text in another way.
var encodings = map[string]func(string) string{
	"plain":       func(s string) string { return s },
	"HTML":        html.EscapeString,
	"HTML, twice": func(s string) string { return html.EscapeString(html.EscapeString(s)) },
	"HTML, digits": func(s string) string {
		return strings.NewReplacer(`"`, "&#x22;", "=", "&#61;", ":", "&#58;", "<", "&#60;").Replace(s)
	},
	"URL":         url.QueryEscape,
	"URL, path":   func(s string) string { return "https://h.example/x?q=" + url.PathEscape(s) },
	"URL, twice":  func(s string) string { return url.PathEscape(url.PathEscape(s)) },
	"URL, thrice": func(s string) string { return url.PathEscape(url.PathEscape(url.PathEscape(s))) },
	"JSON":        quotedJSON,
	"JSON, twice": func(s string) string { return quotedJSON(quotedJSON(s)) },
	"JSON, thrice": func(s string) string {
		return `{"a":` + quotedJSON(`{"b":`+quotedJSON(`{"c":`+quotedJSON(s)+`}`)+`}`) + `}`
	},
	"JSON, cut":    func(s string) string { q := quotedJSON(quotedJSON(quotedJSON(s))); return "got " + q[1:len(q)-1] },
	"base64":       b64,
	"base64 after": func(s string) string { return "content: " + b64(s) + "\nx: y\n" },
	"base64, URL":  func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	"base64 twice": func(s string) string { return b64(b64(s)) },
	"base64 lines": func(s string) string { return lines(b64("#cloud-config\npackages: [nginx, curl, git]\n" + s + "\n")) },
	"base64 JSON":  func(s string) string { return b64(`{"a":` + quotedJSON(s) + `}`) },
	"base64 UTF16": func(s string) string { return "powershell -enc " + b64(wide(s)) },
	"gzip":         func(s string) string { return b64(zipped("#cloud-config\n" + s + "\n")) },
	"URL in HTML":  func(s string) string { return html.EscapeString(url.PathEscape(s)) },
	"JSON of HTML": func(s string) string { return quotedJSON(html.EscapeString(s)) },
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func quotedJSON(s string) string { b, _ := json.Marshal(s); return string(b) }

func lines(s string) string {
	var b strings.Builder
	for len(s) > 76 {
		b.WriteString(s[:76] + "\n")
		s = s[76:]
	}
	return b.String() + s + "\n"
}

func wide(s string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(s)) {
		b.WriteByte(byte(u))
		b.WriteByte(byte(u >> 8))
	}
	return b.String()
}

func zipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.String()
}

// decoded are what a text may be taken for by someone who looks for the secret.
func decoded(text string) string {
	all := text
	for range 6 {
		var next strings.Builder
		plain, err := url.PathUnescape(text)
		if err != nil {
			plain = text
		}
		plain = Unescape(html.UnescapeString(plain))
		for _, word := range strings.FieldsFunc(strings.ReplaceAll(plain, "\n", ""), func(r rune) bool { return strings.ContainsRune(" ,;:\"'<>[]{}()&?", r) }) {
			plain := AppendBase64(nil, word, len(word))
			if z, err := gzip.NewReader(strings.NewReader(string(plain))); err == nil {
				var b strings.Builder
				for room := make([]byte, 1000); ; {
					n, err := z.Read(room)
					b.Write(room[:n])
					if err != nil {
						break
					}
				}
				plain = []byte(b.String())
			}
			fmt.Fprintln(&next, strings.ReplaceAll(string(plain), "\x00", ""))
		}
		text = plain + "\n" + next.String()
		all += text
		if len(all) > 1<<20 {
			break
		}
	}
	return all
}

// TestText_shapes_in_every_encoding: however a text is encoded that gives a secret away, the secret shows nowhere, and a second pass
// changes nothing.
//
// Mutations: each layer left out; base64 of gzip, of UTF-16 and in lines left out; no spoken names; no XML; a pair's word left out.
func TestText_shapes_in_every_encoding(t *testing.T) {
	tried, failed := 0, 0
	for kind, texts := range map[string][]string{"spoken": spokenTexts, "settings": settingTexts, "tools": toolTexts, "markup": markupTexts, "pairs": pairTexts} {
		for _, text := range texts {
			for name, encode := range encodings {
				if kind == "tools" && name == "URL" { // Blanks as plus signs alone are none to a shell.
					continue
				}
				tried++
				in := encode(text)
				got := Text(in)
				again := Text(got)
				if strings.Contains(decoded(got), secret) || again != got {
					failed++
					if name == "plain" || failed < 20 {
						t.Errorf("%s in %s: %s\n of %s\nagain %s", kind, name, got, in, again)
					}
				}
			}
		}
	}
	t.Logf("tried: %d texts: %d shapes × %d encodings, %d failed", tried, len(spokenTexts)+len(settingTexts)+len(toolTexts)+len(markupTexts)+len(pairTexts), len(encodings), failed)
}

// readable must stay as they are.
var readable = []string{
	"the password is required", "password is too short", "the password must have 12 characters", "invalid password: user not found", "parse token: unexpected EOF",
	"The token is expired", "a token to access the bucket", "the secret is managed by another team", "rotated the password yesterday",
	"password policy", "password reset", "Secrets Manager", "token bucket", "Secret store", "set -euo pipefail", "password authentication failed for user", "pass through",
	"key name", "the key is in the vault", "the access key is rotated every week", "changed the password to comply with the policy", "by the way", "is identified by its ARN",
	"arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/db-AbCdEf", "arn:aws:iam::123456789012:role/service-role/token-exchange", "ami-0c55b159cbfafe1f0",
	"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "0af7651916cd43dd8448eb211c80319c", "d41d8cd98f00b204e9800998ecf8427e",
	"projects/my-project-1234/locations/europe-west1/keyRings/ring/cryptoKeys/key", "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv",
	`{"password_policy":{"minimum_length":8,"require_symbols":true}}`, `{"secret_name":"prod/db","key_name":"deploy"}`, "use <token> for x and <password> for y", "login <user> <password> [options]",
	"https://example.com/a%20b?x=1%2F2", "100% sure, 50%20", "<b>bold</b> &amp; <i>x</i>", "&lt;b&gt;bold&lt;/b&gt;", `C:\Users\new\table`, `\d+\.\w+`, "a && b || c; echo $HOME $1 $2",
	"cost: $1, $2 and $5 each", "<name>app</name><value>1</value>", "<add key=\"Timeout\" value=\"30\"/>", `{"name":"PORT","content":"8080"}`, `{"setting":"timeout","val":"30"}`,
	b64("just a plain text without anything"), b64(`{"a":1,"b":["c","d"]}`), "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQDZ user@host", "vpc-0123456789abcdef0 subnet-0fedcba9876543210",
	"MIIDXTCCAkWgAwIBAgIJAJC1HiIAZAiIMA0GCSqGSIb3DQEBBQUAMEUxCzAJBgNV", "correct-horse-battery-staple", "select * from t where token_type = $1", "%d items of %s at %08x",
	"token_endpoint https://example.com/token", "the secret of success", "with the secret, we can go on", "passwords are hashed with bcrypt", "the password will be rotated", "the token will expire", "credentials file", "see the token docs",
	"a secret is found in a text", "the token is spent.", "an instance key that is secret is shown as its hash", "| current password | nowhere |", "| a guessed API key | 192 random bits |",
	"| Guessing passwords | limits by address |", "the least length of a key: 256 bits", "the token of the session expires", "get token for bob: unexpected EOF", "[\"DB_PASSWORD\",\"DB_HOST\"]",
}

// TestText_stays_readable: masking too much is a fault, too. Mutation: describes that is always false.
func TestText_stays_readable(t *testing.T) {
	for _, text := range readable {
		for _, prose := range []bool{false, true} {
			if got := Apply(text, Find(text, &Options{Prose: prose})); got != text {
				t.Errorf("%s (prose %t) becomes %s", text, prose, got)
			}
		}
	}
}
