package plan

import (
	"slices"
	"strings"
	"testing"
)

func TestSensitiveName(t *testing.T) {
	for name, want := range map[string]bool{
		"password": true, "db_password": true, "dbPassword": true, "DB_PASSWORD": true, "db-password": true, "password2": true,
		"master.password": true, "passwordless": false, "compass_word": false,
		"passwd": true, "secret": true, "client_secret": true, "secretary": false, "secretsmanager": false,
		"token": true, "authToken": true, "tokenizer": false, "http_tokens": false, "refresh_tokens": true,
		"apikey": true, "api_key": true, "apiKey": true, "APIKey": true, "APIKEY": true, "x-api-key": true, "api": false, "key": false, "key_api": false,
		"private_key": true, "tls_private_key_pem": true, "privateKey": true, "private_ip": false, "primary_key": false,
		"user_data": true, "user_data_base64": true, "userData": true, "userdata": true, "username": false, "data_user": false,
		"connection_string": true, "primaryConnectionString": true, "connection": false, "access_key": true, "kubeconfig": true,
		"": false, "_": false, "пароль": false, "passwörd": false,
	} {
		if got := sensitiveName(name); got != want {
			t.Errorf("%q: got %t", name, got)
		}
	}
}

func TestWords(t *testing.T) {
	for name, want := range map[string]string{
		"snake_case": "snake case", "camelCase": "camel case", "kebab-case": "kebab case", "APIKeyID": "api key id",
		"a1b2": "a b", "HTTPServer": "http server", "ÄpfelBaum": "äpfel baum", "__x__": "x", "": "", "a.b/c:d e": "a b c d e",
	} {
		if got := strings.Join(slices.Collect(words(name)), " "); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func TestNames_do_not_grow_without_bound(t *testing.T) {
	m := names{}
	for i := range 1 << 15 {
		m.sensitive([]byte(strings.Repeat("x", i%200) + string(rune('a'+i%26)) + string(rune(0x4e00+i%20000))))
	}
	if len(m) > 1<<14 || !m.sensitive([]byte("token")) {
		t.Errorf("%d names", len(m))
	}
}
