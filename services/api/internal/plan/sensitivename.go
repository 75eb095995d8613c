package plan

import (
	"hash/maphash"
	"iter"
	"unsafe"

	"github.com/driftsentry/driftsentry/pkg/redact"
)

func set(words ...string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}
	return m
}

func words(name string) iter.Seq[string] { return redact.Words(name) }

// view is text as a string, without a copy. It must not outlive text.
func view(text []byte) string {
	return unsafe.String(unsafe.SliceData(text), len(text)) //nolint:gosec // G103: a copy of each string of a plan would cost as much as reading it
}

// bytesOf is a text as bytes, without a copy. They must not be changed.
func bytesOf(text string) []byte {
	return unsafe.Slice(unsafe.StringData(text), len(text)) //nolint:gosec // G103: see view
}

// nameKind is what a member's name tells about its value, or about its neighbour's.
type nameKind uint8

const (
	nameSensitive nameKind = 1 << iota
	namePairName           // of a pair such as {name: "DB_PASSWORD", value: …}
	namePairValue
	nameSecretData // if the object is a Kubernetes Secret
	nameOfKind
	nameKnown // the name has been looked at
)

// names remembers what names mean: a plan has few names, each a thousand times. It knows a name by its hash, and forgets one
// when another needs the place, so that names that the user makes up cost no memory.
type names struct {
	seed  maphash.Seed
	known [1 << 10]struct {
		hash uint64
		kind nameKind
	}
}

func newNames() *names { return &names{seed: maphash.MakeSeed()} }

func (m *names) kind(name []byte) nameKind {
	hash := maphash.Bytes(m.seed, name)
	known := &m.known[hash%uint64(len(m.known))]
	if known.hash != hash || known.kind == 0 {
		known.hash, known.kind = hash, kindOf(view(name))|nameKnown
	}
	return known.kind
}

// of is the kind of a member, which is looked up once.
func (m *names) of(n *node) nameKind {
	if n.means == 0 {
		n.means = m.kind(n.name)
	}
	return n.means
}

func kindOf(name string) (k nameKind) {
	for _, is := range [...]struct {
		so   bool
		kind nameKind
	}{
		{redact.Default.Sensitive(name), nameSensitive}, {redact.IsPairName(name), namePairName}, {redact.IsPairValue(name), namePairValue},
		{redact.IsSecretData(name), nameSecretData}, {name == "kind", nameOfKind},
	} {
		if is.so {
			k |= is.kind
		}
	}
	return k
}

func (m *names) sensitive(name []byte) bool { return m.kind(name)&nameSensitive != 0 }

// within is which members of an object are secret, by the two values that the object has: the value of a pair with a
// sensitive name, and the data of a Kubernetes Secret.
func (m *names) within(a, b *node) nameKind {
	secret := nameSensitive
	for _, n := range [...]*node{a, b} {
		if !n.is('{') {
			continue
		}
		for i := range n.kids {
			k := &n.kids[i]
			if k.kind != '"' {
				continue
			}
			kind := m.of(k)
			if kind&namePairName != 0 && m.sensitive(k.text) {
				secret |= namePairValue
			}
			if kind&nameOfKind != 0 && string(k.text) == "Secret" {
				secret |= nameSecretData
			}
		}
	}
	return secret
}

// flagged reports whether the i-th element of a list is the value of the flag before it, "--db-password", "x", or the second one of the
// variable that is the first, "DB_PASSWORD", "x".
func (m *names) flagged(a, b *node, i int) bool {
	for _, n := range [...]*node{a, b} {
		if !n.is('[') || n.every || i == 0 || i > len(n.kids) {
			continue
		}
		before := &n.kids[i-1]
		if before.kind != '"' || len(before.text) <= 3 || before.text[0] != '-' && i > 1 {
			continue
		}
		flag := redact.Flag(view(before.text), i == 1)
		names := before.text[0] != '-' && i < len(n.kids) && redact.IsVariable(view(n.kids[i].text))
		if flag != "" && !names && m.sensitive([]byte(flag)) {
			return true
		}
	}
	return false
}

// secretAttributes are those that hold secrets by what the resource is, whatever they are called and marked.
var secretAttributes = map[string][]string{
	"kubernetes_secret": {"data", "binary_data", "string_data"}, "kubernetes_secret_v1": {"data", "binary_data", "string_data"},
	"kubernetes_secret_v1_data":                  {"data"},
	"azurerm_key_vault_secret":                   {"value"},
	"aws_secretsmanager_secret_version":          {"secret_string", "secret_binary"},
	"vault_generic_secret":                       {"data_json", "data"},
	"vault_kv_secret":                            {"data_json", "data"},
	"vault_kv_secret_v2":                         {"data_json", "data"},
	"github_actions_secret":                      {"value", "plaintext_value"},
	"github_actions_organization_secret":         {"value", "plaintext_value"},
	"github_actions_environment_secret":          {"value", "plaintext_value"},
	"github_dependabot_secret":                   {"value", "plaintext_value"},
	"google_secret_manager_secret_version":       {"secret_data"},
	"google_parameter_manager_parameter_version": {"parameter_data"},
	"random_password":                            {"result", "bcrypt_hash"},
	"doppler_secret":                             {"value", "computed"},
	"cloudflare_workers_secret":                  {"secret_text"},
	"digitalocean_database_user":                 {"password", "access_key"},

	// Sensitive in the schemas of August 2026, under names that say nothing elsewhere.
	"azurerm_api_management_named_value":                           {"value"},
	"azurerm_api_management_certificate":                           {"data"},
	"azurerm_automation_certificate":                               {"base64"},
	"azurerm_automation_webhook":                                   {"uri"},
	"azurerm_bot_channel_directline":                               {"key", "key2"},
	"azurerm_key_vault_certificate":                                {"certificate"},
	"azurerm_maps_account":                                         {"primary_access_key", "secondary_access_key"},
	"azurerm_cosmosdb_account":                                     {"primary_key", "secondary_key"},
	"azurerm_search_service":                                       {"primary_key", "secondary_key", "query_keys"},
	"azurerm_eventgrid_topic":                                      {"primary_access_key", "secondary_access_key"},
	"aws_ssm_parameter":                                            {"value"},
	"aws_api_gateway_api_key":                                      {"value"},
	"aws_appsync_api_key":                                          {"key"},
	"aws_iam_access_key":                                           {"secret", "ses_smtp_password_v4"},
	"google_compute_backend_bucket_signed_url_key":                 {"key_value"},
	"google_compute_backend_service_signed_url_key":                {"key_value"},
	"google_composer_user_workloads_secret":                        {"data"},
	"google_service_account_key":                                   {"private_key"},
	"google_storage_hmac_key":                                      {"secret"},
	"datadog_api_key":                                              {"key"},
	"datadog_application_key":                                      {"key"},
	"datadog_synthetics_private_location":                          {"config"},
	"datadog_integration_microsoft_teams_workflows_webhook_handle": {"url"},
	"grafana_cloud_stack_service_account_token":                    {"key"},
	"grafana_service_account_token":                                {"key"},
	"grafana_contact_point":                                        {"settings"},
	"okta_user_factor_question":                                    {"answer"},
	"vault_generic_endpoint":                                       {"data_json", "write_data"},
}

// byKind adds the mask of what a resource of this type keeps secret.
func (c cover) byKind(typ string) cover {
	attributes := secretAttributes[typ]
	if attributes == nil {
		return c
	}
	mask := node{kind: '{'}
	for _, name := range attributes {
		mask.kids = append(mask.kids, node{kind: 't', name: []byte(name)})
	}
	sortKids(mask.kids)
	return append(c, &mask)
}
