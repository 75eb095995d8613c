package redact

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"
)

// sensitiveWords are the names whose values are masked: as a whole word of a name, or as neighbouring words joined, in any
// spelling (db_password, apiKey, primary-connection-string, APIKEY). Beside the usual words these are what providers' schemas
// call sensitive.
const sensitiveWords = `
	passwort kennwort pswd senha contrasena motdepasse auths recoverykey
	password passwords passwd passwds pwd passphrase passphrases passcode secret secrets token tokens
	credential credentials creds authorization cookie cookies jwt bearer otp totp htpasswd pgpass netrc
	apikey apikeys privatekey privatekeys accesskey accesskeys secretkey secretkeys authkey authorizationkey accountkey
	sharedkey presharedkey psk signingkey masterkey encryptionkey clientkey appkey applicationkey storagekey servicekey
	functionkey functionskey hostkey workspacekey ingestionkey instrumentationkey validationkey secondarykey sessionkey
	integrationkey routingkey subscriptionkey licensekey writekey hmackey mackey rawkey deploykey keystring
	sas sharedaccesssignature connectionstring connectionstrings connstr dsn
	userdata customdata usermetadata startupscript shutdownscript cloudinit
	kubeconfig kubeadminconfig dockerconfigjson dockerconfig dockercfg protectedsettings
	plaintext securevalue securestring sensitivequery sensitiveenvironment secureenvironment encryptedvalue
	authstring authcode magiccode communitystring snmpcommunity rocommunity rwcommunity webhookurl webhookurls pemfile pfxblob pfx` + providerWords

// providerWords are in the schemas of providers as Sensitive, as of August 2026. Those that say nothing by themselves, such
// as value, are in the plan reader, with the types of their resources.
//
//	azurerm   application_insights_key, *_extension_key, luis_key, primary_readonly_key, service_principal_key,
//	          shared_access_policy_key, default_primary_key, storage_account_primary_key, send_key_value, https_key_base64,
//	          virtual_machine_ssh_key, protected_parameter, trigger_url, update_trigger_endpoint, custom_keys
//	google    rsa_encrypted_key, parameter_data
//	vault     bindpass, client_tls_key, eab_key, pem_bundle, pem_json
//	okta      recovery_answer
//	grafana   metrics_publisher_key
//	aws       key_material_base64, tunnel1_preshared_key, customer_gateway_configuration, cak
const providerWords = `
	insightskey extensionkey extensionconfigkey luiskey readonlykey principalkey policykey defaultprimarykey accountprimarykey sendkeyvalue httpskey machinesshkey
	protectedparameter protectedparameters triggerurl triggerendpoint encryptedkey parameterdata bindpass tlskey eabkey pembundle pemjson
	recoveryanswer publisherkey customkeys
	keymaterial presharedkey customergatewayconfiguration cak`

// endings make a word sensitive that ends with one of them, and a name whose words are not separated: PGPASSWORD, authtoken.
var endings = [...]string{"password", "passwords", "passwd", "secret", "secrets", "token", "apikey", "secretkey", "accesskey", "privatekey", "connectionstring"}

// lastWords are sensitive as the last word only: DB_PASS, but not pass_through.
var lastWords = map[string]bool{"pass": true, "pw": true}

// harmlessNames match the list but hold a setting, or the name of what holds the secret.
var harmlessNames = map[string]bool{
	"httptokens": true, "secretname": true, "secretref": true, "secretkeyref": true, "imagepullsecrets": true, "tokentype": true,
}

// harmlessLast are last words of names that hold a setting of a secret, or say where it is: password_policy, secret_arn.
var harmlessLast = map[string]bool{
	"policy": true, "policies": true, "name": true, "names": true, "arn": true, "arns": true, "type": true, "types": true, "length": true, "count": true,
	"enabled": true, "disabled": true, "version": true, "versions": true, "ttl": true, "expiry": true, "expiration": true, "lifetime": true, "rotation": true,
	"endpoint": true, "path": true, "algorithm": true, "days": true, "age": true, "format": true, "required": true, "mode": true, "status": true,
}

// Names tells sensitive names from others. It is safe for concurrent use.
type Names struct {
	words   map[string]bool
	firsts  [64][32]uint32 // by length and last letter: a bit for each first letter. Most words are not asked further.
	longest int            // bytes of the longest word
	join    int            // how many neighbours a word may consist of
}

// Default has the built-in names.
var Default = NewNames()

// NewNames has the built-in names and more, each of which may have several words: "card number".
func NewNames(more ...string) *Names {
	n := &Names{words: map[string]bool{}, join: 3}
	add := func(name string) {
		spelled, count := "", 0
		for word := range Words(name) {
			spelled += word
			count++
		}
		if spelled != "" {
			n.words[spelled] = true
			first, last := spelled[0]%32, spelled[len(spelled)-1]%32
			n.firsts[len(spelled)%64][last] |= 1 << first
			n.longest, n.join = max(n.longest, len(spelled)), max(n.join, count)
		}
	}
	for word := range strings.FieldsSeq(sensitiveWords) {
		add(word)
	}
	for _, name := range more {
		add(name)
	}
	return n
}

// Sensitive reports whether the value under this name is a secret.
func (n *Names) Sensitive(name string) bool {
	var stack [64]byte
	var room [16]int
	letters, ends := stack[:0], room[:1] // the letters of the words so far, and where each starts
	sensitive := false
	at := 0 // the end of the word that is sensitive
	for i := 0; i <= len(name) && !sensitive; i++ {
		at = i
		if i < len(name) {
			c := name[i]
			if c >= utf8.RuneSelf {
				return n.sensitiveSlow(name)
			}
			lower := 'a' <= c && c <= 'z'
			upper := 'A' <= c && c <= 'Z'
			if lower || upper && (len(letters) == ends[len(ends)-1] || name[i-1] <= 'Z' && (i+1 == len(name) || name[i+1] < 'a' || name[i+1] > 'z')) {
				letters = append(letters, c|0x20)
				continue
			}
			if upper {
				i-- // it starts the next word
			}
		}
		if len(letters) > ends[len(ends)-1] {
			sensitive = n.word(letters, ends)
			if len(ends) == cap(ends) {
				ends = append(ends[:0], ends[len(ends)-n.join:]...)
			}
			ends = append(ends, len(letters))
		}
	}
	if sensitive {
		// What stands on the list of the harmless has few letters.
		return (len(name) > 32 || !harmlessNames[string(appendLetters(nil, name))]) && (at >= len(name) || !harmlessEnd(name[at:]))
	}
	if len(ends) < 2 {
		return false
	}
	last := letters[ends[len(ends)-2]:]
	return len(last) < 5 && lastWords[string(last)]
}

// harmlessEnd reports whether the last word of a name is one of the harmless.
func harmlessEnd(name string) bool {
	for name != "" && !isLetter(rune(name[len(name)-1])) {
		name = name[:len(name)-1]
	}
	start := len(name)
	for start > 0 && isLetter(rune(name[start-1])) {
		start--
		if isUpper(rune(name[start])) && start > 0 && isLower(rune(name[start-1])) {
			break
		}
	}
	var room [16]byte
	return len(name)-start <= len(room) && harmlessLast[string(appendLower(room[:0], name[start:]))]
}

// sensitiveSlow also knows letters that are not ASCII.
func (n *Names) sensitiveSlow(name string) bool {
	var letters []byte
	ends := []int{0}
	for from, to := range wordSpans(name) {
		letters = appendLower(letters, name[from:to])
		if n.word(letters, ends) {
			return true
		}
		ends = append(ends, len(letters))
	}
	return false
}

// word looks at the word that ends letters, alone and with its neighbours before.
func (n *Names) word(letters []byte, starts []int) bool {
	for i := 0; i < n.join && i < len(starts); i++ {
		word := letters[starts[len(starts)-1-i]:]
		length := len(word)
		if length <= n.longest {
			if n.firsts[length%64][word[length-1]%32]&(1<<(word[0]%32)) != 0 && n.words[string(word)] {
				return true
			}
		} else if i > 0 {
			return false
		}
		if i == 0 && length > 5 {
			switch word[length-1] {
			case 'd', 's', 't', 'n', 'y', 'g':
				for _, ending := range endings {
					if length > len(ending) && string(word[length-len(ending):]) == ending {
						return true
					}
				}
			}
		}
	}
	return false
}

func appendLower(b []byte, word string) []byte {
	for i := range len(word) {
		c := word[i]
		if c >= utf8.RuneSelf {
			return append(b, strings.ToLower(word[i:])...)
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// appendLetters writes a name's words without what is between them.
func appendLetters(b []byte, name string) []byte {
	for from, to := range wordSpans(name) {
		b = appendLower(b, name[from:to])
	}
	return b
}

// Words yields the words of a name in lower case.
func Words(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for from, to := range wordSpans(name) {
			if !yield(strings.ToLower(name[from:to])) {
				return
			}
		}
	}
}

// wordSpans yields where the words of a snake_case, camelCase, kebab-case or other name are. A digit ends a word, so that
// password2 is one; an acronym ends before the capital that starts the next word (APIKey: api, key).
func wordSpans(name string) func(func(from, to int) bool) {
	return func(yield func(from, to int) bool) {
		start, prev := 0, rune(0)
		for i := 0; i < len(name); {
			r, size := rune(name[i]), 1
			if r >= utf8.RuneSelf {
				r, size = utf8.DecodeRuneInString(name[i:])
			}
			upper := isUpper(r)
			switch {
			case !isLetter(r):
				if start < i && !yield(start, i) {
					return
				}
				start = i + size
			case upper && start < i && (isLower(prev) || isUpper(prev) && isLower(runeAt(name, i+size))):
				if !yield(start, i) {
					return
				}
				start = i
			}
			prev = r
			i += size
		}
		if start < len(name) {
			yield(start, len(name))
		}
	}
}

func runeAt(s string, i int) rune {
	if i < len(s) && s[i] < utf8.RuneSelf {
		return rune(s[i])
	}
	r, _ := utf8.DecodeRuneInString(s[min(i, len(s)):])
	return r
}

func isUpper(r rune) bool {
	if r < utf8.RuneSelf {
		return 'A' <= r && r <= 'Z'
	}
	return unicode.IsUpper(r)
}

func isLower(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z'
	}
	return unicode.IsLower(r)
}

func isLetter(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r|0x20 && r|0x20 <= 'z'
	}
	return unicode.IsLetter(r)
}

// pairRole is the part that a member plays in a pair such as {name: "DB_PASSWORD", value: "x"}.
type pairRole uint8

const (
	noRole pairRole = iota
	nameRole
	valueRole
)

// pairRoles are the roles of members whose names are, or end with, these words.
var pairRoles = func() map[string]pairRole {
	roles := map[string]pairRole{}
	for role, words := range map[pairRole]string{
		nameRole: `name key variable parameter param setting option header field property attribute env label entry
			parametername parameterkey optionname settingname headername variablename envname fieldname keyname attributename propertyname configkey`,
		valueRole: `value values val default content contents data text string argument raw
			parametervalue optionvalue settingvalue headervalue variablevalue envvalue defaultvalue stringvalue keyvalue propertyvalue fieldvalue attributevalue configvalue`,
	} {
		for word := range strings.FieldsSeq(words) {
			roles[word] = role
		}
	}
	return roles
}()

// shortRoles are the roles of members with exactly these names.
var shortRoles = map[string]pairRole{"id": nameRole, "Id": nameRole, "ID": nameRole, "k": nameRole, "v": valueRole, "K": nameRole, "V": valueRole}

const longestRole = 40 // bytes, with what separates words

// roleOf tells by a member's name, in any spelling, which part of a pair it is.
func roleOf(name string) pairRole {
	if len(name) < 3 {
		return shortRoles[name]
	}
	if len(name) > longestRole {
		return noRole
	}
	var stack [longestRole]byte
	letters := stack[:0]
	last := 0 // where the last word starts
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z':
			letters = append(letters, c)
		case 'A' <= c && c <= 'Z':
			if i > 0 && isLower(rune(name[i-1])) {
				last = len(letters)
			}
			letters = append(letters, c+'a'-'A')
		case c == '_' || c == '-' || c == '.':
			last = len(letters)
		default:
			return noRole
		}
	}
	if role := pairRoles[string(letters[last:])]; role != noRole {
		return role
	}
	return pairRoles[string(letters)]
}

// IsPairName reports whether a member of this name tells what the value beside it is called: name, Key, variable_name.
func IsPairName(name string) bool { return roleOf(name) == nameRole }

// IsPairValue reports whether a member of this name is the value of such a pair.
func IsPairValue(name string) bool { return roleOf(name) == valueRole }

// IsSecretData reports whether a member of this name holds the secrets of a Kubernetes Secret.
func IsSecretData(name string) bool {
	switch name {
	case "data", "stringData", "string_data", "binaryData", "binary_data":
		return true
	}
	return false
}

// Flag is the name that an argument such as --db-password, or the first of a list such as DB_PASSWORD, gives to the one after it;
// empty when it gives none.
func Flag(argument string, first bool) string {
	if first && IsVariable(argument) {
		return argument
	}
	if len(argument) < 4 || len(argument) > 64 || argument[0] != '-' || strings.ContainsAny(argument, "= \n") {
		return ""
	}
	return strings.TrimLeft(argument, "-")
}

// IsVariable reports whether a text is spelled like a variable of the environment, of several words.
func IsVariable(text string) bool {
	if len(text) < 5 || len(text) > 64 || strings.IndexByte(text, '_') < 1 {
		return false
	}
	for i := range len(text) {
		if c := text[i]; c != '_' && !isUpper(rune(c)) && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
