package process

import (
	"net/http"
	"net/netip"
	"strings"
)

// forwarded writes what proxies say about the client in the one form that the middleware after it reads: addresses in
// X-Forwarded-For. Azure's gateways add ports there, others send Forwarded (RFC 7239) instead, which counts only without
// X-Forwarded-For. An entry that can't be read stays, and ends the search for the client at the proxy that sent it.
func forwarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		const header = "X-Forwarded-For"
		if values := r.Header[header]; len(values) > 0 {
			for i, value := range values {
				if strings.ContainsAny(value, `:"`) {
					values[i] = plainAddresses(strings.Split(value, ","))
				}
			}
		} else if values := r.Header["Forwarded"]; len(values) > 0 {
			r.Header[header] = []string{plainAddresses(forwardedFor(strings.Join(values, ",")))}
		}
		next.ServeHTTP(w, r)
	})
}

// plainAddresses is the list of addresses without ports, brackets and quotes.
func plainAddresses(entries []string) string {
	for i, entry := range entries {
		entry = strings.Trim(strings.TrimSpace(entry), `"`)
		if address, err := netip.ParseAddrPort(entry); err == nil {
			entry = address.Addr().String()
		} else if inner, ok := strings.CutPrefix(entry, "["); ok {
			entry = strings.TrimSuffix(inner, "]")
		}
		entries[i] = entry
	}
	return strings.Join(entries, ", ")
}

// forwardedFor are the values of "for" in a Forwarded header, one for each proxy; "unknown" stands for one without.
func forwardedFor(value string) []string {
	var clients []string
	for _, element := range splitUnquoted(value, ',') {
		client := "unknown"
		for _, pair := range splitUnquoted(element, ';') {
			if name, value, ok := strings.Cut(pair, "="); ok && strings.EqualFold(strings.TrimSpace(name), "for") {
				client = value
			}
		}
		clients = append(clients, client)
	}
	return clients
}

// splitUnquoted splits at a separator that is not within quotes.
func splitUnquoted(s string, separator byte) []string {
	var parts []string
	start, quoted := 0, false
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == separator && !quoted:
			parts, start = append(parts, s[start:i]), i+1
		}
	}
	return append(parts, s[start:])
}
