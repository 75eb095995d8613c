package plan

import (
	"bytes"
	"hash/maphash"
	"net/netip"
	"slices"
	"strings"
)

// severity weighs a change by the contract's defaults: a deletion, what is newly open to the world, and an IAM policy are
// critical; tags alone, another order alone, and defaults that the provider filled in are info; the rest is a warning.
func (c *comparer) severity(e *entry, planned string, expected, actual *node) Severity {
	switch {
	case slices.Contains(e.actions, "delete"):
		return Critical
	case c.onlyOrder, c.onlyTags:
		return Info
	case changesPolicy(e.typ, c.attributes, expected, actual), c.opensToWorld(e.typ, expected, actual), exposes(expected, actual):
		return Critical
	case c.onlyDefaults && planned == "no-op" && expected != nil:
		return Info
	}
	return Warning
}

// labelled says which names only label a resource of a type, besides those that do for all.
type labelled struct{ autoscaling, annotated, kubernetes, choosingTags, choosingLabels bool }

func labels(typ string) labelled {
	starts := func(prefix string) bool { return strings.HasPrefix(typ, prefix) }
	return labelled{
		autoscaling:    strings.Contains(typ, "autoscaling"),
		annotated:      strings.Contains(typ, "namespace") || starts("google_") && !starts("google_cloud_run_"),
		kubernetes:     starts("kubernetes_"),
		choosingTags:   slices.ContainsFunc(choosingTags, starts),
		choosingLabels: slices.ContainsFunc(choosingLabels, starts),
	}
}

// By the tags or the labels of these types, rules elsewhere choose what they apply to: a firewall, an access list, a scheduler, a
// proxy, the security of pods. So they are settings.
var (
	// Network tags and tags for conditions at Google, whose labels are labels; devices and droplets of a firewall; services.
	choosingTags = []string{"google_", "digitalocean_", "tailscale_", "zerotier_", "panos_", "consul_"}
	// Selectors of hcloud's firewalls and of proxies; nodes, pods and namespaces of Kubernetes, and what makes pods. A manifest
	// may be any of them. The labels of a cluster at Google are its resource_labels.
	choosingLabels = []string{
		"hcloud_", "docker_", "google_container_", "aws_eks_node_group",
		"kubernetes_namespace", "kubernetes_labels", "kubernetes_manifest", "kubernetes_pod", "kubernetes_deployment", "kubernetes_stateful",
		"kubernetes_daemon", "kubernetes_replication", "kubernetes_job", "kubernetes_cron_job",
	}
)

// isTag reports whether what stands under this name only labels the resource.
func (l labelled) isTag(name []byte) bool {
	switch string(name) {
	case "tag": // blocks of an autoscaling group; elsewhere it may be an image's
		return l.autoscaling
	case "tags":
		return !l.choosingTags
	case "labels":
		return !l.choosingLabels
	case "annotations", "effective_annotations": // On a service or an ingress they are settings, as on those of Cloud Run.
		return l.annotated
	case "resource_version", "generation": // of the metadata that the labels are in
		return l.kubernetes
	}
	return tagNames[string(name)]
}

var tagNames = set("tags", "tags_all", "labels", "effective_labels", "terraform_labels", "label_fingerprint", "user_labels",
	"resource_labels", "volume_tags", "default_labels", "freeform_tags", "defined_tags", "system_tags")

// guards are attributes that keep the public out while they are true.
var guards = set("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")

// exposures are attributes that let the public in when they are true.
var exposures = set("publicly_accessible", "public_network_access_enabled", "allow_nested_items_to_be_public",
	"allow_blob_public_access", "public_access_enabled", "endpoint_public_access", "anonymous_pull_enabled")

// publicNames are the words for everyone, in access lists and in policies that are no documents.
var publicNames = set("public-read", "public-read-write", "authenticated-read", "allUsers", "allAuthenticatedUsers",
	"http://acs.amazonaws.com/groups/global/AllUsers", "http://acs.amazonaws.com/groups/global/AuthenticatedUsers")

// publicWords are those that let everyone in as the value of one attribute alone.
var publicWords = map[string]map[string]bool{
	"container_access_type": set("blob", "container"),
	"authorization_type":    set("NONE"), // of a function's URL
	"shared_accounts":       set("all"),
	"group":                 set("all"), // of a launch permission
}

// exposes reports whether the actual state lets the public in by a switch or a word in more places than the expected one.
func exposes(expected, actual *node) bool {
	return exposed(actual, nil) > exposed(expected, nil)
}

// exposed counts the places at and below n that let the public in.
func exposed(n *node, name []byte) int {
	if n == nil {
		return 0
	}
	count := 0
	switch n.kind {
	case 't':
		if exposures[string(name)] {
			count++
		}
		if guards[string(name)] {
			count--
		}
	case '"':
		switch {
		case publicNames[string(n.text)], string(n.text) == "*" && (string(name) == "principal" || string(name) == "principals"),
			string(n.text) == "inherited" && string(name) == "public_access_prevention",
			publicWords[string(name)][string(n.text)]:
			count++
		}
	case '[':
		for i := range n.kids {
			count += exposed(&n.kids[i], name)
		}
	case '{':
		if from, to := n.field("start_ip_address"), n.field("end_ip_address"); from.is('"') && to.is('"') &&
			string(from.text) == "0.0.0.0" && string(to.text) == "255.255.255.255" {
			count++
		}
		for i := range n.kids {
			count += exposed(&n.kids[i], n.kids[i].name)
		}
	default:
	}
	return count
}

// changesPolicy reports whether who may do what has changed: the type is about IAM policies, or an attribute of an IAM
// type is, or one that holds a policy document of any type.
func changesPolicy(typ string, attributes [][]byte, expected, actual *node) bool {
	kind := set(slices.Collect(words(typ))...)
	iam := kind["iam"] || kind["role"] && (kind["assignment"] || kind["definition"])
	if iam && (kind["policy"] || kind["binding"] || kind["member"] || kind["role"] && !kind["iam"]) {
		return true
	}
	return slices.ContainsFunc(attributes, func(name []byte) bool {
		w := wordsOf(name)
		return w&aboutPolicy != 0 && (iam || isPolicyDocument(expected.get(name)) || isPolicyDocument(actual.get(name)))
	})
}

func isPolicyDocument(n *node) bool {
	return n.is('"') && bytes.HasPrefix(bytes.TrimSpace(n.text), []byte("{")) && bytes.Contains(n.text, []byte(`"Statement"`))
}

// opensToWorld reports whether the actual state lets in the whole world somewhere that the expected state does not.
func (m *meaning) opensToWorld(typ string, expected, actual *node) bool {
	if !admitsWorld(actual) {
		return false
	}
	kind := set(slices.Collect(words(typ))...)
	if kind["egress"] {
		return false
	}
	filter := kind["ingress"] || kind["security"] || kind["secgroup"] || kind["firewall"] || kind["acl"]
	before, now := openings{m, map[opening]bool{}}, openings{m, map[opening]bool{}}
	before.find(expected, 0, nil, filter)
	now.find(actual, 0, nil, filter)
	for rule := range now.found {
		if !before.found[rule] {
			return true
		}
	}
	return false
}

// admitsWorld reports whether there is a string below n that can mean the whole world. In most resources there is none.
func admitsWorld(n *node) bool {
	if n.is('"') && isWorld(n.text, true) {
		return true
	}
	for i := range n.len() {
		if admitsWorld(&n.kids[i]) {
			return true
		}
	}
	return false
}

// openings are the rules that admit the world. A rule is known by its attribute and the ports of the object it stands in,
// so that neither its place in a list nor its description makes it new.
type openings struct {
	*meaning
	found map[opening]bool
}

type opening struct{ attribute, ports uint64 }

// find collects the rules at and below n. ports is the sum of those of the object it stands in.
func (o openings) find(n *node, ports uint64, attribute []byte, filter bool) {
	if n == nil {
		return
	}
	switch n.kind {
	case '"':
		if filter && isWorld(n.text, bytes.Contains(attribute, []byte("source_address"))) {
			o.found[opening{maphash.Bytes(o.seed, attribute), ports}] = true
		}
	case '[':
		for i := range n.kids {
			o.find(&n.kids[i], ports, attribute, filter)
		}
	case '{':
		if outbound(n) {
			return
		}
		ports := o.ports(n)
		for i := range n.kids {
			k := &n.kids[i]
			if k.kind != '"' && k.kind != '[' && k.kind != '{' {
				continue
			}
			w := wordsOf(k.name)
			if w&aboutOutbound != 0 || tagNames[string(k.name)] {
				continue
			}
			below := filter || w&aboutInbound != 0 || w&aboutPublic != 0 && w&aboutCIDRs != 0
			o.find(k, ports, k.name, below)
		}
	default: // nothing else is an address
	}
}

// isWorld reports whether text means every address. Azure's rules also have words for it.
func isWorld(text []byte, words bool) bool {
	switch string(text) {
	case "*", "Internet", "Any":
		return words
	}
	// Half of all addresses are enough: rules that allow both halves allow the world.
	if slash := len(text) - len("/0"); slash < len("::") || slash > len("0000:0000:0000:0000:0000:0000:0000:0000") || text[slash] != '/' || text[slash+1] > '1' {
		return false
	}
	prefix, err := netip.ParsePrefix(string(text))
	return err == nil && prefix.Bits() <= 1
}

// outbound reports whether a rule says of itself that it does not let in.
func outbound(rule *node) bool {
	for _, name := range [...]string{"type", "direction", "access", "action", "rule_action"} {
		if v := rule.field(name); v.is('"') {
			switch strings.ToLower(string(v.text)) {
			case "egress", "outbound", "out", "deny", "block":
				return true
			}
		}
	}
	egress, disabled := rule.field("egress"), rule.field("disabled") // of aws_network_acl_rule; of a firewall's rule
	return egress.is('t') || disabled.is('t')
}

// ports is the sum of what a rule says about ports and protocols.
func (m *meaning) ports(rule *node) uint64 {
	h := m.seeds[0]
	for i := range rule.kids {
		k := &rule.kids[i]
		if wordsOf(k.name)&aboutPorts != 0 {
			h = m.mix(m.mix(h, maphash.Bytes(m.seed, k.name)), m.sum(k, false))
		}
	}
	return h
}

// about is what the words of an attribute's name say.
type about uint8

const (
	aboutPolicy about = 1 << iota
	aboutOutbound
	aboutInbound
	aboutPublic
	aboutCIDRs
	aboutPorts
)

func wordsOf(name []byte) (says about) {
	for word := range words(view(name)) {
		switch word {
		case "policy", "policies":
			says |= aboutPolicy
		case "egress", "outbound", "destination":
			says |= aboutOutbound
		case "ingress", "inbound", "authorized":
			says |= aboutInbound
		case "public":
			says |= aboutPublic
		case "cidrs":
			says |= aboutCIDRs
		case "port", "ports", "protocol", "allow":
			says |= aboutPorts
		}
	}
	return says
}
