package identity

import (
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/trustelem/zxcvbn/frequency"
)

// common is what people use as passwords, and what a guesser tries next: words and names. The lists are those of zxcvbn: from
// 30,000 leaked passwords and the most frequent words of English, in the order of their use.
var common = sync.OnceValue(func() map[string]struct{} {
	known := make(map[string]struct{})
	for _, list := range frequency.FrequencyLists {
		for _, word := range list {
			if len(word) >= minPassword { // The others are too short anyway.
				known[strings.ToLower(word)] = struct{}{}
			}
		}
	}
	return known
})

// ourWords are what people make passwords of because of where they use them. docs/asvs.md lists them.
var ourWords = []string{"driftsentry", "terraform", "opentofu", "drift", "sentry", "tofu", "password", "viewer", "engineer", "admin"}

// ofOurWords reports whether a password is one of our words, or a part of the email between dots, with digits and signs around it.
func ofOurWords(lower, email string) bool {
	word := strings.TrimFunc(lower, func(r rune) bool { return !unicode.IsLetter(r) })
	parts := strings.FieldsFunc(strings.ToLower(email), func(r rune) bool { return strings.ContainsRune(".@+", r) })
	return slices.Contains(ourWords, word) || word != "" && slices.Contains(parts, word)
}

// newPassword is for a password that is set. One that was set before this rule still signs its user in.
func (in *input) newPassword(field, value, email string) {
	before := len(in.fields)
	in.password(field, value)
	if len(in.fields) > before {
		return
	}
	lower := strings.ToLower(value)
	local, _, _ := strings.Cut(email, "@")
	if _, known := common()[lower]; known {
		in.refuse(field, "must not be a word, a name or a common password; use several words, or random characters")
	} else if strings.EqualFold(value, email) || strings.EqualFold(value, local) {
		in.refuse(field, "must not be the email or its first part")
	} else if ofOurWords(lower, email) {
		in.refuse(field, "must not be a word of this product, or a part of the email, with digits or signs around it; use several words")
	}
}
