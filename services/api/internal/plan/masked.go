package plan

import (
	"bytes"
	"hash/maphash"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/driftsentry/driftsentry/pkg/redact"
)

// minSecret is the length in characters from which a masked string is looked for elsewhere. Shorter ones ("prod", "5432")
// would mask half of every plan.
const minSecret = 8

// secretPrefix is how many bytes of a masked string are looked for. Who shows that much of a secret has shown too much.
const secretPrefix = 512

// minPart is the length in bytes from which a part of a masked string is looked for.
const minPart = 16

// minDocument is the length in bytes from which a string is looked into for what it has inside.
const minDocument = 12

// secrets collects what is masked: by the plan's masks, by names, by kinds and by shapes. It ends in an index.
type secrets struct {
	texts map[string]struct{}
	size  int // bytes, roughly what they take in memory

	documents int // strings that were looked into as documents
	work      int // bytes that were read of texts inside of strings

	seed   maphash.Seed
	seen   map[uint64]struct{} // of the masked strings that were added
	looked map[uint64]struct{} // of the strings that were looked into; bounded
	inside redact.Options      // looks into a string that is not masked
	parts  redact.Options      // looks into one that is
}

func newSecrets() *secrets {
	s := &secrets{
		texts: map[string]struct{}{}, seed: maphash.MakeSeed(), seen: map[uint64]struct{}{}, looked: map[uint64]struct{}{},
	}
	s.inside.Found, s.inside.Work, s.parts.Work = s.found, &s.work, &s.work
	s.parts.Found = s.found
	s.parts.Also = func(text string) bool {
		s.part(text)
		return false
	}
	return s
}

// add remembers a masked string, and what of it may stand elsewhere without the rest: the lines of a text, the secrets and
// long strings of a document, what base64 hides.
func (s *secrets) add(text []byte) {
	text = bytes.TrimSpace(text)
	if len(text) < minSecret {
		return
	}
	hash := maphash.Bytes(s.seed, text)
	if _, ok := s.seen[hash]; ok {
		return
	}
	s.seen[hash] = struct{}{}
	s.size += 16
	s.all(string(text))
	if plain := redact.DecodeBase64(view(text)); plain != "" {
		s.all(plain)
	}
}

func (s *secrets) all(text string) {
	s.put(text)
	if len(text) < minDocument {
		return
	}
	redact.Find(text, &s.parts)
	if strings.IndexByte(text, '\n') >= 0 {
		for line := range strings.Lines(text) {
			s.part(line)
		}
		return
	}
	// A long text may be broken into lines elsewhere, as base64 is.
	for _, width := range [...]int{64, 76} {
		for i := width; len(text) > 2*width && len(text)-i >= minPart; i += width {
			if utf8.RuneStart(text[i]) {
				s.part(text[i:min(len(text), i+width)])
			}
		}
	}
}

// look finds the secrets inside a string that is not masked itself.
func (s *secrets) look(text []byte) {
	if len(text) < minDocument {
		return
	}
	if text[0] == '{' || text[0] == '[' {
		s.documents++
	}
	if len(text) >= 32 { // The same policy stands in a plan five times.
		hash := maphash.Bytes(s.seed, text)
		if _, ok := s.looked[hash]; ok {
			return
		}
		if len(s.looked) < 1<<16 {
			s.looked[hash] = struct{}{}
		}
	}
	redact.Find(view(text), &s.inside)
}

// found takes a secret that stands in a string.
func (s *secrets) found(secret string) {
	secret = strings.TrimSpace(secret)
	s.put(secret)
	if plain := redact.DecodeBase64(secret); plain != "" {
		s.put(plain)
	}
	if strings.IndexByte(secret, '%') >= 0 { // the password of a URL
		if plain, err := url.PathUnescape(secret); err == nil {
			s.put(plain)
		}
	}
}

// part takes a part of a masked string, unless many texts have such a part.
func (s *secrets) part(text string) {
	if text = strings.TrimSpace(text); len(text) >= minPart && s.size < maxSecrets/2 && !commonLine(text) {
		s.put(text)
	}
}

// put keeps a text's start.
func (s *secrets) put(text string) {
	if len(text) < minSecret || utf8.RuneCountInString(text[:min(len(text), secretPrefix)]) < minSecret {
		return
	}
	if len(text) > secretPrefix {
		end := secretPrefix
		for !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	if _, ok := s.texts[text]; ok || strings.HasPrefix(text, "[redacted") {
		return
	}
	const overhead = 64 // of a string in a map
	s.size += len(text) + overhead
	s.texts[strings.Clone(text)] = struct{}{}
}

// commonWords start lines of scripts and of other texts that say nothing about whose they are.
var commonWords = set("set", "if", "then", "else", "elif", "fi", "for", "do", "done", "while", "case", "esac", "exit", "return", "trap", "source", "cd",
	"apt", "apt-get", "yum", "dnf", "apk", "zypper", "snap", "pip", "npm", "amazon-linux-extras", "systemctl", "service", "mkdir", "chmod", "chown", "ln", "rm", "cp",
	"mount", "umount", "sleep", "wait", "sysctl", "modprobe", "hostnamectl", "timedatectl", "sudo",
	"content-type:", "mime-version:", "content-transfer-encoding:", "content-disposition:", "apiversion:", "kind:", "from", "user", "workdir", "expose", "entrypoint")

// commonLine reports whether a line is rather the language's than the author's: set -euo pipefail, a comment, the first line
// of a PEM block. An ARN is not secret either, and many have it.
func commonLine(line string) bool {
	if line[0] == '#' || strings.HasPrefix(line, "//") || strings.HasPrefix(line, "-----") || strings.HasPrefix(line, "arn:") {
		return true
	}
	first, _, _ := strings.Cut(line, " ")
	return len(first) <= 26 && commonWords[strings.ToLower(first)] && !slices.ContainsFunc(strings.Fields(line), longWord)
}

// longWord reports whether a word of a line could be a secret by itself.
func longWord(word string) bool {
	return len(word) >= minPart && strings.ContainsFunc(word, unicode.IsDigit) && strings.ContainsFunc(word, unicode.IsLetter)
}
