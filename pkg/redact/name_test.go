package redact

import (
	"slices"
	"strings"
	"testing"
)

// Mutations: no joined neighbours, no endings, no last words, no harmless names.
func TestNames_Sensitive(t *testing.T) {
	n := NewNames("pin", "card number one")
	for name, want := range map[string]bool{
		"password": true, "db_password": true, "dbPassword": true, "DB_PASSWORD": true, "db-password": true, "password2": true,
		"master.password": true, "passwordless": false, "compass_word": false, "PGPASSWORD": true, "authtoken": true, "clientsecret": true,
		"passwd": true, "secret": true, "client_secret": true, "secretary": false, "secretsmanager": false, "DB_PASS": true, "pass_through": false,
		"token": true, "authToken": true, "tokenizer": false, "http_tokens": false, "httpTokens": false, "refresh_tokens": true,
		"apikey": true, "api_key": true, "apiKey": true, "APIKey": true, "APIKEY": true, "x-api-key": true, "api": false, "key": false, "key_api": false,
		"private_key": true, "tls_private_key_pem": true, "privateKey": true, "private_ip": false, "primary_key": false,
		"user_data": true, "user_data_base64": true, "userData": true, "userdata": true, "username": false, "data_user": false,
		"connection_string": true, "primaryConnectionString": true, "connection": false, "access_key": true, "kubeconfig": true,
		"kube_admin_config_raw": true, "metadata_startup_script": true, "shared_access_signature": true, "webhook_url": true,
		"secretName": false, "secret_key_ref": false, "secret_value": true, "sas_url": true, "sassy": false,
		"pin": true, "card.pin": true, "spin": false, "cardNumberOne": true, "a_b_c_card_number_one": true, "card_number": false,
		"": false, "_": false, "пароль": false, "passwörd": false,
		strings.Repeat("a_", 300) + "password": true, strings.Repeat("a", 300): false,
	} {
		if got := n.Sensitive(name); got != want {
			t.Errorf("%q: got %t", name, got)
		}
	}
}

func TestWords(t *testing.T) {
	for name, want := range map[string]string{
		"snake_case": "snake case", "camelCase": "camel case", "kebab-case": "kebab case", "APIKeyID": "api key id",
		"a1b2": "a b", "HTTPServer": "http server", "ÄpfelBaum": "äpfel baum", "__x__": "x", "": "", "a.b/c:d e": "a b c d e",
	} {
		if got := strings.Join(slices.Collect(Words(name)), " "); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func TestRoles(t *testing.T) {
	for name, want := range map[string]pairRole{
		"name": nameRole, "Key": nameRole, "VARIABLE_NAME": nameRole, "parameterKey": nameRole, "names": noRole, "": noRole,
		"value": valueRole, "ParameterValue": valueRole, "value from": noRole, "valueFrom": noRole,
	} {
		if got := roleOf(name); got != want {
			t.Errorf("%q: got %d", name, got)
		}
	}
}

func BenchmarkNames_Sensitive(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Default.Sensitive("vpc_security_group_ids")
	}
}
