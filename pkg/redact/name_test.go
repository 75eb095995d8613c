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

// TestNames_Sensitive_of_providers: what the schemas of providers call sensitive is, and settings of secrets are not. Mutations: no
// words of providers; no harmless last words; a word of one's own that ends with one.
func TestNames_Sensitive_of_providers(t *testing.T) {
	n := NewNames("customer name")
	for name := range strings.FieldsSeq(`application_insights_key blobs_extension_key event_grid_extension_config_key signalr_extension_key luis_key
		primary_readonly_key service_principal_key shared_access_policy_key default_primary_key storage_account_primary_key send_key_value https_key_base64
		virtual_machine_ssh_key protected_parameter trigger_url update_trigger_endpoint rsa_encrypted_key parameter_data rendered_parameter_data bindpass
		client_tls_key eab_key pem_bundle pem_json recovery_answer metrics_publisher_key custom_keys key_material_base64 tunnel1_preshared_key
		customer_gateway_configuration cak customer_name secret_name_password snmp_community WEBSITE_CONTENTAZUREFILECONNECTIONSTRING ses_smtp_password_v4 secret_id`) {
		if !n.Sensitive(name) {
			t.Errorf("%s is not sensitive", name)
		}
	}
	for name := range strings.FieldsSeq(`password_policy PasswordPolicy secret_name SharedAccessKeyName token_endpoint secret_arn credentials_path token_ttl password_length
		secretVersion access_key_name passwordExpiry token_type_2 key_name primary_key public_key key_id kms_key_id client_certificate tenant_id username community bgp_community`) {
		if n.Sensitive(name) {
			t.Errorf("%s is sensitive", name)
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
		"OptionName": nameRole, "setting": nameRole, "SETTING_KEY": nameRole, "val": valueRole, "content": valueRole, "myOptionValue": valueRole, "hostname": noRole, "id": nameRole,
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
