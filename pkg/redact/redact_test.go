package redact

import (
	"strings"
	"testing"
)

const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLXNpZw"

var texts = map[string]struct{ in, want string }{
	"bearer":                  {"Authorization: Bearer abcdefgh12", "Authorization: Bearer [redacted]"},
	"bearer, lower case":      {"sent bearer abcdefgh12.", "sent bearer [redacted]"},
	"bearer, upper case":      {"BEARER abcdefgh12", "BEARER [redacted]"},
	"basic":                   {"sent Basic dXNlcjpwYXNzd29yZA== to", "sent Basic [redacted] to"},
	"basic prose":             {"Basic authentication", "Basic authentication"},
	"JWT":                     {"got " + jwt + " here", "got [redacted] here"},
	"JWT in a word":           {"x" + jwt, "x[redacted]"},
	"JWT cut short":           {"got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0", "got [redacted]"},
	"half a JWT":              {"eyJhbGciOiJIUzI1NiJ9 alone", "eyJhbGciOiJIUzI1NiJ9 alone"},
	"URL":                     {"dial postgres://app:hunter2@db:5432/x failed", "dial postgres://app:[redacted]@db:5432/x failed"},
	"URL, @ in the password":  {"postgres://app:hun@ter2@db/x", "postgres://app:[redacted]@db/x"},
	"URL, / in the password":  {"postgres://app:hun/ter2@db/x", "postgres://app:[redacted]@db/x"},
	"URL without user":        {"redis://:hunter2@cache", "redis://:[redacted]@cache"},
	"URL, token for a user":   {"https://0123456789abcdef0123456789abcdef@git.example/x", "https://[redacted]@git.example/x"},
	"URL with a port":         {"http://localhost:3001/users/a@b.c", "http://localhost:3001/users/a@b.c"},
	"URL with a colon":        {"https://example.com/a:b@c", "https://example.com/a:b@c"},
	"URL with IPv6":           {"http://[::1]:80/a@b", "http://[::1]:80/a@b"},
	"URL before a pair":       {"jdbc:sqlserver://h:1433;databaseName=d;user=u;password=hunter2;", "jdbc:sqlserver://h:1433;databaseName=d;user=u;password=[redacted];"},
	"URL before a key":        {"Endpoint=https://acme.service.signalr.net;AccessKey=hunter2;Version=1.0;", "Endpoint=https://acme.service.signalr.net;AccessKey=[redacted];Version=1.0;"},
	"URL before a token":      {"API_URL=https://x;API_TOKEN=hunter2", "API_URL=https://x;API_TOKEN=[redacted]"},
	"URL before account key":  {"AccountEndpoint=https://x;AccountKey=ab+/c==;", "AccountEndpoint=https://x;AccountKey=[redacted];"},
	"URL before a comma":      {"https://x.example.com,password=hunter2", "https://x.example.com,password=[redacted]"},
	"URL, @ in a user":        {"jdbc:sqlserver://h:1433;user=u@h;password=hunter2", "jdbc:sqlserver://h:[redacted]@h;password=[redacted]"},
	"URL, @ in a pair":        {"jdbc:sqlserver://h;a:b=c;password=hun@ter2;x=1", "jdbc:sqlserver://h;a:[redacted];x=1"},
	"URL, / and @ in a pair":  {"jdbc:sqlserver://h:a;b=/;password=hun@ter2;x=1", "jdbc:sqlserver://h:[redacted];x=1"},
	"query":                   {"GET /x?a=1&access_token=hunter2&b=2", "GET /x?a=1&access_token=[redacted]&b=2"},
	"SAS":                     {"https://x.blob.core.windows.net/c?sv=1&sig=ab%2Bcd&se=2", "https://x.blob.core.windows.net/c?sv=1&sig=[redacted]&se=2"},
	"presigned":               {"https://b.s3.amazonaws.com/k?X-Amz-Signature=0f0f&X-Amz-Date=1", "https://b.s3.amazonaws.com/k?X-Amz-Signature=[redacted]&X-Amz-Date=1"},
	"Slack":                   {"to https://hooks.slack.com/services/T0/B0/abc now", "to https://hooks.slack.com/services/[redacted] now"},
	"Discord":                 {"https://discord.com/api/webhooks/1/abc-DEF", "https://discord.com/api/webhooks/[redacted]"},
	"Teams":                   {"https://acme.webhook.office.com/webhookb2/a@b/IncomingWebhook/c/d", "https://acme.webhook.office.com/webhookb2/[redacted]"},
	"another's webhook":       {"https://chat.example/hooks/abcdefgh0123456789", "https://chat.example/hooks/[redacted]"},
	"no webhook":              {"https://ci.example/webhooks/github", "https://ci.example/webhooks/github"},
	"DSN of words":            {"host=db user=app password=hunter2 dbname=x", "host=db user=app password=[redacted] dbname=x"},
	"DSN, quoted":             {"password='hun ter2' user=app", "password='[redacted]' user=app"},
	"connection string":       {"Server=tcp:db,1433;User ID=sa;Password=hun ter&2;Encrypt=true", "Server=tcp:db,1433;User ID=sa;Password=[redacted];Encrypt=true"},
	"connection string first": {"Password=hun ter2;Server=x", "Password=[redacted];Server=x"},
	"account key":             {"DefaultEndpointsProtocol=https;AccountName=a;AccountKey=ab+/c==;EndpointSuffix=x", "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=[redacted];EndpointSuffix=x"},
	"service bus":             {"Endpoint=sb://x/;SharedAccessKeyName=Root;SharedAccessKey=abc=", "Endpoint=sb://x/;SharedAccessKeyName=Root;SharedAccessKey=[redacted]"},
	"shared access key":       {"Shared Access Key=abc;x=1", "Shared Access Key=[redacted];x=1"},
	"flag":                    {"app --db-password=hunter2 --port=1", "app --db-password=[redacted] --port=1"},
	"flag, apart":             {"app --db-password hunter2 --port 1", "app --db-password [redacted] --port 1"},
	"flag, quoted":            {"app --token 'hunter 2' x", "app --token '[redacted]' x"},
	"flag without value":      {"app --password --port 1", "app --password --port 1"},
	"flag in prose":           {"the flag --password is required", "the flag --password is required"},
	"mysql":                   {"mysql -uroot -phunter2 db", "mysql -uroot -p[redacted] db"},
	"a harmless -p":           {"mkdir -p /var/lib && cp -pr a b", "mkdir -p /var/lib && cp -pr a b"},
	"curl":                    {"curl -u bob:hunter2 https://x", "curl -u bob:[redacted] https://x"},
	"sshpass":                 {"sshpass -p hunter2 ssh x", "sshpass -p [redacted] ssh x"},
	"header":                  {`curl -H "X-Api-Key: hunter two" x`, `curl -H "X-Api-Key: [redacted]" x`},
	"header, authorization":   {`curl -H 'Authorization: token hunter' x`, `curl -H 'Authorization: token [redacted]' x`},
	"JSON":                    {`{"user":"a","password":"hun \"ter2"}`, `{"user":"a","password":"[redacted]"}`},
	"JSON in a sentence":      {`got {"user":"a","password":"x"} from b`, `got {"user":"a","password":"[redacted]"} from b`},
	"JSON in JSON":            {`{\"password\": \"hunter2\"}`, `{\"password\": \"[redacted]\"}`},
	"JSON in JSON, whole":     {`{"a":"{\"password\":\"hunter2\",\"b\":1}"}`, `{"a":"{\"password\":\"[redacted]\",\"b\":1}"}`},
	"JSON number":             {`{"pin":1,"token":1234,"on":true}`, `{"pin":1,"token":"[redacted]","on":true}`},
	"JSON cut short":          {`{"user":"a","password":"hunter2`, `{"user":"a","password":"[redacted]`},
	"JSON below a name":       {`{"secrets":{"a":["x",{"b":"y"}]}}`, `{"secrets":{"a":["[redacted]",{"b":"[redacted]"}]}}`},
	"pair":                    {`[{"name":"DB_PASSWORD","value":"x"},{"name":"PORT","value":"1"}]`, `[{"name":"DB_PASSWORD","value":"[redacted]"},{"name":"PORT","value":"1"}]`},
	"pair, the value first":   {`[{"Value":{"a":["x"]},"Key":"api_key"}]`, `[{"Value":{"a":["[redacted]"]},"Key":"api_key"}]`},
	"pair, cut short":         {`[{"variable":"DB_PASSWORD","value":"x","y":`, `[{"variable":"DB_PASSWORD","value":"[redacted]","y":`},
	"flag in a list":          {`["app","--db-password","x","--port","1"]`, `["app","--db-password","[redacted]","--port","1"]`},
	"Secret":                  {`{"data":{"a":"eA=="},"kind":"Secret","metadata":{"name":"n"}}`, `{"data":{"a":"[redacted]"},"kind":"Secret","metadata":{"name":"n"}}`},
	"no Secret":               {`{"data":{"a":"eA=="},"kind":"ConfigMap"}`, `{"data":{"a":"eA=="},"kind":"ConfigMap"}`},
	"Secret in a list":        {`{"kind":"List","items":[{"stringData":{"a":"x"},"kind":"Secret"}]}`, `{"kind":"List","items":[{"stringData":{"a":"[redacted]"},"kind":"Secret"}]}`},
	"YAML":                    {"db:\n  user: app\n  password: hun ter2\nport: 1\n", "db:\n  user: app\n  password: [redacted]\nport: 1\n"},
	"YAML, quoted":            {"a: 1\napiKey: \"x y\"\n", "a: 1\napiKey: \"[redacted]\"\n"},
	"YAML, below":             {"secrets:\n  a: x\n  b:\n  - y\nport: 1\n", "secrets:\n  a: [redacted]\n  b:\n  - [redacted]\nport: 1\n"},
	"YAML, list at the key":   {"tokens:\n- abc\n- def\nport: 1\n", "tokens:\n- [redacted]\n- [redacted]\nport: 1\n"},
	"YAML, literal":           {"password: |\n  one: two\n  three\nport: 1\n", "password: |\n  [redacted]\n  [redacted]\nport: 1\n"},
	"YAML pair":               {"env:\n- name: DB_PASSWORD\n  value: x\n- name: PORT\n  value: 1\n", "env:\n- name: DB_PASSWORD\n  value: [redacted]\n- name: PORT\n  value: 1\n"},
	"YAML Secret":             {"kind: Secret\nmetadata:\n  name: n\ndata:\n  a: eA==\n  b: |\n    one\n", "kind: Secret\nmetadata:\n  name: n\ndata:\n  a: [redacted]\n  b: |\n    [redacted]\n"},
	"YAML Secret's file":      {"stringData:\n  a: |\n    one: two\n    x: y\nkind: Secret\n", "stringData:\n  a: |\n    [redacted]\n    [redacted]\nkind: Secret\n"},
	"YAML ConfigMap's file":   {"data:\n  a: |\n    one: two\n    password: y\nkind: ConfigMap\n", "data:\n  a: |\n    one: two\n    password: [redacted]\nkind: ConfigMap\n"},
	"YAML below, texts":       {"secrets:\n  a: |\n    one: two\n  b: x\nc: z\n", "secrets:\n  a: |\n    [redacted]\n  b: [redacted]\nc: z\n"},
	"YAML in a message":       {"do it: secrets:\n  a:\n  - x1\nport: 1\n", "do it: secrets:\n  a:\n  - [redacted]\nport: 1\n"},
	"YAML Secret in a reason": {"agreed, since kind: Secret \nstringData: \n  a: x1\n", "agreed, since kind: Secret \nstringData: \n  a: [redacted]\n"},
	"YAML before a script":    {"tokens:\n- abc\nx: 1\nexport API_KEY=foo\n", "tokens:\n- [redacted]\nx: 1\nexport API_KEY=[redacted]\n"},
	"YAML, two documents":     {"data:\n  a: x\n---\nkind: Secret\nstringData:\n  b: y\n", "data:\n  a: x\n---\nkind: Secret\nstringData:\n  b: [redacted]\n"},
	"YAML flow":               {"db: {user: app, password: hunter2}\nb: 1", "db: {user: app, password: [redacted]}\nb: 1"},
	"YAML flow, letters":      {"{user: bob, password: correcthorsebattery}", "{user: bob, password: [redacted]}"},
	"YAML flow, quoted":       {"{user: bob, password: 'P@ss,word;1', x: 1}", "{user: bob, password: '[redacted]', x: 1}"},
	"YAML flow pair":          {"env:\n- {name: DB_PASSWORD, value: x}\n- {name: PORT, value: 1}\n", "env:\n- {name: DB_PASSWORD, value: [redacted]}\n- {name: PORT, value: 1}\n"},
	"YAML flow pair, listed":  {"env: [{value: \"x, y\", name: DB_PASSWORD}]", "env: [{value: \"[redacted]\", name: DB_PASSWORD}]"},
	"YAML flow pair, number":  {"{name: DB_PASSWORD, value: 12}", "{name: DB_PASSWORD, value: [redacted]}"},
	"YAML flow pair, a part":  {"{a: ${b, c}, name: DB_PASSWORD, value: x{y,z}}", "{a: ${b, c}, name: DB_PASSWORD, value: [redacted]}"},
	"YAML flow, half JSON":    {`{"name": DB_PASSWORD, "value": x}`, `{"name": DB_PASSWORD, "value": [redacted]}`},
	"YAML flow Secret":        {"{kind: Secret, stringData: {foo: x, bar: [y]}}", "{kind: Secret, stringData: {foo: [redacted], bar: [[redacted]]}}"},
	"YAML flow after another": {"{a: b {name: DB_PASSWORD, value: x}", "{a: b {name: DB_PASSWORD, value: [redacted]}"},
	"YAML flow, below a name": {"{b: y, secrets: {a: x, c: [y, {d: z}]}}", "{b: y, secrets: {a: [redacted], c: [[redacted], {d: [redacted]}]}}"},
	"YAML flow, literals":     {"{password: null, secret: ~, token: *a}", "{password: null, secret: ~, token: *a}"},
	"dotenv":                  {"PORT=1\nDB_PASSWORD=hun ter&2\nexport API_KEY=\"a b\"\nX=2\n", "PORT=1\nDB_PASSWORD=[redacted]\nexport API_KEY=\"[redacted]\"\nX=2\n"},
	"ini":                     {"[db]\nuser = app\npassword = hun ter2\n", "[db]\nuser = app\npassword = [redacted]\n"},
	"HCL":                     {"x = 1\ntokens = [\"a\", \"b\"]\n", "x = 1\ntokens = [redacted]\n"},
	"private key":             {"x -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- y", "x [redacted] y"},
	"private key, cut short":  {"-----BEGIN PRIVATE KEY-----\nMIIE", "[redacted]"},
	"a certificate":           {"-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----"},
	"several":                 {"password=a token=b", "password=[redacted] token=[redacted]"},
	"AWS":                     {"key AKIAIOSFODNN7EXAMPLE.", "key [redacted]."},
	"AWS pair":                {"AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "[redacted]:[redacted]"},
	"GitHub":                  {"ghp_0123456789abcdef0123456789abcdef0123", "[redacted]"},
	"a prefix alone":          {"AKIA is a prefix of keys", "AKIA is a prefix of keys"},
	"a prefix in a word":      {"MAKIAIOSFODNN7EXAMPLE", "MAKIAIOSFODNN7EXAMPLE"},

	"prose":              {"read token: unexpected EOF", "read token: unexpected EOF"},
	"prose on bearers":   {"Bearer token is missing", "Bearer token is missing"},
	"prose with a value": {"the new password: hunter2, sorry", "the new password: [redacted], sorry"},
	"SQL":                {"select * from t where a = $1", "select * from t where a = $1"},
	"trace ID and time":  {"0af7651916cd43dd8448eb211c80319c 12:30:00", "0af7651916cd43dd8448eb211c80319c 12:30:00"},
	"ARN of a secret":    {"arn:aws:secretsmanager:eu-central-1:1:secret:prod/db-AbCdEf", "arn:aws:secretsmanager:eu-central-1:1:secret:prod/db-AbCdEf"},
	"empty value":        {"password=", "password="},
	"a policy":           {`{"Statement":[{"Action":["s3:GetObject"],"Effect":"Allow","Resource":"*"}]}`, `{"Statement":[{"Action":["s3:GetObject"],"Effect":"Allow","Resource":"*"}]}`},
}

// Mutations: each reader (url, assignment, header, json, yaml, dash, run) that finds nothing; no pairs, no kinds, no flags in lists;
// findings that are not put in order.
func TestText(t *testing.T) {
	for name, tt := range texts {
		t.Run(name, func(t *testing.T) {
			got := Text(tt.in)
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if again := Text(got); again != got {
				t.Errorf("a second pass makes %s of %s", again, got)
			}
		})
	}
}

// Mutation: a text that is too deep is read like any text.
func TestText_masks_documents_that_are_too_deep(t *testing.T) {
	text := `{"password":"hunter2"}`
	for depth := range 10 {
		text = `{"a":"` + escape(text) + `"}`
		if got := Text(text); strings.Contains(got, "hunter2") || Text(got) != got {
			t.Errorf("%d deep: %s", depth+1, got)
		}
	}
}

func TestFind_tells_what_it_found(t *testing.T) {
	var found []string
	o := Options{
		Found: func(secret string) { found = append(found, secret) },
		Also:  func(text string) bool { return text == "a copy" },
	}
	got := Apply(`x`, nil) + Apply(`{"a":"a copy","b":"{\"password\":\"hun\\\"ter2\"}"}`, Find(`{"a":"a copy","b":"{\"password\":\"hun\\\"ter2\"}"}`, &o))
	if got != `x{"a":"[redacted]","b":"{\"password\":\"[redacted]\"}"}` || strings.Join(found, " ") != `a copy hun\"ter2 hun"ter2` {
		t.Errorf("%s %q", got, found)
	}
}

func FuzzText(f *testing.F) {
	for _, tt := range texts {
		f.Add(tt.in)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := Text("password=hunter2-" + "x " + s); strings.Contains(got, "hunter2") && !strings.Contains(s, "hunter2") {
			t.Errorf("%q kept the password", got)
		}
		last := 0
		for _, found := range Find(s, &Options{}) {
			if found.From < last || found.To <= found.From || found.To > len(s) {
				t.Fatalf("%+v", found)
			}
			last = found.To
		}
	})
}
