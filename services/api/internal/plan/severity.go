package plan

import (
	"bytes"
	"maps"
	"slices"
	"strings"
)

// severity weighs a change by the contract's defaults: a deletion, an ingress rule newly open to the world and an IAM
// policy are critical, tags alone are info, the rest is a warning. attributes are the top-level ones that differ.
func severity(typ string, actions []string, attributes [][]byte, expected, actual *node) Severity {
	tagsOnly := !slices.ContainsFunc(attributes, func(name []byte) bool { return !tagNames[string(name)] })
	switch {
	case slices.Contains(actions, "delete"):
		return Critical
	case tagsOnly:
		return Info
	case changesPolicy(typ, attributes, expected, actual), opensToWorld(typ, expected, actual):
		return Critical
	}
	return Warning
}

var tagNames = set("tags", "tags_all", "labels", "effective_labels", "terraform_labels")

// changesPolicy reports whether who may do what has changed: the type is about IAM policies, or an attribute of an IAM
// type is, or one that holds a policy document of any type.
func changesPolicy(typ string, attributes [][]byte, expected, actual *node) bool {
	kind := set(slices.Collect(words(typ))...)
	iam := kind["iam"] || kind["role"] && (kind["assignment"] || kind["definition"])
	if iam && (kind["policy"] || kind["binding"] || kind["member"] || kind["role"] && !kind["iam"]) {
		return true
	}
	return slices.ContainsFunc(attributes, func(name []byte) bool {
		w := set(slices.Collect(words(string(name)))...)
		return (w["policy"] || w["policies"]) && (iam || isPolicyDocument(expected.get(name)) || isPolicyDocument(actual.get(name)))
	})
}

func isPolicyDocument(n *node) bool {
	return n.is('"') && bytes.HasPrefix(bytes.TrimSpace(n.text), []byte("{")) && bytes.Contains(n.text, []byte(`"Statement"`))
}

// opensToWorld reports whether the actual state lets in the whole world somewhere that the expected state does not.
func opensToWorld(typ string, expected, actual *node) bool {
	if !admitsWorld(actual) {
		return false
	}
	kind := set(slices.Collect(words(typ))...)
	if kind["egress"] {
		return false
	}
	filter := kind["ingress"] || kind["security"] || kind["firewall"] || kind["acl"]
	before, now := map[string]bool{}, map[string]bool{}
	openings(before, expected, nil, nil, filter)
	openings(now, actual, nil, nil, filter)
	return slices.ContainsFunc(slices.Collect(maps.Keys(now)), func(rule string) bool { return !before[rule] })
}

// admitsWorld reports whether there is a string below n that can mean the whole world. In most resources there is none.
func admitsWorld(n *node) bool {
	return n.is('"') && isWorld(n.text, true) ||
		n != nil && slices.ContainsFunc(n.kids, func(k node) bool { return admitsWorld(&k) })
}

// openings collects the rules at and below n that admit the world. A rule is known by its attribute and the ports of the
// object it stands in, so that neither its place in a list nor its description makes it new.
func openings(found map[string]bool, n, rule *node, attribute []byte, filter bool) {
	if n == nil {
		return
	}
	switch n.kind {
	case '"':
		if filter && isWorld(n.text, bytes.Contains(attribute, []byte("source_address"))) {
			found[string(appendPorts(append(bytes.Clone(attribute), ' '), rule))] = true
		}
	case '[':
		for i := range n.kids {
			openings(found, &n.kids[i], rule, attribute, filter)
		}
	case '{':
		if outbound(n) {
			return
		}
		for i := range n.kids {
			k := &n.kids[i]
			name := set(slices.Collect(words(string(k.name)))...)
			if name["egress"] || name["outbound"] || name["destination"] || tagNames[string(k.name)] {
				continue
			}
			below := filter || name["ingress"] || name["inbound"] || name["public"] && name["cidrs"]
			openings(found, k, n, k.name, below)
		}
	default: // nothing else is an address
	}
}

// isWorld reports whether text means every address. Azure's rules also have words for it.
func isWorld(text []byte, words bool) bool {
	switch string(text) {
	case "0.0.0.0/0", "::/0":
		return true
	case "*", "Internet":
		return words
	}
	return false
}

// outbound reports whether a rule says of itself that it is not about letting in.
func outbound(rule *node) bool {
	for _, name := range [...]string{"type", "direction", "access", "action", "rule_action"} {
		if v := rule.field(name); v.is('"') {
			switch strings.ToLower(string(v.text)) {
			case "egress", "outbound", "out", "deny", "block":
				return true
			}
		}
	}
	egress := rule.field("egress") // of aws_network_acl_rule
	return egress.is('t')
}

// appendPorts writes what a rule says about ports and protocols.
func appendPorts(b []byte, rule *node) []byte {
	for i := range rule.len() {
		k := &rule.kids[i]
		name := set(slices.Collect(words(string(k.name)))...)
		if name["port"] || name["ports"] || name["protocol"] || name["allow"] {
			b = append(b, k.name...)
			b = append(b, '=')
			b = k.appendCanonical(b)
		}
	}
	return b
}
