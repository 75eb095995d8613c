package plan

import "bytes"

// secretPrefixes start tokens that their issuers made recognisable, each followed by at least 16 more characters. The
// shortest whole token is longer than shapeFloor.
var secretPrefixes = [][]byte{
	[]byte("AKIA"), []byte("ASIA"), // AWS access keys
	[]byte("ghp_"), []byte("gho_"), []byte("ghs_"), []byte("ghu_"), []byte("ghr_"), []byte("github_pat_"),
	[]byte("glpat-"), []byte("xoxb-"), []byte("xoxp-"), []byte("xoxa-"), []byte("sk_live_"), []byte("rk_live_"),
	[]byte("AIza"), []byte("hvs."), []byte("dop_v1_"), []byte("npm_"),
	[]byte("eyJ"), // a JWT: base64 of {"
}

const shapeFloor = 20

// looksSecret is the last line of defence: it knows a few shapes of credentials that stand in a string which nothing else
// marks. Most strings are too short to be asked.
func looksSecret(text []byte) bool {
	if _, rest, ok := bytes.Cut(text, []byte("://")); ok && urlPassword(rest) {
		return true
	}
	if len(text) < shapeFloor {
		return false
	}
	if bytes.Contains(text, []byte("-----BEGIN ")) && bytes.Contains(text, []byte("PRIVATE KEY")) {
		return true
	}
	for _, prefix := range secretPrefixes {
		for from := 0; ; {
			i := bytes.Index(text[from:], prefix)
			if i < 0 {
				break
			}
			start := from + i
			from = start + len(prefix)
			if (start == 0 || !tokenByte(text[start-1])) && tokenLike(prefix, text[from:]) {
				return true
			}
		}
	}
	return false
}

// tokenLike reports whether what follows the prefix can be the rest of a token. A JWT also has its two dots.
func tokenLike(prefix, rest []byte) bool {
	n, dots := 0, 0
	for n < len(rest) && (tokenByte(rest[n]) || rest[n] == '.') {
		if rest[n] == '.' {
			dots++
		}
		n++
	}
	return n >= 16 && (string(prefix) != "eyJ" || dots >= 2)
}

func tokenByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}

// urlPassword reports whether what follows "://" has user:password@ before the host.
func urlPassword(rest []byte) bool {
	if end := bytes.IndexAny(rest, "/?# \t\r\n\""); end >= 0 {
		rest = rest[:end]
	}
	userinfo, _, ok := bytes.Cut(rest, []byte("@"))
	_, password, hasPassword := bytes.Cut(userinfo, []byte(":"))
	return ok && hasPassword && len(password) > 0
}
