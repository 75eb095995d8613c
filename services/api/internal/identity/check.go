package identity

import (
	"fmt"
	"net/mail"
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/legible"
)

// Bounds of user input, in characters.
const (
	minPassword, maxPassword = 8, 255
	maxEmail                 = 254 // RFC 3696, erratum 1690
	maxName                  = 200
	maxKeyName               = 100
	maxToken                 = 255
)

// input collects the errors of an input, so that the caller gets all of them in one response.
type input struct{ fields []apierror.Field }

func (in *input) refuse(field, format string, args ...any) {
	in.fields = append(in.fields, apierror.Field{Field: field, Message: fmt.Sprintf(format, args...)})
}

func (in *input) err() error {
	if len(in.fields) == 0 {
		return nil
	}
	return apierror.InvalidFields(in.fields...)
}

// text requires a line of at least one character.
func (in *input) text(field, value string, most int) {
	switch n := utf8.RuneCountInString(value); {
	case n < 1 || n > most:
		in.refuse(field, "must have 1 to %d characters", most)
	default:
		if problem := legible.Line(value); problem != "" {
			in.refuse(field, "%s", problem)
		}
	}
}

// password may have any character.
func (in *input) password(field, value string) {
	if n := utf8.RuneCountInString(value); n < minPassword || n > maxPassword {
		in.refuse(field, "must have %d to %d characters", minPassword, maxPassword)
	}
}

// address is what HTML's <input type=email> takes (https://html.spec.whatwg.org/#valid-e-mail-address).
var address = regexp.MustCompile("^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?" +
	`(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$`)

func (in *input) email(value string) {
	// The parser checks the dots that the expression allows.
	if parsed, err := mail.ParseAddress(value); err != nil || parsed.Address != value || len(value) > maxEmail || !address.MatchString(value) {
		in.refuse("email", "must be an email address")
	}
}

func (in *input) role(value Role) {
	if !value.Valid() {
		in.refuse("role", "must be one of viewer, engineer, admin")
	}
}

func (in *input) token(field, value string) {
	if value == "" || len(value) > maxToken {
		in.refuse(field, "must have 1 to %d characters", maxToken)
	}
}

func (in *input) expiry(value *time.Time, now time.Time) {
	if value != nil && !value.After(now) {
		in.refuse("expiresAt", "must be in the future")
	}
}
