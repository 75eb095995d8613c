package plan

import (
	"slices"
	"strings"
)

// provider shortens a provider's source address to its last two parts: registry.terraform.io/hashicorp/aws, or
// provider["registry.terraform.io/hashicorp/aws"].region, becomes hashicorp/aws.
func provider(source string) string {
	if _, quoted, ok := strings.Cut(source, `provider["`); ok {
		source, _, _ = strings.Cut(quoted, `"]`)
	}
	parts := strings.Split(source, "/")
	return strings.Join(parts[max(0, len(parts)-2):], "/")
}

// region is where a resource is, as far as its attributes tell. A masked attribute does not.
func region(n *node, masks cover) string {
	text := func(name string) string {
		if k := n.field(name); k.is('"') && !masks.member([]byte(name)).hides(k) {
			return string(k.text)
		}
		return ""
	}
	if r := text("region"); isRegion(r) {
		return r
	}
	if arn := text("arn"); strings.HasPrefix(arn, "arn:") {
		if parts := strings.SplitN(arn, ":", 5); len(parts) == 5 && isRegion(parts[3]) {
			return parts[3]
		}
	}
	for _, zone := range [...]string{"availability_zone", "zone"} {
		if r := zoneRegion(text(zone)); isRegion(r) {
			return r
		}
	}
	if r := text("location"); isRegion(r) {
		return r
	}
	return ""
}

// zoneRegion takes the zone off: us-east-1a and us-central1-a are in us-east-1 and us-central1.
func zoneRegion(zone string) string {
	n := len(zone)
	if n < 3 || zone[n-1] < 'a' || zone[n-1] > 'z' {
		return zone
	}
	digit := func(c byte) bool { return '0' <= c && c <= '9' }
	switch {
	case digit(zone[n-2]):
		return zone[:n-1]
	case zone[n-2] == '-' && digit(zone[n-3]):
		return zone[:n-2]
	}
	return zone
}

// regionWords are those of which the names of regions are made.
var regionWords = [...]string{"africa", "asia", "austral", "brazil", "canada", "central", "chile", "east", "europe", "france", "germany", "india", "indonesia",
	"israel", "italy", "japan", "korea", "malaysia", "mexico", "north", "norway", "poland", "qatar", "south", "spain", "sweden", "switzerland", "uae", "west"}

// isPlace reports whether a region has the name of a place. Only such a one is shown although a secret has the same text.
func isPlace(region string) bool {
	region = strings.ToLower(region)
	return len(region) <= 24 && slices.ContainsFunc(regionWords[:], func(place string) bool { return strings.Contains(region, place) })
}

// isRegion accepts what clouds call a region: words and numbers joined by dashes or spaces.
func isRegion(s string) bool {
	if len(s) < 2 || len(s) > 32 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c != '-' && c != ' ' && (c < '0' || c > '9')) {
			return false
		}
	}
	return true
}
